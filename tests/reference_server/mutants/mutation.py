"""Helpers that define mutants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Mutant:
    """One fault of a server: `wrong` describes it, and `cases` are the ids of the cases that must find it."""

    name: str
    wrong: str
    cases: tuple[str, ...]
    install: Callable[[], None]


def mutant(*cases: str) -> Callable[[Callable[[], None]], Mutant]:
    """Turn a function that installs a fault into a `Mutant`."""

    def decorate(function: Callable[[], None]) -> Mutant:
        wrong = " ".join((function.__doc__ or "").split())
        return Mutant(function.__name__.replace("_", "-"), wrong, cases, function)

    return decorate


def replace(owner: Any, name: str, wrong: Any) -> None:
    """Replace `owner.name` with `wrong`."""
    if not hasattr(owner, name):
        raise AttributeError(f"{owner} has no {name} to be replaced")
    setattr(owner, name, wrong)


def wrap_function(owner: Any, name: str, wrong: Callable[..., Any]) -> None:
    """Replace the function `owner.name` with `wrong`, which gets the original as its first argument."""
    right = getattr(owner, name)

    def wrapper(*arguments: Any, **named: Any) -> Any:
        return wrong(right, *arguments, **named)

    replace(owner, name, wrapper)


def is_harness_path(path: str) -> bool:
    """Return whether the harness itself requests this path to check that the server responds.

    A fault must not appear in these requests: otherwise it appears before a case begins.
    """
    return path.endswith(("/nonce", "/sync"))
