"""The request line: its grammar, the protocol's version, and the forms of a target."""
