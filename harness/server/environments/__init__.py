"""Releases of servers, and environments that hold one each."""
