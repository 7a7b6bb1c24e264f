"""A folder of its own for each launch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short, for the Unix sockets in it: pytest's own folders are deep."""
    with TemporaryDirectory(prefix="g-") as name:
        for each in ("scratch", "logs"):
            Path(name, each).mkdir()
        yield Path(name)
