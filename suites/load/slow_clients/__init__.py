"""Scenarios with slow clients."""
