"""A part of a run: one of the runs of `--shard K/N`, which `report` joins."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

PART_KEY = "part"
"""The key of a run's environment with its RunPart."""

MAX_PARTS = 999_999
"""The largest number of parts that `--shard` takes."""


class RunPart(msgspec.Struct, frozen=True):
    """Part `number` (from 1) of `of` parts. The other parts have the same `configuration`.

    It has the versions and the fingerprints of everything that decides the cells of the run, by the name that a user
    knows, for example `--traffic`.
    """

    number: int
    of: int
    configuration: dict[str, str] = {}

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


def part_of(environment: Mapping[str, object]) -> RunPart | None:
    """Return which part a run with this environment is; None for a whole run."""
    try:
        found = msgspec.convert(environment.get(PART_KEY), RunPart | None)
    except msgspec.ValidationError:
        return None  # another program wrote it
    return found if found is not None and 1 <= found.number <= found.of <= MAX_PARTS else None
