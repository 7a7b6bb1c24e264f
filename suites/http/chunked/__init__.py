"""Chunked request bodies: decoded where they are right, refused where their framing is broken.

411 is allowed to a server that takes no chunked bodies at all (RFC 9112, section 6.3).
"""
