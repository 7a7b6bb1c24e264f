"""Cases and servers from pytest."""
