"""Differential fuzzing: the same requests to several servers, and the differences between their reactions."""
