"""What a server owes its app."""
