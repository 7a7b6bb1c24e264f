"""Connections: persistence, pipelining and TCP segmentation."""
