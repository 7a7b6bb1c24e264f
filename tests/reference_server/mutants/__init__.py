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


def place(name: str) -> str:
    """Return where the fault of that name is, for `install`: a server starts sooner that imports no other faults."""
    function = all_mutants()[name].install
    return f"{function.__module__.rpartition('.')[2]}.{function.__name__}"


def install(place: str) -> None:
    """Install the fault of that place in this process."""
    module, _, name = place.partition(".")
    getattr(importlib.import_module(f"{__name__}.{module}"), name).install()
