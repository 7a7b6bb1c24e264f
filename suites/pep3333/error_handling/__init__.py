"""Failures of the app: the response to the client, the log entry, and the next requests."""
