"""Select the cells of a run by id, level, tag, an earlier run, and shard. Pure.

Selectors of one kind are combined with "or", different kinds with "and": `--level must --level should --tag security`
selects the cases with the level must or should that also have the tag security.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from wsgi_gauntlet.harness.conformance.catalog import Case, matching, select, with_dependencies
from wsgi_gauntlet.harness.errors import ConfigurationError, UnknownName
from wsgi_gauntlet.harness.model import Level, Results
from wsgi_gauntlet.harness.model.naming import did_you_mean


@dataclass(frozen=True)
class Shard:
    """Part `number` (from 1) of `of` parts of about the same size."""

    number: int
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def included(self, ids: Iterable[str]) -> frozenset[str]:
        """Return the ids of this part. The sizes of all parts differ by at most one.

        The parts are ranges of the ids ordered by digest. So they are the same on all machines, each part has ids of
        every area, and a new id moves few others.
        """
        ordered = sorted(ids, key=lambda each: hashlib.blake2b(each.encode(), digest_size=8).digest())
        first, last = (number * len(ordered) // self.of for number in (self.number - 1, self.number))
        return frozenset(ordered[first:last])


@dataclass(frozen=True)
class Selection:
    """The selectors of a run; without any, all cases are selected.

    `failed` maps the name of a server to the ids of its cases that failed in the run `failed_in`. `excluded` are names
    of cases and families to leave out; `excluded_by_file` are those of the configuration. Each must have a case.
    """

    prefixes: tuple[str, ...] = ()
    levels: tuple[Level, ...] = ()
    tags: tuple[str, ...] = ()
    failed_in: str = ""
    failed: Mapping[str, frozenset[str]] = field(default_factory=dict)
    shard: Shard | None = None
    excluded: tuple[str, ...] = ()
    excluded_by_file: tuple[str, ...] = ()

    def describe(self) -> str:
        """Return the selectors as they are written on the command line."""
        parts = [f"--select {each}" for each in self.prefixes]
        parts += [f"--exclude {each}" for each in self.excluded]
        parts += [f"exclude = {each!r} of pyproject.toml" for each in self.excluded_by_file]
        parts += [f"--level {each}" for each in self.levels]
        parts += [f"--tag {each}" for each in self.tags]
        parts += [f"--rerun-failed {self.failed_in}"] if self.failed_in else []
        parts += [f"--shard {self.shard}"] if self.shard else []
        return " ".join(parts)


@dataclass(frozen=True)
class CaseSelection:
    """The cases of one server in a run, in the order of the catalogue.

    Another shard reports the cases in `dependencies_only`. They run here because a case of this shard needs them.
    """

    cases: tuple[Case, ...]
    dependencies_only: frozenset[str] = frozenset()

    @property
    def reported(self) -> tuple[Case, ...]:
        """The cases that this run reports."""
        return tuple(each for each in self.cases if each.id not in self.dependencies_only)


def shard(text: str) -> Shard:
    """Return `2/4` as a Shard. Raises ConfigurationError for any other text."""
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text.strip())
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise ConfigurationError(
            f"--shard {text}: use the form K/N with K from 1 to N; the second of four parts is 2/4"
        )
    return Shard(int(match[1]), int(match[2]))


def failed(results: Results) -> dict[str, frozenset[str]]:
    """Return by server the ids of the cases with the verdict fail, warn, flaky or error in `results`."""
    found: dict[str, set[str]] = {}
    for cell in results.conformance:
        if cell.verdict.needs_attention:
            found.setdefault(cell.server, set()).add(cell.case)
    return {server: frozenset(ids) for server, ids in found.items()}


def chosen(known: Sequence[Case], selection: Selection) -> list[Case]:
    """Return the cases of `known` that the ids, levels and tags select, in its order, without the cases they need.

    Raises UnknownName for an unknown prefix or tag, ConfigurationError if no case is left.
    """
    tags = {tag for each in known for tag in each.tags}
    for tag in selection.tags:
        if tag not in tags:
            raise UnknownName(
                f"no case is tagged {tag!r}{did_you_mean(tag, tags)}; there are {', '.join(sorted(tags))}"
            )
    excluded = (*selection.excluded, *selection.excluded_by_file)
    excluded_ids = {each.id for each in select(known, excluded)} if excluded else set()
    found = [
        each
        for each in select(known, selection.prefixes)
        if each.id not in excluded_ids
        and (not selection.levels or each.level in selection.levels)
        and (not selection.tags or set(each.tags) & set(selection.tags))
    ]
    if not found:
        raise ConfigurationError(f"no case is left by {selection.describe()}; `wsgi-gauntlet cases` lists them")
    return found


def runnable_cases(known: Sequence[Case], selection: Selection, *, own_app: bool) -> list[Case]:
    """Return the cases that can run: cases about a user app need one.

    Raises ConfigurationError if the selection asks for such cases and there is no user app.
    """
    fit = [each for each in known if own_app or not each.own_app]
    for prefix in selection.prefixes:
        if not matching(fit, prefix) and matching(known, prefix):
            raise ConfigurationError(f"--select {prefix} needs your own app: name it with --app")
    return fit


def case_selections(known: Sequence[Case], selection: Selection, servers: Iterable[str]) -> dict[str, CaseSelection]:
    """Return by server the selected cases of `known` and the cases that they need. Servers without cases are left out.

    All shards of one selection together report each cell exactly once.
    Raises as `chosen` does, and ConfigurationError if no server has a case.
    """
    cases = chosen(known, selection)
    found = {}
    for server in servers:
        asked = [each for each in cases if not selection.failed_in or each.id in selection.failed.get(server, ())]
        every = with_dependencies(asked, known)
        included = selection.shard.included(each.id for each in every) if selection.shard else None
        reported = [each for each in every if included is None or each.id in included]
        if reported:
            running = with_dependencies(reported, known)
            found[server] = CaseSelection(
                tuple(running), frozenset(each.id for each in running) - {each.id for each in reported}
            )
    if not found:
        raise ConfigurationError(f"no cell is left by {selection.describe()}: there is nothing to run")
    return found
