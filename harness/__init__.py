"""The engine: it launches servers, runs cases and scenarios, and judges."""
