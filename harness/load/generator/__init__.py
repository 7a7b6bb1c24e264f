"""Lanes: closed and open loops at high rates, in one process a core."""
