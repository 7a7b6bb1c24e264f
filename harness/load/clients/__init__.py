"""Clients of the load scenarios: healthy users, slow clients, aborting clients and others."""
