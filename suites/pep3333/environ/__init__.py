"""environ: what it is, which variables it must hold, and what they say of the request."""
