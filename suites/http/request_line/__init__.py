"""The request line: its grammar, the HTTP version and the forms of a request target."""
