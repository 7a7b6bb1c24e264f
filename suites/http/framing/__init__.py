"""Where a request's body ends: Content-Length, Transfer-Encoding, and what must never be guessed.

Two servers in a chain that disagree on it let one client put words into another client's mouth (request smuggling).
"""
