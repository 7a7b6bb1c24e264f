"""Header fields of a request: their syntax, and what of them reaches the app."""
