"""What a server is put through."""
