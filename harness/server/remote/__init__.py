"""Servers that somebody else started, and the proof that they may be loaded."""
