"""Connections: kept, closed, shared by several requests, and slow in pieces."""
