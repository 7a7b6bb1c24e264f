"""Which cells a call is about: by id, level, tag, an earlier run, and a shard of what is left. Values in, values out.

Selectors of one kind unite, kinds intersect: `--level must --level should --tag security` asks for what is a must or a
should, and of these for what is tagged security.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from wsgi_gauntlet.harness.conformance.catalog import Case, did_you_mean, select, with_dependencies
from wsgi_gauntlet.harness.errors import ConfigurationError, UnknownName
from wsgi_gauntlet.harness.model import Level, Results, Verdict

FAILING_VERDICTS = frozenset({Verdict.FAIL, Verdict.WARN, Verdict.FLAKY, Verdict.ERROR})
"""The verdicts that `--failed-in` looks for."""


@dataclass(frozen=True)
class Shard:
    """Part `number` (from 1) of `of` parts of about the same size."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"


@dataclass(frozen=True)
class Selection:
    """What narrows a call; empty is everything.

    `failed` maps a server's name to the ids of its cases that failed in the run that `failed_in` names.
    """

    prefixes: tuple[str, ...] = ()
    levels: tuple[Level, ...] = ()
    tags: tuple[str, ...] = ()
    failed_in: str = ""
    failed: Mapping[str, frozenset[str]] = field(default_factory=dict)
    shard: Shard | None = None
    excluded: tuple[str, ...] = ()

    def told(self) -> str:
        """Return the selectors as they are written on the command line."""
        parts = [f"--select {each}" for each in self.prefixes]
        parts += [f"--exclude {each}" for each in self.excluded]
        parts += [f"--level {each}" for each in self.levels]
        parts += [f"--tag {each}" for each in self.tags]
        parts += [f"--failed-in {self.failed_in}"] if self.failed_in else []
        parts += [f"--shard {self.shard}"] if self.shard else []
        return " ".join(parts)


@dataclass(frozen=True)
class CaseSelection:
    """The cases of one server in a call, in the order of the catalogue.

    `borrowed` are those among `cases` that another shard answers for: they run, because one of this shard needs them,
    and are not reported.
    """

    cases: tuple[Case, ...]
    dependencies_only: frozenset[str] = frozenset()

    @property
    def reported(self) -> tuple[Case, ...]:
        """What is reported."""
        return tuple(each for each in self.cases if each.id not in self.dependencies_only)


def shard(text: str) -> Shard:
    """Return `2/4` as a Shard. Raises ConfigurationError where it is none."""
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text.strip())
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise ConfigurationError(f"--shard {text}: the form is K/N, K from 1 to N: the second of four parts is 2/4")
    return Shard(int(match[1]), int(match[2]))


def failed(results: Results) -> dict[str, frozenset[str]]:
    """Return by server the ids of the cases that came to fail, warn, flaky or error in `results`."""
    found: dict[str, set[str]] = {}
    for cell in results.conformance:
        if cell.verdict in FAILING_VERDICTS:
            found.setdefault(cell.server, set()).add(cell.case)
    return {server: frozenset(ids) for server, ids in found.items()}


def chosen(known: Sequence[Case], selection: Selection) -> list[Case]:
    """Return the cases of `known` that id, level and tag leave, in its order, without what they need.

    Raises UnknownName for a prefix or tag that is nowhere, ConfigurationError where the selectors leave nothing.
    """
    tags = {tag for each in known for tag in each.tags}
    for tag in selection.tags:
        if tag not in tags:
            raise UnknownName(
                f"no case is tagged {tag!r}{did_you_mean(tag, tags)}; there are {', '.join(sorted(tags))}"
            )
    excluded_ids = {each.id for each in select(known, selection.excluded)} if selection.excluded else set()
    found = [
        each
        for each in select(known, selection.prefixes)
        if each.id not in excluded_ids
        and (not selection.levels or each.level in selection.levels)
        and (not selection.tags or set(each.tags) & set(selection.tags))
    ]
    if not found:
        raise ConfigurationError(f"no case is left by {selection.told()}; `wsgi-gauntlet cases` lists them")
    return found


def runnable_cases(known: Sequence[Case], selection: Selection, *, own_app: bool) -> list[Case]:
    """Return the cases that can run: those about an app of the user's own only where there is one.

    Raises ConfigurationError where the selection asks for such cases and there is none.
    """
    fit = [each for each in known if own_app or not each.own_app]
    for prefix in selection.prefixes:
        wanted = [each for each in known if each.id.startswith(prefix.strip("/"))]
        if wanted and not any(each in fit for each in wanted):
            raise ConfigurationError(f"--select {prefix} is about an app of your own: name that as well, with --app")
    return fit


def case_selections(known: Sequence[Case], selection: Selection, servers: Iterable[str]) -> dict[str, CaseSelection]:
    """Return what of `known` each of `servers` is to run, with what that needs; servers with nothing are left out.

    All shards of one selection together have each cell exactly once, whatever runs beside them.
    Raises as `chosen` does, and ConfigurationError where nothing is left for any server.
    """
    cases = chosen(known, selection)
    found = {}
    for server in servers:
        asked = [each for each in cases if not selection.failed_in or each.id in selection.failed.get(server, ())]
        every = with_dependencies(asked, known)
        reported = _shard_part(every, selection.shard) if selection.shard else every
        if reported:
            running = with_dependencies(reported, known)
            found[server] = CaseSelection(
                tuple(running), frozenset(each.id for each in running) - {each.id for each in reported}
            )
    if not found:
        raise ConfigurationError(f"no cell is left by {selection.told()}: there is nothing to run")
    return found


def _shard_part(cases: Sequence[Case], part: Shard) -> list[Case]:
    """Return one of `part.of` parts that differ by one case at most.

    They are stretches of the order by digest: the same on any machine, each with something of every area, and a case
    that is added to the catalogue moves few others.
    """
    ordered = sorted(cases, key=lambda each: hashlib.blake2b(each.id.encode(), digest_size=8).digest())
    first, last = (number * len(ordered) // part.of for number in (part.number - 1, part.number))
    included = {each.id for each in ordered[first:last]}
    return [each for each in cases if each.id in included]
