"""Clients other than the healthy users: slow ones, those that come once, those that vanish."""
