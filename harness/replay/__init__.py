"""One cell again, watched, or without us."""
