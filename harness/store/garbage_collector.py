"""Pause the garbage collector while results are read and reports are written."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def garbage_collector_paused() -> Iterator[None]:
    """Pause the garbage collector during the block. The context manager can also be a decorator.

    Results and a report are a million small objects that all stay until the end. The collector would take a fifth of
    the time that a user waits after Ctrl-C.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
