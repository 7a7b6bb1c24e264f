"""Request headers: their syntax, and the values that reach the app."""
