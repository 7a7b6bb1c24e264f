"""What a server owes its clients."""
