"""Checks of every response, whatever the case looks for."""
