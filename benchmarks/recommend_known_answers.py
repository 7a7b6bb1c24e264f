"""Search a server for the apps of tests/known_apps/, whose answers are known in advance, and print a table.

    python benchmarks/recommend_known_answers.py [--runs 3] [--budget 150s] [--only holds_lock] [--keep DIR]
                                                 [--python .servers/bin/python]

Each line of the table is one search. No other program should run on the machine. A search whose measurements the
machine disturbed is repeated at most twice. An app is correct if it was correct in every run.

Ends with 0 if all answers are correct, 1 if not, 2 if a server is missing.
"""

# ruff: noqa: T201 - this script prints its result

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from wsgi_gauntlet.harness.errors import EXIT_FAILED, EXIT_INVALID
from wsgi_gauntlet.harness.model.recommendation import Answer, Recommendation, RecommendationCandidate, Stage
from wsgi_gauntlet.harness.store import journal

TESTS = Path(__file__).resolve().parents[1] / "tests"

TRIES = 3
"""Tries of a run until the machine keeps up."""

WAIT_SECONDS, LITTLE_TOLERANCE = 0.05, 0.15
"""Seconds that a page of waits_50_ms takes, and how far a capacity may be from Little's law."""

LOCK_RATE, LOCK_TOLERANCE = 50.0, 0.15
"""Pages per second of holds_lock, 20 ms each, and how far the figure in the sentence may be from it."""

SINGLE, EQUAL = "gunicorn:sync[workers=1]", "gunicorn:sync[workers=2]"
FEW_THREADS, MANY_THREADS = "gunicorn:gthread[workers=1,threads=4]", "gunicorn:gthread[workers=1,threads=16]"


@dataclass(frozen=True)
class KnownApp:
    """The servers to search for an app, more `options`, and a check that yields what is wrong with the answer."""

    servers: tuple[str, ...]
    faults: Callable[[Recommendation], Iterator[str]]
    expected: str
    options: tuple[str, ...] = ("--slow-clients", "0")
    traffic: bool = False


def says(found: Recommendation, *parts: str) -> bool:
    """Say whether one sentence of the answer has all `parts`."""
    return any(all(part in reason.text for part in parts) for reason in found.reasons)


def capacity(found: Recommendation, name: str) -> float:
    """Return the capacity of a candidate in requests/s, 0 if it is unknown."""
    return next(
        (
            each.capacity.value
            for each in found.figures
            if each.candidate == name and each.capacity is not None and each.capacity.value is not None
        ),
        0.0,
    )


def unmeasured(found: Recommendation) -> list[str]:
    """Return the candidates that the machine disturbed in every measurement."""
    out = {each.candidate for each in found.eliminated if each.stage in (Stage.START, Stage.CORRECTNESS)}
    return [each.candidate for each in found.figures if each.candidate not in out and not each.is_measured]


def of_cpu_bound(found: Recommendation) -> Iterator[str]:
    """Yield the faults of the answer for an app that computes."""
    if not says(found, "More workers than cores gain nothing"):
        yield "it does not say that more workers than cores gain nothing"
    if not says(found, "More threads gain nothing"):
        yield "it does not say that more threads gain nothing"
    if not says(found, "CPU time is the limit"):
        yield "it does not say that CPU time is the limit"


def of_waits(found: Recommendation) -> Iterator[str]:
    """Yield the faults of the answer for an app that waits for 50 ms."""
    if not says(found, "The app waits", "N threads serve"):
        yield "it does not say that the app waits"
    for name, at_once in ((SINGLE, 1), (FEW_THREADS, 4), (MANY_THREADS, 16)):
        law = at_once / WAIT_SECONDS
        if not abs(capacity(found, name) - law) <= LITTLE_TOLERANCE * law:
            yield f"{name} serves {capacity(found, name):.0f}/s, and Little's law gives {law:.0f}/s"
    winner = _winner(found)
    if winner is None or not (winner.variant in ("gevent", "eventlet") or (winner.threads or 1) > 1):
        yield f"{found.winner or 'nobody'} wins, which has no threads or greenlets"


def of_lock(found: Recommendation) -> Iterator[str]:
    """Yield the faults of the answer for an app that serves one request at a time."""
    if not says(found, "one request at a time, whatever the server does", "No server helps"):
        yield "it does not say that nothing helps"
    for each in found.figures:
        if not abs(capacity(found, each.candidate) - LOCK_RATE) <= LOCK_TOLERANCE * LOCK_RATE:
            yield f"{each.candidate} serves {capacity(found, each.candidate):.0f}/s, and the lock allows 50/s"


def of_leak(found: Recommendation) -> Iterator[str]:
    """Yield the faults of the answer for an app that keeps 64 KB for each page."""
    if not says(found, "The app leaks memory"):
        yield "it does not say that the app leaks"
    over = [each.candidate for each in found.eliminated if "of memory, and the limit is" in each.reason]
    if not over and not says(found, "of memory, and the limit is"):
        yield "no candidate is out because of its memory"


def of_mixed_up_users(found: Recommendation) -> Iterator[str]:
    """Yield the faults of the answer for an app that is not thread-safe."""
    winner = _winner(found)
    if winner is None or winner.threads != 1:
        yield f"{found.winner or 'nobody'} wins, which has threads"
    if not says(found, "not thread-safe"):
        yield "it does not say that the app is not thread-safe"
    proven = [each for each in found.eliminated if each.stage is Stage.CORRECTNESS and each.evidence]
    if not proven:
        yield "no candidate with threads is out with evidence"
    for each in found.eliminated:
        if each.stage is Stage.CORRECTNESS and found.candidate(each.candidate).threads == 1:
            yield f"{each.candidate} has one thread and is out: {each.reason}"


def of_slow_uploads(found: Recommendation) -> Iterator[str]:
    """Yield the faults of the answer for an app whose workers wait for slow uploads."""
    winner = _winner(found)
    # waitress reads requests in an event loop, and gives complete ones to its threads.
    if winner is None or not (winner.front or winner.server == "waitress" or winner.variant == "gevent"):
        yield f"{found.winner or 'nobody'} wins, which is neither behind a proxy nor asynchronous"


APPS = {
    "cpu_bound": KnownApp(
        (
            EQUAL,
            "gunicorn:sync[workers=8]",
            "gunicorn:gthread[workers=2,threads=1]",
            "gunicorn:gthread[workers=2,threads=8]",
        ),
        of_cpu_bound,
        "more workers than cores gain nothing, and threads gain nothing",
    ),
    "waits_50_ms": KnownApp(
        (SINGLE, FEW_THREADS, MANY_THREADS, "gunicorn:gevent[workers=1]"),
        of_waits,
        "threads or greenlets win, by Little's law to 15 %",
        ("--slow-clients", "0", "--peak", "60/s"),
    ),
    "holds_lock": KnownApp(
        (SINGLE, EQUAL, FEW_THREADS, "gunicorn:gthread[workers=2,threads=8]"),
        of_lock,
        "one at a time: nothing helps",
    ),
    "leaks_memory": KnownApp(
        (SINGLE, "gunicorn:sync[workers=4]", FEW_THREADS, "waitress"),
        of_leak,
        "the leak is found, and memory decides",
        ("--slow-clients", "0", "--peak", "100/s", "--memory", "150MB"),
    ),
    "mixes_up_users": KnownApp(
        (EQUAL, FEW_THREADS, "waitress", "waitress[threads=1]"),
        of_mixed_up_users,
        "threads are ruled out, with evidence",
        traffic=True,
    ),
    "slow_uploads": KnownApp(
        (EQUAL, "gunicorn:gthread[workers=2,threads=8]", f"nginx+{EQUAL}", "waitress"),
        of_slow_uploads,
        "a proxy or an asynchronous server wins",
        ("--users", "120", "--slow-clients", "60"),
        traffic=True,
    ),
}


def _winner(found: Recommendation) -> RecommendationCandidate | None:
    return found.candidate(found.winner) if found.winner else None


def command(name: str, budget: str, out: Path, python: str = "") -> list[str]:
    """Return the command line of the search for the app `name`."""
    known = APPS[name]
    traffic = ("--traffic", f"known_apps/{name}.toml") if known.traffic else ()
    return [
        "recommend", "--app", f"known_apps.{name}:app", "--servers", ",".join(known.servers), *known.options, *traffic,
        "--budget", budget, "--out", str(out), *(("--python", python) if python else ()),
    ]  # fmt: skip


def search(name: str, budget: str, out: Path, python: str) -> tuple[Recommendation, int]:
    """Return what the command found, and its exit code."""
    argv = command(name, budget, out, python)
    print(f"$ wsgi-gauntlet {' '.join(argv)}", flush=True)
    done = subprocess.run(
        [sys.executable, "-m", "wsgi_gauntlet", *argv], cwd=TESTS, capture_output=True, text=True, check=False
    )
    if done.returncode not in (0, EXIT_FAILED, EXIT_INVALID):
        print(done.stderr, file=sys.stderr)
        sys.exit(done.returncode)
    found = journal.read(out).recommendation
    assert found is not None
    return found, done.returncode


def line(name: str, found: Recommendation, faults: list[str]) -> str:
    """Return a search as text: the answer, its figures and what is wrong with it."""
    figures = ", ".join(
        f"{each.name} {capacity(found, each.name):.0f}/s" for each in found.candidates if capacity(found, each.name)
    )
    verdict = "; ".join(faults) if faults else "correct"
    reasons = "\n".join(f"    {each.text}" for each in found.reasons)
    return (
        f"{name}: {verdict}\n    {found.headline} {found.rounds} rounds, {found.seconds:.0f} s, "
        f"{len(found.invalid)} invalid trials. {figures}\n{reasons}"
    )


def main() -> None:
    """Run the searches and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--budget", default="150s")
    parser.add_argument("--only", choices=sorted(APPS), action="append")
    parser.add_argument("--keep", type=Path, help="folder for the runs")
    parser.add_argument("--python", default="", help="interpreter that runs the servers")
    options = parser.parse_args()
    wrong: list[str] = []
    python = str(Path(options.python).absolute()) if options.python else ""
    with tempfile.TemporaryDirectory() as temporary:
        folder = (options.keep or Path(temporary)).resolve()
        for name in options.only or APPS:
            for number in range(1, options.runs + 1):
                for attempt in range(1, TRIES + 1):
                    found, code = search(name, options.budget, folder / f"{name}-{number}-{attempt}", python)
                    if code != EXIT_INVALID and not unmeasured(found):
                        break
                faults = list(APPS[name].faults(found))
                if found.answer is Answer.NOT_DECIDED:
                    faults.insert(0, found.headline)
                wrong += [f"{name}, run {number}"] if faults else []
                print(line(name, found, faults), flush=True)
    print(f"wrong: {', '.join(wrong)}" if wrong else "all answers are correct")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
