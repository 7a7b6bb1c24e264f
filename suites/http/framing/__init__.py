"""The end of a request's body: Content-Length, Transfer-Encoding and unread bytes.

If two servers in a chain disagree about this end, one client can send requests in another client's name (request
smuggling).
"""
