"""What all processes of pytest-xdist have in common in one run: a folder, locks in it, and what one of them made."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


def of_all_processes(factory: pytest.TempPathFactory) -> Path:
    """Return the temporary folder of this run of pytest."""
    own = factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@contextmanager
def one_at_a_time(lock: Path) -> Iterator[None]:
    """Wait until no other process has the file `lock` locked. A process that ends has given it back."""
    with lock.open("w") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        yield


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Return the folder of that name, which `make` made and filled: once in a run, in whichever process asks first."""
    common = of_all_processes(factory)
    folder, made = common / name, common / f"{name}.made"
    with one_at_a_time(common / f"{name}.lock"):
        if not made.exists():
            make(folder)
            made.touch()
    return folder
