"""The body: which iterables there are, and that each block is sent whole, at once and as it is."""
