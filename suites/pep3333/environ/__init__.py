"""environ: its type, its required variables and their values for a request."""
