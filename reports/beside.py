"""Servers of a run that differ in one thing, cell beside cell: what a front masks and causes, what a version fixed and
broke, what tuning changes. Pure.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from ..harness.errors import BadConfiguration
from ..harness.model import Check, Grade, Load, Results, ServerInfo, Verdict
from ..harness.naming import Part, parse
from . import tally, words
from .comparing import BLAMED, gains, loses, release

JUDGED = BLAMED | {Verdict.PASS, Verdict.INFO, Verdict.FLAKY}

WORSE = (Grade.IMMUNE, Grade.DEGRADES, Grade.COLLAPSES, Grade.WEDGED)
"""The grades that can be compared, the best first."""


class Difference(enum.Enum):
    """The one thing in which two servers differ, and how its gains and losses are called."""

    FRONT = ("masked", "caused")
    VERSION = ("fixed", "broke")
    TUNED = ("mended", "broke")

    @property
    def gain(self) -> str:
        """What it does to a case that the plain one breaks and the other does not."""
        return self.value[0]

    @property
    def loss(self) -> str:
        """What it does to a case that the other one breaks and the plain one does not."""
        return self.value[1]


@dataclass(frozen=True)
class Twins:
    """`plain` and `other` are servers' names: without and with a front, older and newer, default and tuned.

    `what` is the difference in a word or two. `same` counts the cases with one verdict in both, `unjudged` those that
    one of them comes to no verdict in. `gains`, `losses` and `changes`, which are neither, are (plain, other).
    """

    plain: str
    other: str
    difference: Difference
    what: str
    same: int
    unjudged: int
    gains: Sequence[tuple[Check, Check]]
    losses: Sequence[tuple[Check, Check]]
    changes: Sequence[tuple[Check, Check]]
    loads: Sequence[tuple[Load, Load]]

    @property
    def told(self) -> str:
        """What the cases came to, in words; '' where there are none."""
        if not (self.same or self.gains or self.losses or self.changes or self.unjudged):
            return ""
        parts = [
            f"{self.difference.gain} {len(self.gains)}",
            f"{self.difference.loss} {len(self.losses)}",
            f"the same in {words.counted(self.same, 'case')}",
        ]
        if self.changes:
            parts.append(f"otherwise different in {len(self.changes)}")
        if self.unjudged:
            parts.append(f"{self.unjudged} judged in one of them only or in neither")
        return ", ".join(parts)

    @property
    def better(self) -> int:
        """In how many scenarios `other` is better."""
        return sum(compared(*each) > 0 for each in self.loads)

    @property
    def worse(self) -> int:
        """In how many scenarios `other` is worse."""
        return sum(compared(*each) < 0 for each in self.loads)


@dataclass(frozen=True)
class Lacking:
    """A chain whose server the call did not name by itself as well; `alone` is the name to add to it."""

    chain: str
    front: str
    alone: str


@dataclass(frozen=True)
class _Form:
    """A server's name with its variant and versions filled in, so that equal ones are equal."""

    server: Part
    front: Part | None = None


def pairs(results: Results) -> list[Twins]:
    """Return every pair of the run that has a case or a scenario in common, chains first.

    Of three versions or more there is a time line instead.
    """
    forms = _forms(results)
    by_form: dict[_Form, str] = {}
    for name, form in forms.items():
        by_form.setdefault(form, name)
    found = (*_chains(forms, by_form), *_versions(by_form), *_tuned(forms, by_form))
    return [twins for each in found if (twins := _twins(results, *each)).told or twins.loads]


def lacking(results: Results) -> list[Lacking]:
    """Return the chains that cannot be told from the server behind them, since the call did not name that alone."""
    called = {_form(each) for each in tally.servers(results)}
    return [
        Lacking(name, *_taken_apart(name))
        for name, form in _forms(results).items()
        if form.front is not None and replace(form, front=None) not in called
    ]


def compared(plain: Load, other: Load) -> int:
    """Say whether `other` is better (1), worse (-1) or neither (0) by grade, and by N* where both collapse."""
    if plain.grade not in WORSE or other.grade not in WORSE:
        return 0
    before, after = WORSE.index(plain.grade), WORSE.index(other.grade)
    if before == after and plain.collapse is not None and other.collapse is not None:
        before, after = other.collapse, plain.collapse
    return (before > after) - (before < after)


_Found = tuple[str, str, Difference, str]


def _chains(forms: Mapping[str, _Form], by_form: Mapping[_Form, str]) -> Iterator[_Found]:
    for name, form in forms.items():
        if form.front is not None and (plain := by_form.get(replace(form, front=None))):
            yield plain, name, Difference.FRONT, _taken_apart(name)[0]


def _versions(by_form: Mapping[_Form, str]) -> Iterator[_Found]:
    groups: dict[_Form, list[_Form]] = {}
    for form in by_form:
        groups.setdefault(replace(form, server=replace(form.server, version="")), []).append(form)
    for each in groups.values():
        if len(each) == 2 and all(one.server.version for one in each):
            older, newer = sorted(each, key=lambda one: release(one.server.version))
            what = f"{older.server.version} → {newer.server.version}"
            yield by_form[older], by_form[newer], Difference.VERSION, what


def _tuned(forms: Mapping[str, _Form], by_form: Mapping[_Form, str]) -> Iterator[_Found]:
    for name, form in forms.items():
        for place in ("server", "front"):
            part: Part | None = getattr(form, place)
            if part is None or not part.settings.tuned:
                continue
            untuned = replace(part, settings=replace(part.settings, tuned=False))
            plain = by_form.get(_Form(untuned, form.front) if place == "server" else _Form(form.server, untuned))
            if plain:
                yield plain, name, Difference.TUNED, f"{part.adapter} tuned"


def _forms(results: Results) -> dict[str, _Form]:
    """Return the servers that have any cell, by name; one whose name is a file or a template's has no form."""
    ran = set(tally.tried(results))
    found = {}
    for info in tally.servers(results):
        form = _form(info) if info.name in ran else None
        if form is not None:
            found[info.name] = form
    return found


def _form(info: ServerInfo) -> _Form | None:
    try:
        name = parse(info.name)
    except BadConfiguration:
        return None
    front, joined, behind = info.version.rpartition(" + ")
    server = replace(name.server, variant=name.server.variant or info.variant, version=behind or name.server.version)
    if name.front is None:
        return _Form(server)
    return _Form(server, replace(name.front, version=(front if joined else "") or name.front.version))


def _taken_apart(chain: str) -> tuple[str, str]:
    """Return the front and the server of a chain, as they are written: a version may have a + in it as well."""
    wanted = parse(chain).server
    for at in (each.start() for each in re.finditer(r"\+", chain)):
        front, alone = chain[:at], chain[at + 1 :]
        try:
            if parse(alone).server == wanted and parse(alone).front is None:
                return front, alone
        except BadConfiguration:
            continue
    return "", chain


def _twins(results: Results, plain: str, other: str, difference: Difference, what: str) -> Twins:
    first = {each.case: each for each in results.checks if each.server == plain}
    both = [(first[each.case], each) for each in results.checks if each.server == other and each.case in first]
    judged = [each for each in both if {each[0].verdict, each[1].verdict} <= JUDGED]
    differing = [each for each in judged if each[0].verdict is not each[1].verdict]
    gained = [each for each in differing if gains(*each)]
    lost = [each for each in differing if loses(*each)]
    loads = {each.scenario: each for each in results.loads if each.server == plain}
    return Twins(
        plain,
        other,
        difference,
        what,
        same=len(judged) - len(differing),
        unjudged=len(both) - len(judged),
        gains=gained,
        losses=lost,
        changes=[each for each in differing if each not in gained and each not in lost],
        loads=[
            (loads[each.scenario], each) for each in results.loads if each.server == other and each.scenario in loads
        ],
    )
