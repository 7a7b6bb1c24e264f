"""Labels, units, escaping and truncation of text."""
