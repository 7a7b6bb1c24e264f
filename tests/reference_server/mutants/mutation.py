"""What faults are made with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Mutant:
    """One thing that a server does wrong: `wrong` says what, `cases` the ids that must find it."""

    name: str
    wrong: str
    cases: tuple[str, ...]
    install: Callable[[], None]


def mutant(*cases: str) -> Callable[[Callable[[], None]], Mutant]:
    """Turn a function that commits a fault into that fault."""

    def decorate(function: Callable[[], None]) -> Mutant:
        wrong = " ".join((function.__doc__ or "").split())
        return Mutant(function.__name__.replace("_", "-"), wrong, cases, function)

    return decorate


def replace(owner: Any, name: str, wrong: Any) -> None:
    """Put `wrong` in the place of `owner.name`."""
    if not hasattr(owner, name):
        raise AttributeError(f"{owner} has no {name} to be replaced")
    setattr(owner, name, wrong)


def wrap_function(owner: Any, name: str, wrong: Callable[..., Any]) -> None:
    """Put `wrong` in the place of the function `owner.name`; it gets the right one as its first argument."""
    right = getattr(owner, name)

    def wrapper(*arguments: Any, **named: Any) -> Any:
        return wrong(right, *arguments, **named)

    replace(owner, name, wrapper)


def is_harness_path(path: str) -> bool:
    """Say whether a path is one by which the harness itself asks whether the server is there.

    A fault of every request would show before a case begins; it is to show in the case.
    """
    return path.endswith(("/nonce", "/sync"))
