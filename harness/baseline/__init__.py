"""The verdicts that a user accepts for now."""
