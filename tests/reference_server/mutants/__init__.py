"""Servers that are wrong in one thing each. A fault replaces small functions of the reference server, before it serves.

A fault is a function that commits it; its name is the function's, its docstring says what is wrong, and `fault` names
the cases that must not pass on it. A name may stand for a family: `http/framing/cl-syntax` for all its variants.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from .mutation import Mutant


@cache
def all_mutants() -> dict[str, Mutant]:
    """Return all faults by name."""
    found: dict[str, Mutant] = {}
    for module in pkgutil.iter_modules(__path__):
        for value in vars(importlib.import_module(f"{__name__}.{module.name}")).values():
            if isinstance(value, Mutant):
                found[value.name] = value
    return found


def install(name: str) -> None:
    """Commit the fault of that name, in this process."""
    all_mutants()[name].install()
