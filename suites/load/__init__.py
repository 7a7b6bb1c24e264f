"""Scenarios: each measures how healthy users are served during one kind of load."""
