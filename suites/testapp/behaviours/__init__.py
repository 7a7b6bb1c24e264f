"""The behaviours of the test app, one for each path."""
