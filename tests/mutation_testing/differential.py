"""Find out whether a mutant that passed the catalogue behaves differently on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from wsgi_gauntlet.harness.fuzz.differences import difference
from wsgi_gauntlet.harness.fuzz.inputs import FuzzInput, inputs
from wsgi_gauntlet.harness.fuzz.observation import Observation
from wsgi_gauntlet.harness.fuzz.observer import observe_bytes, observe_inputs
from wsgi_gauntlet.harness.server.instance import running

from .operators import ToolMutant
from .score import create_folders, plan

INPUTS = 500
"""Inputs of the fuzzer that each mutant gets."""


def some_inputs(seed: int, count: int = INPUTS) -> list[FuzzInput]:
    """Return the inputs: the same ones for the same seed."""
    return list(islice(inputs(seed), count))


async def reference_observations(sources: Path, chosen: Sequence[FuzzInput]) -> list[Observation]:
    """Return the reactions of the reference server."""
    with TemporaryDirectory(prefix="mutation-") as folder:
        folders = create_folders(folder)
        async with running(plan(sources, None), scratch=folders.scratch, logs=folders.logs) as server:
            return await observe_inputs(server, chosen)


async def first_difference(
    sources: Path, mutant: ToolMutant, chosen: Sequence[FuzzInput], expected: Sequence[Observation]
) -> str:
    """Return the input for which `mutant` differs from the reference server, and the difference; '' if none does."""
    with TemporaryDirectory(prefix="mutation-") as folder:
        folders = create_folders(folder)
        async with running(plan(sources, mutant), scratch=folders.scratch, logs=folders.logs) as server:
            for each, wanted in zip(chosen, expected, strict=True):
                observed = await observe_bytes(server, each.data)
                if found := difference(wanted, observed):
                    return f"{each.data[:200]!r}: {found}"
    return ""
