"""Run one case again: watched step by step, or as a reproducer without wsgi-gauntlet."""
