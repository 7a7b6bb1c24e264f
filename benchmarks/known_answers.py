"""Check scenarios on real servers whose results are known in advance, and print a table.

    python benchmarks/known_answers.py [--runs 3] [--only waitress] [--skip idle-hoard]

Each line of the table is one server in one scenario, repeated --runs times, one after the other. No other program
should run on the machine. If the generator calls a cell invalid, it is repeated at most twice. A result is correct if
it was correct in every run. The known servers of tests/known_servers/ that take a minute are part of the table.

Ends with 0 if all results are correct, 1 if not, 2 if a server is missing.
"""

# ruff: noqa: T201 - this script prints its result

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import trio

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.errors import GauntletError
from wsgi_gauntlet.harness.load.analysis.units import format_seconds
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.model import Grade, ScenarioResult
from wsgi_gauntlet.harness.server import planning

TESTS = Path(__file__).resolve().parents[1] / "tests"

KNOWN_SERVERS = {
    "thread_per_connection": "{python} -m known_servers.thread_per_connection {host} {port} {threads} {app}",
    "hangs_when_full": "{python} -m known_servers.hangs_when_full {host} {port} 40 {app}",
    "nagle_delay": "{python} -m known_servers.nagle_delay {host} {port} {app}",
    "delays_pages": "{python} -m known_servers.delays_pages {host} {port} 20 500 {app}",
}

TRIES = 3
"""Tries of a run until the generator keeps up."""

SLOW_HEADERS_BYTE, SLOW_BODY_LENGTH = "slow-headers/byte", "slow-body/length"

DELAYED = {"clients": 1, "baseline": 2.0, "duration": 2.0, "recovery": 0.5, "budget": 0.1}
"""Enough requests for a p99, and no search, because this server is slow with and without slow clients."""

WORKER_TIMEOUT = 30.0
"""Seconds: the default of gunicorn's --timeout."""

SILENT = 7.0
"""Seconds: a thread of gunicorn's gthread waits DEFAULT_WORKER_DATA_TIMEOUT, 5 s, for the first byte of a new
connection. Then it waits --keep-alive, 2 s, without a thread, and closes. During the 5 s as many silent clients as
threads block the server."""

CONNECTION_LIMIT = 100
"""The default connection_limit of waitress. Two of these are its listening socket and its wake-up pipe."""

OFTEN = {"rate": 60, "clients": 2, "baseline": 1.0, "duration": 1.5, "recovery": 3.0, "budget": 0.1}
"""Kept connections get the next request so soon that the kernel of the client delays its ACKs."""


@dataclass(frozen=True)
class KnownAnswer:
    """The expected result of `scenario` on `server`, in words and as a check of the cell."""

    server: str
    scenario: str
    expected: str
    is_correct: Callable[[ScenarioResult], bool]
    parameters: Mapping[str, float] = field(default_factory=dict)


def collapses(near: int, within: int = 1) -> Callable[[ScenarioResult], bool]:
    """Return a check that N* is `near`, with a tolerance of `within`."""
    return lambda cell: (
        cell.grade is Grade.COLLAPSED and cell.collapse is not None and abs(cell.collapse - near) <= within
    )


def unaffected(cell: ScenarioResult) -> bool:
    """Return whether no number of slow clients affected the users."""
    return cell.grade is Grade.UNAFFECTED and cell.collapse is None


def killed(cell: ScenarioResult) -> bool:
    """Return whether the master of gunicorn ended the worker, and with it the connection of the slow client."""
    after = cell.disconnect.after if cell.disconnect else None
    in_time = after is not None and WORKER_TIMEOUT - 1 <= after <= WORKER_TIMEOUT + 5
    return cell.grade is Grade.COLLAPSED and in_time and "WORKER TIMEOUT" in cell.log


def disconnected_in_time(cell: ScenarioResult) -> bool:
    """Return whether the server disconnected its slow clients, as gthread does with silent clients."""
    after = cell.disconnect.after if cell.disconnect else None
    return collapses(4)(cell) and after is not None and SILENT - 1 <= after <= SILENT + 1.5


def never_disconnected(cell: ScenarioResult) -> bool:
    """Return whether the server never disconnected its slow clients."""
    return collapses(4)(cell) and cell.disconnect is not None and cell.disconnect.how == "never"


PRECISE = 0.02
"""The allowed relative distance of a latency from that of the server's clock."""


def as_logged(cell: ScenarioResult) -> bool:
    """Return whether the p99 of the first two phases is the delay that the server logged, to 2 %."""
    logged = [float(each) for each in re.findall(r"^delayed ([\d.]+)$", cell.log, re.MULTILINE)]
    marks = [each.p99 for each in cell.phases[:2] if each.p99 is not None]
    least, most = (end(logged, default=0.0) for end in (min, max))
    return len(marks) == 2 and all(least * (1 - PRECISE) <= each <= most * (1 + PRECISE) for each in marks)


def names_nagle(cell: ScenarioResult) -> bool:
    """Return whether Nagle's algorithm is the only caveat."""
    return len(cell.caveats) == 1 and "Nagle" in cell.caveats[0]


def answers() -> list[KnownAnswer]:
    """Return the table of SCENARIOS.md, and the known servers that take a minute."""
    search = {"budget": 40.0}
    few = {"clients": 16, **search}
    many = {"clients": 64, **search}
    beyond = {"clients": 160, **search}
    known = [KnownAnswer("werkzeug:single", SLOW_HEADERS_BYTE, "collapses at 1", collapses(1, within=0), few)]
    for workers in (1, 2, 4):
        server = f"gunicorn:sync[workers={workers}]"
        known += [
            KnownAnswer(server, each, f"collapses at about {workers}", collapses(workers), few)
            for each in (SLOW_HEADERS_BYTE, SLOW_BODY_LENGTH)
        ]
    known += [
        KnownAnswer(
            "gunicorn:sync[workers=2]",
            each,
            f"its worker is killed after {WORKER_TIMEOUT:g} s",
            killed,
            {**few, "disconnect_wait": 40.0},
        )
        for each in (SLOW_HEADERS_BYTE, SLOW_BODY_LENGTH)
    ]
    known += [
        KnownAnswer(
            "gunicorn:gthread[threads=4]",
            "slow-headers/silent",
            "collapses at about 4, disconnected after 7 s",
            disconnected_in_time,
            few,
        ),
        KnownAnswer(
            "gunicorn:gthread[threads=4]",
            "slow-headers/first-byte",
            "collapses at about 4, never disconnected",
            never_disconnected,
            few,
        ),
        KnownAnswer("waitress", SLOW_HEADERS_BYTE, "unaffected below its connection_limit", unaffected, many),
        KnownAnswer("waitress", SLOW_BODY_LENGTH, "unaffected below its connection_limit", unaffected, many),
        *(
            KnownAnswer("waitress", each, "collapses at about 98", collapses(CONNECTION_LIMIT - 2, within=4), beyond)
            for each in (SLOW_HEADERS_BYTE, SLOW_BODY_LENGTH, "idle-hoard")
        ),
        *(
            KnownAnswer("nginx+gunicorn:sync", each, "unaffected", unaffected, many)
            for each in (SLOW_HEADERS_BYTE, SLOW_BODY_LENGTH, "slow-read")
        ),
        *(
            KnownAnswer(
                f"thread_per_connection[threads={number}]",
                SLOW_HEADERS_BYTE,
                f"collapses at {number}",
                collapses(number),
                few,
            )
            for number in (1, 3, 7, 12)
        ),
        KnownAnswer("delays_pages", SLOW_HEADERS_BYTE, "p99 as logged, to 2 %", as_logged, DELAYED),
        KnownAnswer(
            "delays_pages",
            "throughput",
            "p99 as logged, to 2 %",
            as_logged,
            {"clients": 1, "factor": 2, "duration": 2.5},
        ),
        KnownAnswer("nagle_delay", SLOW_HEADERS_BYTE, "Nagle's algorithm is named", names_nagle, OFTEN),
        KnownAnswer(
            "nagle_delay", "throughput", "Nagle's algorithm is named", names_nagle, {"clients": 16, "factor": 16}
        ),
        KnownAnswer(
            "hangs_when_full",
            SLOW_HEADERS_BYTE,
            "not recovered",
            lambda cell: cell.grade is Grade.NOT_RECOVERED,
            {"clients": 60, "recovery": 60.0, "budget": 0.1},
        ),
    ]
    return known


def cell_of(known: KnownAnswer) -> ScenarioResult:
    """Return the cell of a try in which the generator kept up, if there is one. Raises what launching raises."""
    scenario = registry.scenario(known.scenario)
    plan = planning.plan(known.server, custom=KNOWN_SERVERS, app_path=TESTS)
    for _ in range(TRIES):
        with tempfile.TemporaryDirectory(prefix="g-") as name:
            for each in ("scratch", "logs"):
                Path(name, each).mkdir()
            parameters = scenario.parameters(known.parameters)
            ctx = ScenarioContext(plan, scenario, parameters, scratch=Path(name, "scratch"), logs=Path(name, "logs"))
            cell = trio.run(scenario.run, ctx)
        if cell.grade not in (Grade.INVALID, Grade.INCONCLUSIVE):
            break
    return cell


def describe(cell: ScenarioResult) -> str:
    """Return the result in a few words."""
    at = f" at {cell.collapse}" if cell.collapse is not None else ""
    goodput = f", goodput {cell.goodput * 100:.0f} %" if cell.goodput is not None else ""
    end = cell.disconnect
    disconnect = f", {end.how} after {format_seconds(end.after)}" if end and end.after is not None else ""
    return f"{cell.grade.label}{at}{goodput}{disconnect}"


def main() -> int:
    """Run the chosen lines and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default="", help="only lines with this text in the name of the server or scenario")
    parser.add_argument("--skip", default=None, help="no lines with this text")
    options = parser.parse_args()
    here = {each.id for each in registry.scenarios()}
    failed = missing = 0
    rows = []
    for known in answers():
        line = f"{known.server} {known.scenario}"
        if options.only not in line or (options.skip and options.skip in line) or known.scenario not in here:
            continue
        results: list[str] = []
        correct = 0
        for _ in range(options.runs):
            try:
                cell = cell_of(known)
            except GauntletError as problem:
                results.append(f"{type(problem).__name__}: {problem}")
                missing += 1
                break
            results.append(describe(cell))
            correct += known.is_correct(cell)
            print(f"{line}: {results[-1]}", file=sys.stderr)
        failed += correct < options.runs
        rows.append((known, results, correct))
    for known, results, correct in rows:
        line = f"{known.server:30} {known.scenario:25} {known.expected:36} {correct} of {options.runs}"
        print(f"{line}  {' | '.join(results)}")
    return 2 if missing else 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
