"""Memory of the harness: what evidence of large bodies needed for a moment goes back to the system."""

from __future__ import annotations

import ctypes

M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
"""Parameters of mallopt(3), from malloc.h of glibc."""

MMAP_THRESHOLD = 256 * 1024
"""Bytes from which a block has pages of its own, which the system gets back when the block is freed. By itself glibc
raises its threshold to the size of the largest block that was freed, up to 32 MiB. Then bodies share the heap with
small objects that live long, and the heap never shrinks. With 64 KiB each read of a socket would ask for pages."""

TRIM_THRESHOLD = 4 * 1024 * 1024
"""Free bytes at the end of the heap from which they are returned."""


def return_freed_memory() -> None:
    """Have the C library return the memory of large blocks when they are freed. Only glibc needs the call."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD)
        mallopt(M_TRIM_THRESHOLD, TRIM_THRESHOLD)
