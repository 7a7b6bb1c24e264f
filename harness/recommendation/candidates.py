"""The candidates of a search, in their order: server x variant x workers x threads x front. Pure.

The search begins with one candidate of each server. Then the best servers get more candidates. Their order is by
levels, and each level has one candidate of every server that goes on.

    first      as the server's documentation advises, or a worker for each core
    level 1    the same behind a proxy
    level 2    as the server is without settings
    later      workers and threads from the grid, alone and behind the proxy

The order depends on nothing but the figures of the first candidates, so a resumed search takes the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest

from msgspec.structs import replace

from wsgi_gauntlet.harness.model.recommendation import RecommendationCandidate

FEW_THREADS, MANY_THREADS = 8, 32
"""Threads of a worker: enough for short waits, and for long ones."""

WAITING_THREADS = (64, 128)
"""More threads of a worker: they are tried if Little's law says that the app needs more than MANY_THREADS."""

MIN_SERVERS_WITH_SETTINGS, SETTINGS_OF_A_SERVER = 3, 8
"""Servers whose settings are tried at least, and settings of each of them before another server gets some."""

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


@dataclass(frozen=True)
class ServerCandidates:
    """The candidates of one server: the first one, and its other `settings` and proxies in their order.

    `waiting` have WAITING_THREADS.
    """

    first: RecommendationCandidate
    settings: tuple[RecommendationCandidate, ...] = ()
    waiting: tuple[RecommendationCandidate, ...] = ()

    @property
    def every(self) -> tuple[RecommendationCandidate, ...]:
        """All candidates of the server."""
        return self.first, *self.settings, *self.waiting


def server_candidates(
    bases: Sequence[BaseServer], fronts: Sequence[str], cores: int, memory_limit: int, possible: Possible
) -> tuple[ServerCandidates, ...]:
    """Return the candidates of each server without repetitions. `memory_limit` is in bytes, 0 for none.

    A front that the user named before a server is before all of its candidates. `fronts` are tried before the others.
    A server without a candidate is left out.
    """
    known: set[str] = set()

    def new(searches: Iterable[Iterator[PossibleCandidate | None]]) -> list[list[RecommendationCandidate]]:
        found: list[list[RecommendationCandidate]] = [[] for _ in bases]
        for level in zip_longest(*searches):
            for own, each in zip(found, level, strict=True):
                if each is not None and each.key not in known and _fits(each.candidate, memory_limit):
                    known.add(each.key)
                    own.append(each.candidate)
        return found

    usual = new(_of_server(each, fronts, cores, possible) for each in bases)
    waiting = new(_waiting(each, cores, possible) for each in bases)
    return tuple(
        ServerCandidates(own[0], tuple(own[1:]), tuple(more)) for own, more in zip(usual, waiting, strict=True) if own
    )


def servers_with_settings(places: int) -> int:
    """Return how many servers get settings, if `places` candidates more are measured."""
    return max(MIN_SERVERS_WITH_SETTINGS, places // SETTINGS_OF_A_SERVER)


def settings_of(servers: Sequence[ServerCandidates], at_a_time: int) -> tuple[RecommendationCandidate, ...]:
    """Return the settings of `servers` in the order in which they are tried, for an app with `at_a_time` requests."""
    threads = next((each for each in WAITING_THREADS if each >= at_a_time), WAITING_THREADS[-1])
    if at_a_time <= MANY_THREADS:
        threads = 0
    searches = [(*(each for each in server.waiting if each.threads == threads), *server.settings) for server in servers]
    return tuple(each for level in zip_longest(*searches) for each in level if each is not None)


def _fits(candidate: RecommendationCandidate, memory_limit: int) -> bool:
    return not memory_limit or (candidate.workers or 1) * MIN_WORKER_BYTES <= memory_limit


def _of_server(
    base: BaseServer, fronts: Sequence[str], cores: int, possible: Possible
) -> Iterator[PossibleCandidate | None]:
    """Yield one candidate for each level; None for a level at which the server has none."""
    if base.fixed:
        yield possible(_chain(base.front, base.text))
        return
    workers, threads = _has(base, possible)
    best = (base.workers, base.threads) if base.has_advice else (cores if workers else None, None)
    before = [base.front] if base.front else ["", *fronts]
    advice = "its documentation" if base.has_advice else ""
    for front in before:
        yield _with_advice(possible(_chain(front, _named(base.text, *best))), advice)
    yield possible(_chain(before[0], base.text))
    for setting in _grid(cores, workers=workers, threads=threads):
        for front in before:
            yield possible(_chain(front, _named(base.text, *setting)))


def _waiting(base: BaseServer, cores: int, possible: Possible) -> Iterator[PossibleCandidate | None]:
    """Yield the candidates with WAITING_THREADS."""
    workers, threads = (False, False) if base.fixed else _has(base, possible)
    for count in WAITING_THREADS if threads else ():
        for number in (1, cores) if workers else (None,):
            yield possible(_chain(base.front, _named(base.text, number, count)))


def _has(base: BaseServer, possible: Possible) -> tuple[bool, bool]:
    """Say whether the server has a number of workers, and of threads."""
    return possible(_named(base.text, 2, None)) is not None, possible(_named(base.text, None, FEW_THREADS)) is not None


def _grid(cores: int, *, workers: bool, threads: bool) -> list[tuple[int | None, int | None]]:
    """Return (workers, threads) in the order in which they are tried; None leaves the server's default."""
    if workers and threads:
        return [
            (cores, FEW_THREADS),
            (cores, 1),
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
    return PossibleCandidate(replace(found.candidate, advice=advice), found.key)
