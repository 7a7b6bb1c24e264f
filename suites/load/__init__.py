"""What ordinary users get while others are slow."""
