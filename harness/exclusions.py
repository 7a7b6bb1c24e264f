"""Leave cases and scenarios out of a run: the names of --exclude, and those of `exclude` in pyproject.toml.

A name is an id, its beginning, or its last parts, as for --select. It may mean cases, scenarios, or both.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.conformance.catalog import Case, matching, with_dependencies
from wsgi_gauntlet.harness.conformance.selection import Selection, chosen
from wsgi_gauntlet.harness.errors import ConfigurationError, UnknownName
from wsgi_gauntlet.harness.load.catalog import Scenario
from wsgi_gauntlet.harness.model import Exclusion
from wsgi_gauntlet.harness.model.naming import nearest_path
from wsgi_gauntlet.harness.store.schema_1 import new_scenario_id

OPTION = "--exclude"

MAX_NAMES = 4
"""Names that a message lists."""


@dataclass(frozen=True)
class Exclusions:
    """The names that a run leaves out: `given` on the command line, `configured` in the file that `file` names."""

    given: tuple[str, ...] = ()
    configured: tuple[str, ...] = ()
    file: str = "pyproject.toml"

    def narrow(self, selection: Selection, known: Sequence[Case]) -> Selection:
        """Return `selection` without the excluded cases of `known`."""
        return replace(
            selection,
            excluded=tuple(each for each in self.given if matching(known, each)),
            excluded_by_file=tuple(each for each in self.configured if matching(known, each)),
        )

    def narrow_scenarios(self, scenarios: Sequence[Scenario], *, may_be_empty: bool = False) -> list[Scenario]:
        """Return `scenarios` without the excluded ones. Raises ConfigurationError if none is left."""
        out = {each.id for name in (*self.given, *self.configured) for each in matching_scenarios(scenarios, name)}
        left = [each for each in scenarios if each.id not in out]
        if scenarios and not left and not may_be_empty:
            names = " ".join((*(f"{OPTION} {each}" for each in self.given), *map(repr, self.configured)))
            raise ConfigurationError(f"no scenario is left by {names}; `wsgi-gauntlet cases` lists them")
        return left

    def count(
        self, selection: Selection | None, known: Sequence[Case], scenarios: Sequence[Scenario]
    ) -> tuple[Exclusion, ...]:
        """Return for each name how many cases and scenarios are left out because of it.

        `selection` is the one of the run, `scenarios` are those before `narrow_scenarios`. What two names mean counts
        for the first one. Cases that others need are not left out. All shards give the same numbers.
        """
        left_out = _left_out(selection, known) if selection is not None else set()
        found, seen = [], set[str]()
        for source, names in ((OPTION, self.given), (self.file, self.configured)):
            for name in names:
                cases = ({each.id for each in matching(known, name)} & left_out) - seen
                load = {each.id for each in matching_scenarios(scenarios, name)} - seen
                seen |= cases | load
                found.append(Exclusion(name, source, len(cases), len(load)))
        return tuple(found)


def _left_out(selection: Selection, known: Sequence[Case]) -> set[str]:
    """Return the ids of the cases that only the exclusions of `selection` leave out."""
    whole = chosen(known, replace(selection, excluded=(), excluded_by_file=()))
    failed = {each for ids in selection.failed.values() for each in ids}
    asked = {each.id for each in whole if not selection.failed_in or each.id in failed}
    left = [each for each in chosen(known, selection) if each.id in asked]
    return asked - {each.id for each in with_dependencies(left, known)}


def describe_excluded(excluded: Sequence[Exclusion]) -> str:
    """Return how many cases and scenarios are left out, and the names, '' if there are none."""
    counts = [(sum(each.cases for each in excluded), "case"), (sum(each.scenarios for each in excluded), "scenario")]
    numbers = [f"{count} {word}{'' if count == 1 else 's'}" for count, word in counts if count]
    names = [each.name for each in excluded if each.cases or each.scenarios]
    if not numbers:
        return ""
    more = f" and {len(names) - MAX_NAMES} more names" if len(names) > MAX_NAMES else ""
    return f"left out: {' and '.join(numbers)} ({', '.join(names[:MAX_NAMES])}{more})"


def check_names(
    names: Iterable[str], cases: Sequence[Case] | None, scenarios: Sequence[Scenario] | None, label: str = OPTION
) -> None:
    """Raise UnknownName, with a similar name, for a name that means nothing in this run.

    `cases` are those of the run, None if it has none; `scenarios` likewise. `label` precedes the name in the message.
    """
    for name in names:
        if matching(cases or (), name) or matching_scenarios(scenarios or (), name):
            continue
        if cases is None and matching(registry.cases(), name):
            raise ConfigurationError(f"{label} {name} is about cases, and this run has scenarios only; leave it out")
        if scenarios is None and matching_scenarios(registry.scenarios(), name):
            raise ConfigurationError(f"{label} {name} is about scenarios, and this run has cases only; leave it out")
        ids = [*(each.id for each in cases or ()), *(each.id for each in scenarios or ())]
        what = "case or scenario" if cases and scenarios else "case" if cases else "scenario"
        raise UnknownName(
            f"{label} {name}: no {what} has this id{nearest_path(name, ids)}; `wsgi-gauntlet cases` lists them"
        )


def matching_scenarios(scenarios: Iterable[Scenario], name: str) -> list[Scenario]:
    """Return the scenarios that `name` means, none if there are none. Raises UnknownName if it means several."""
    return matching(scenarios, new_scenario_id(name.rstrip("/")))
