"""Scenarios that measure rates."""
