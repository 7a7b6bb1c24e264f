"""Scenarios about what operators do: reloads, worker failures, disconnects, long runs."""
