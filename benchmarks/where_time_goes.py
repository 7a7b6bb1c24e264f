"""Show where the time of a check goes: by phase of an instance, by setup, by family of cases, and the slowest cases.

    benchmarks/where_time_goes.py [ARGUMENTS OF `check`...]

The arguments are those of `wsgi-gauntlet check`; without any, gunicorn is checked. The seconds of a phase are added up
over all instances. They run at the same time, so the sum is larger than the wall time. The CPU time of the servers
includes that of their supervisors. Method: docs/performance.md.
"""

# ruff: noqa: T201 - this script prints its result

from __future__ import annotations

import functools
import resource
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from wsgi_gauntlet.harness.cli.main import main as run_program
from wsgi_gauntlet.harness.conformance import attempt, retry, runner, segmentation_tolerance
from wsgi_gauntlet.harness.server.instance import ServerInstance

SLOWEST = 15
"""Attempts that are listed by themselves."""


@dataclass
class Times:
    """Seconds and calls of each row of each table."""

    seconds: dict[str, dict[str, float]] = field(default_factory=dict)
    calls: dict[str, Counter[str]] = field(default_factory=dict)
    slowest: list[tuple[float, str]] = field(default_factory=list)

    def add(self, table: str, row: str, seconds: float) -> None:
        """Add one call."""
        rows = self.seconds.setdefault(table, {})
        rows[row] = rows.get(row, 0.0) + seconds
        self.calls.setdefault(table, Counter())[row] += 1

    def watch(self, owner: Any, name: str, note: Callable[..., None]) -> None:
        """Call `note` with the seconds and the arguments of each call of the async function `name` of `owner`."""
        original: Callable[..., Awaitable[object]] = getattr(owner, name)

        @functools.wraps(original)
        async def watched(*args: Any, **options: Any) -> object:
            begun = time.monotonic()
            try:
                return await original(*args, **options)
            finally:
                note(time.monotonic() - begun, *args)

        setattr(owner, name, watched)

    def watch_all(self) -> None:
        """Watch what an instance does, and each attempt."""
        phases = {
            "start": (ServerInstance, "start"),
            "stop": (ServerInstance, "_stop"),
            "does it respond, before a case": (attempt, "ensure_responding"),
            "has it ended (part of attempts)": (ServerInstance, "wait_for_end"),
            "may requests be cut": (segmentation_tolerance, "_find_rejection"),
            "attempts": (attempt, "attempt"),
        }
        for phase, (owner, name) in phases.items():
            self.watch(owner, name, lambda seconds, *_, phase=phase: self.add("phase", phase, seconds))
        self.watch(retry, "run_again", self._note_attempt)
        self.watch(runner._ServerRun, "_run_round", self._note_round)  # noqa: SLF001 - its time is wanted

    def _note_attempt(self, seconds: float, case: Any, _server: object, cut: object, earlier: Any) -> None:
        self.add("segmentation", str(cut), seconds)
        self.add("family", "/".join(case.id.split("/")[:2]), seconds)
        self.slowest.append((seconds, f"{case.id}, {cut}, attempt {len(earlier) + 1}"))

    def _note_round(self, seconds: float, _run: object, done: Any) -> None:
        setup = done.group.setup
        needs = [f"{name}={value}" for name in setup.__struct_fields__ if (value := getattr(setup, name))]
        self.add("setup, round (wall time)", f"{', '.join(needs)[:60] or 'plain'}, {done.tries} attempt(s)", seconds)

    def print(self) -> None:
        """Print all tables, the longest row first."""
        for table, rows in self.seconds.items():
            print(f"\n{table:72} calls  seconds")
            for row, seconds in sorted(rows.items(), key=lambda each: -each[1]):
                print(f"{row:72} {self.calls[table][row]:5} {seconds:8.2f}")
        print("\nslowest attempts")
        for seconds, what in sorted(self.slowest, reverse=True)[:SLOWEST]:
            print(f"{what:78} {seconds:8.2f}")


def main() -> None:
    """Check the servers of the command line and print the tables."""
    times = Times()
    times.watch_all()
    sys.argv[1:] = ["check", *(sys.argv[1:] or ["gunicorn"])]
    begun = time.monotonic()
    try:
        run_program()
    finally:
        wall = time.monotonic() - begun
        own, servers = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        print(f"\nwall time {wall:.1f} s; CPU time of the harness {own.ru_utime + own.ru_stime:.1f} s,", end=" ")
        print(f"of the servers {servers.ru_utime + servers.ru_stime:.1f} s; memory {own.ru_maxrss / 1024:.0f} MiB")
        times.print()


if __name__ == "__main__":
    main()
