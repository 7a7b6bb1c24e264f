"""A round in which the generator itself was late says nothing of the server: it is thrown away, once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ..model import Grade, Load
from .arena import Arena

ROUNDS = 2
"""Tries at a round in which the generator keeps up: another program's burst of work passes."""


async def once_more_if_late(arena: Arena, once: Callable[[], Awaitable[Load]]) -> Load:
    """Return the cell that `once` makes, or that of its second round where the first was invalid and may change.

    Raises BadConfiguration for a parameter that is no number, before anything is started, and what `once` raises.
    """
    for name in arena.parameters:
        arena.number(name)
    for _ in range(ROUNDS - 1):
        arena.begin_round()
        cell = await once()
        if cell.grade is not Grade.INVALID or not arena.may_change:
            return cell
        arena.progress(0.0, "the generator could not keep up; once more")
    arena.begin_round()
    return await once()
