"""Probes: what the harness observes of a server and of the machine during and after load."""
