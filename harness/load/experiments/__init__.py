"""The open models that are run on lanes, and what is concluded from them."""
