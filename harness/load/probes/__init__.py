"""What is seen of a server while it is under load, and after."""
