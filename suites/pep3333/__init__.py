"""The requirements of PEP 3333 for a server."""
