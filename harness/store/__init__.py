"""The journal of a run and the files made from it."""
