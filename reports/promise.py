"""WSGI's promise, any app on any server: what each server came to with the apps of each framework."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..harness.model import Check, Results, Verdict
from . import tally, words

SUITE = "frameworks/"
"""How the ids begin of the cases that have a framework's app served; its name follows."""

JUDGED = frozenset({Verdict.PASS, Verdict.FAIL, Verdict.WARN, Verdict.FLAKY})

NAMED = 4
"""Servers up to which the sentence names what does not hold; of more it gives counts, the table has the rest."""


@dataclass(frozen=True)
class Pairing:
    """One server with one framework: `held` of `judged` cells passed; `worst` is the first with the worst verdict.

    `lost` names the cases that failed, warn or are flaky, by their last words.
    """

    server: str
    framework: str
    held: int
    judged: int
    worst: Check
    lost: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of the cells."""
        return self.worst.verdict

    @property
    def count(self) -> str:
        """How many held of how many, `12/13`; '' where none could be judged."""
        return f"{self.held}/{self.judged}" if self.judged else ""

    @property
    def keeps(self) -> bool | None:
        """Say whether all held that could be judged; None where nothing could."""
        return self.held == self.judged if self.judged else None


@dataclass(frozen=True)
class Promise:
    """Each server with each framework. `absent` has, for the frameworks that no server could be given, the reason."""

    servers: Sequence[str]
    frameworks: Sequence[str]
    pairings: Mapping[tuple[str, str], Pairing]
    absent: Mapping[str, str]

    @property
    def told(self) -> str:
        """Whether the promise held, in one sentence."""
        judged = [each for each in self.pairings.values() if each.keeps is not None]
        broken = [each for each in judged if not each.keeps]
        pairs = words.counted(len(judged), "pairing")
        if not judged:
            return "No app of a framework could be tried."
        if not broken:
            return f"It held: in each of {pairs} of a server and a framework the app did all that it was written to do."
        return (
            f"It held in {len(judged) - len(broken)} of {pairs} of a server and a framework; "
            f"not everything came through {self._where(broken)}."
        )

    def lost(self, server: str) -> str:
        """Return what did not come through on `server`, by case: `streamed, head (Django)`."""
        own = [each for each in self.pairings.values() if each.server == server and each.keeps is not None]
        by_case: dict[str, list[str]] = {}
        for each in own:
            for name in each.lost:
                by_case.setdefault(name, []).append(each.framework.title())
        return ", ".join(
            name if len(by_case[name]) == len(own) else f"{name} ({', '.join(by_case[name])})"
            for name in sorted(by_case, key=lambda each: (-len(by_case[each]), each))
        )

    def _where(self, broken: Sequence[Pairing]) -> str:
        by_server: dict[str, list[str]] = {}
        for each in broken:
            by_server.setdefault(each.server, []).append(each.framework.title())
        if len(by_server) > NAMED:
            return f"on {len(by_server)} of {len(self.servers)} servers"
        parts = []
        for server, names in by_server.items():
            tried = [each for each in self.pairings.values() if each.server == server and each.keeps is not None]
            every = len(names) == len(tried) > 1
            parts.append(f"with {'any of them' if every else words.several(names)} on {server}")
        return words.several(parts)


def promise(results: Results) -> Promise | None:
    """Return what the run says of the promise; None where it had no such cases."""
    found: dict[tuple[str, str], list[Check]] = {}
    for each in results.checks:
        if each.case.startswith(SUITE):
            found.setdefault((each.server, each.case.split("/")[1]), []).append(each)
    if not found:
        return None
    known = [area.removeprefix(SUITE) for area in tally.cases(results) if area.startswith(SUITE)]
    pairings = {key: _pairing(*key, cells) for key, cells in found.items()}
    absent = {name: why for name in known if (why := _lacking(name, pairings))}
    return Promise(
        [name for name in tally.checked(results) if any(server == name for server, _ in found)],
        [name for name in known if name not in absent],
        pairings,
        absent,
    )


def _pairing(server: str, framework: str, cells: Sequence[Check]) -> Pairing:
    order = list(words.VERDICTS)
    first = (Verdict.FAIL, Verdict.WARN, Verdict.FLAKY, Verdict.ERROR)
    worst = min(
        cells, key=lambda each: (each.verdict not in first, each.verdict not in JUDGED, order.index(each.verdict))
    )
    counted = tally.count(cells)
    lost = tuple(each.case.rpartition("/")[2] for each in cells if each.verdict in JUDGED - {Verdict.PASS})
    return Pairing(server, framework, counted[Verdict.PASS], sum(counted[each] for each in JUDGED), worst, lost)


def _lacking(framework: str, pairings: Mapping[tuple[str, str], Pairing]) -> str:
    """Return why no server at all could be given the framework's app, '' where one could."""
    own = [each for (_, name), each in pairings.items() if name == framework]
    if any(each.judged or each.verdict is not Verdict.UNSUPPORTED for each in own):
        return ""
    reasons = dict.fromkeys(each.worst.actual for each in own)
    return next((each for each in reasons if "is not installed" in each), next(iter(reasons)))
