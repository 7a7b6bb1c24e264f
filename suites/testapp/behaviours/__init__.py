"""What the test app does below each path."""
