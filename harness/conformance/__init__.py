"""From what is sent to one cell to its verdict."""
