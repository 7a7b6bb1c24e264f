"""From what was measured to grades, sentences and doubts. Values in, values out."""
