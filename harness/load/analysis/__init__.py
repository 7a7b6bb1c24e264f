"""Compute grades, sentences and caveats from measurements. Values in, values out."""
