"""Chunked request bodies: decoded if they are correct, rejected if their framing is invalid.

A server that accepts no chunked bodies may answer 411 (RFC 9112, section 6.3).
"""
