"""The candidates of a search, in their order: server x variant x workers x threads x front. Pure.

The order is by levels, and each level has one candidate of every server. So a search with room for few candidates has
some of every server, and the same candidates each time.

    level 0    as the server's documentation advises, or a worker for each core
    level 1    the same behind a proxy
    level 2    as the server is without settings
    later      workers and threads from the grid, alone and behind the proxy
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from wsgi_gauntlet.harness.model.recommendation import RecommendationCandidate

FEW_THREADS, MANY_THREADS = 8, 32
"""Threads of a worker: enough for short waits, and for long ones."""

MIN_WORKER_BYTES = 15 << 20
"""Bytes of memory that one more process needs at least: CPython with a small app has as much."""


@dataclass(frozen=True)
class BaseServer:
    """A server and a variant to search. `front` is a proxy that the user named before it, '' for none.

    `workers` and `threads` are those of its documentation's advice. If `fixed`, the user chose the settings, and the
    text of the name is the only candidate.
    """

    text: str
    front: str = ""
    workers: int | None = None
    threads: int | None = None
    fixed: bool = False

    @property
    def has_advice(self) -> bool:
        """Whether the documentation recommends settings."""
        return self.workers is not None or self.threads is not None


@dataclass(frozen=True)
class PossibleCandidate:
    """A candidate that can be started, and what makes it different from others: two with one `key` are the same."""

    candidate: RecommendationCandidate
    key: str


Possible = Callable[[str], PossibleCandidate | None]
"""Returns the candidate with a server name, None if its server cannot do what the name asks."""


def candidates(
    bases: Sequence[BaseServer], fronts: Sequence[str], cores: int, memory_limit: int, possible: Possible
) -> tuple[RecommendationCandidate, ...]:
    """Return the candidates without repetitions. `memory_limit` is in bytes, 0 for none.

    A front that the user named before a server is before all of its candidates. `fronts` are tried before the others.
    """
    found: dict[str, RecommendationCandidate] = {}
    searches = [_of_server(each, fronts, cores, possible) for each in bases]
    for level in zip_longest(*searches):
        for each in level:
            if each is None or not _fits(each.candidate, memory_limit):
                continue
            found.setdefault(each.key, each.candidate)
    return tuple(found.values())


def _fits(candidate: RecommendationCandidate, memory_limit: int) -> bool:
    return not memory_limit or (candidate.workers or 1) * MIN_WORKER_BYTES <= memory_limit


def _of_server(
    base: BaseServer, fronts: Sequence[str], cores: int, possible: Possible
) -> Iterator[PossibleCandidate | None]:
    """Yield one candidate for each level; None for a level at which the server has none."""
    if base.fixed:
        yield possible(_chain(base.front, base.text))
        return
    workers = possible(_named(base.text, cores, None)) is not None
    threads = possible(_named(base.text, None, FEW_THREADS)) is not None
    best = (base.workers, base.threads) if base.has_advice else (cores if workers else None, None)
    before = [base.front] if base.front else ["", *fronts]
    advice = "its documentation" if base.has_advice else ""
    for front in before:
        yield _with_advice(possible(_chain(front, _named(base.text, *best))), advice)
    yield possible(_chain(before[0], base.text))
    for setting in _grid(cores, workers=workers, threads=threads):
        for front in before:
            yield possible(_chain(front, _named(base.text, *setting)))


def _grid(cores: int, *, workers: bool, threads: bool) -> list[tuple[int | None, int | None]]:
    """Return (workers, threads) in the order in which they are tried; None leaves the server's default."""
    if workers and threads:
        return [
            (cores, FEW_THREADS),
            (1, MANY_THREADS),
            (cores, MANY_THREADS),
            (1, FEW_THREADS),
            (2 * cores + 1, FEW_THREADS),
        ]
    if workers:
        return [(cores, None), (1, None), (2 * cores + 1, None), (8 * cores, None)]
    if threads:
        return [(None, FEW_THREADS), (None, MANY_THREADS), (None, 1)]
    return []


def _named(text: str, workers: int | None, threads: int | None) -> str:
    words = [f"{name}={value}" for name, value in (("workers", workers), ("threads", threads)) if value is not None]
    return f"{text}[{','.join(words)}]" if words else text


def _chain(front: str, text: str) -> str:
    return f"{front}+{text}" if front else text


def _with_advice(found: PossibleCandidate | None, advice: str) -> PossibleCandidate | None:
    if found is None or not advice:
        return found
    candidate = found.candidate
    return PossibleCandidate(
        RecommendationCandidate(
            candidate.name,
            candidate.server,
            candidate.variant,
            candidate.workers,
            candidate.threads,
            candidate.front,
            candidate.version,
            advice,
        ),
        found.key,
    )
