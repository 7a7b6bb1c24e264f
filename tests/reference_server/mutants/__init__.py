"""Servers with one fault each. A fault replaces small functions of the reference server, before it serves.

A function that installs the fault defines the mutant: its name, its docstring (the fault), and in `@mutant` the cases
that must find the fault. `http/framing/cl-syntax` stands for all variants of that case.
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
    """Install the fault of that name in this process."""
    all_mutants()[name].install()
