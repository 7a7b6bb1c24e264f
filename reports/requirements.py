"""How many requirements each server breaks of those that were judged in it, and why others were not; in sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..harness.launching.ownapp import AREA, beside, is_own
from ..harness.model import Check, Level, Results, Verdict
from . import tally
from .words import counted, ends, several

JUDGED = frozenset({Verdict.PASS, Verdict.FAIL})
"""What a requirement comes to where it was judged."""

LISTED = 3
"""Servers that are told one by one; of more, what was not judged is told in one sum."""

APP = "the app "
"""What the actual of a cell begins with that blames the user's app."""


@dataclass(frozen=True)
class Judged:
    """The requirements (must) that were asked of one server.

    `unjudged` counts those that were not judged, by verdict. `exposed` are the broken ones of the `guarded`, which are
    judged and tagged security.
    """

    server: str
    broken: int = 0
    judged: int = 0
    unjudged: Counter[Verdict] = field(default_factory=Counter)
    exposed: int = 0
    guarded: int = 0

    @property
    def asked(self) -> int:
        """All requirements that have a cell."""
        return self.judged + self.unjudged.total()

    @property
    def why(self) -> str:
        """How many were not judged and why, as `3 unsupported, 1 skipped`."""
        return ", ".join(f"{number} {verdict}" for verdict in Verdict if (number := self.unjudged[verdict]))


def judged(server: str, cells: Iterable[Check]) -> Judged:
    """Return what `cells` of `server` say of its requirements; cells of the user's app are left out."""
    musts = [each for each in tally.about_servers(cells) if each.level is Level.MUST]
    known = [each for each in musts if each.verdict in JUDGED]
    security = [each for each in known if "security" in each.tags]
    return Judged(
        server,
        broken=sum(each.verdict is Verdict.FAIL for each in known),
        judged=len(known),
        unjudged=Counter(each.verdict for each in musts if each.verdict not in JUDGED),
        exposed=sum(each.verdict is Verdict.FAIL for each in security),
        guarded=len(security),
    )


def conformance(results: Results) -> list[tuple[str, str]]:
    """Return what was found of the servers' requirements, each sentence with what it is about."""
    rows = [judged(name, (each for each in results.checks if each.server == name)) for name in tally.checked(results)]
    asked = [each for each in rows if each.asked]
    if not asked:
        about = tally.about_servers(results.checks)
        return [("Conformance", "No requirement (must) was among the cases.")] if about else []
    none = [each for each in asked if not each.judged]
    sentences = [*_clean(asked), *_broken(asked)]
    if none:
        named = several(ends([each.server for each in none]))
        sentences.append(f"Of {named} no requirement was judged ({_together(none).why}).")
    if left := _left([each for each in asked if each.judged and each.unjudged]):
        sentences.append(left)
    found = [("Conformance", " ".join(sentences))]
    if exposed := sorted((each for each in asked if each.exposed), key=lambda each: (-each.exposed, each.server)):
        told = several(ends([f"{each.server} {each.exposed} of {each.guarded}" for each in exposed]))
        found.append(("Security", f"Requirements that guard against smuggling and injection are broken by {told}."))
    return found


def _clean(rows: list[Judged]) -> list[str]:
    clean = [each for each in rows if each.judged and not each.broken]
    if not clean:
        return []
    numbers = {each.judged for each in clean}
    verb = "break" if len(clean) > 1 else "breaks"
    if len(numbers) > 1:
        named = several(ends([f"{each.server} ({each.judged})" for each in clean]))
        return [f"{named} {verb} none of the requirements (must) judged."]
    (number,) = numbers
    named = several(ends([each.server for each in clean]))
    if number == 1:
        return [f"{named} {'keep' if len(clean) > 1 else 'keeps'} the one requirement (must) judged."]
    return [f"{named} {verb} none of the {number} requirements (must) judged."]


def _broken(rows: list[Judged]) -> list[str]:
    broken = sorted((each for each in rows if each.broken), key=lambda each: (each.broken, each.server))
    if not broken:
        return []
    first, rest = broken[0], broken[1:]
    text = f"{first.server} breaks {first.broken} of {counted(first.judged, 'requirement')} (must) judged"
    if rest:
        text += f", {several(ends([f'{each.server} {each.broken} of {each.judged}' for each in rest]))}"
    return [f"{text}."]


def _left(rows: list[Judged]) -> str:
    """Say how many requirements of servers that were judged were not."""
    if not rows:
        return ""
    if len(rows) <= LISTED:
        told = "; ".join(f"{each.unjudged.total()} of {each.server} ({each.why})" for each in rows)
        return f"Not judged: {told}."
    every = _together(rows)
    return f"Not judged in {len(rows)} servers together: {counted(every.asked, 'cell')} ({every.why})."


def _together(rows: list[Judged]) -> Judged:
    return Judged("", unjudged=sum((each.unjudged for each in rows), Counter[Verdict]()))


def own_app(results: Results) -> list[tuple[str, str]]:
    """Say what a check with an app of the user's own did, and what it found in that app."""
    app, page = str(results.environment.get("app", "")), str(results.environment.get("page", "/"))
    if not app or not is_own(app) or not results.checks:
        return []
    cells = [each for each in results.checks if each.case.startswith(AREA)]
    known = {each.case for each in cells if each.verdict in JUDGED}
    faults = [each for each in cells if each.verdict is Verdict.FAIL]
    of_app = {_short(each): each.actual for each in faults if each.actual.startswith(APP)}
    parts = [beside(app, page)]
    if of_app:
        told = several([f"{name} ({actual})" for name, actual in of_app.items()])
        parts.append(f"The app breaks {len(of_app)} of {counted(len(known), 'requirement')} judged on {page}: {told}.")
    elif known:
        parts.append(f"The app breaks none of {counted(len(known), 'requirement')} judged on {page}.")
    elif cells:
        parts.append(f"None was judged in the app: {cells[0].actual or cells[0].verdict}.")
    if served := [f"{each.server} in {_short(each)}" for each in faults if not each.actual.startswith(APP)]:
        parts.append(f"What the app gives is spoiled by {several(ends(served))}.")
    return [("Your app", " ".join(parts))]


def _short(cell: Check) -> str:
    return cell.case.rpartition("/")[2]
