"""Apps of five frameworks: the same requests and responses must work on every server."""
