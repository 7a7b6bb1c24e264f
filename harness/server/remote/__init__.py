"""Servers that someone else started, and the proof that they may be loaded."""
