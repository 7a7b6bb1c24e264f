"""The conformance cases of HTTP/1.1."""
