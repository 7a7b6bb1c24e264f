"""Experiments that several scenarios share: traffic with slow clients, open loops, and comparisons of servers."""
