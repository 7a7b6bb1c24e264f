"""Count the broken and the judged requirements of each server, and describe them in sentences.

A requirement counts once, however many variants its case has. It is broken if one variant breaks it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from wsgi_gauntlet.harness.model import CaseResult, Level, Results, Verdict
from wsgi_gauntlet.harness.model.requirement import JUDGED_VERDICTS, RequirementResult, group_by_requirement
from wsgi_gauntlet.harness.server.user_app import USER_APP_CASE_PREFIX, is_user_app, user_app_description
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.text.labels import join_names, pluralize, shorten_list

MAX_SERVERS_LISTED = 3
"""Servers up to which each has its own numbers. Of more, one sentence has the sum."""

APP_FAULT_PREFIX = "the app "
"""The start of `actual` in a cell that blames the user app."""


@dataclass(frozen=True)
class RequirementCounts:
    """The requirements (must) of one server.

    `not_judged` counts the others by verdict. `security_judged` are the judged ones with the tag security, and
    `security_broken` the broken ones of these.
    """

    server: str
    broken: int = 0
    judged: int = 0
    not_judged: Counter[Verdict] = field(default_factory=Counter)
    security_broken: int = 0
    security_judged: int = 0

    @property
    def asked(self) -> int:
        """The number of requirements with a cell."""
        return self.judged + self.not_judged.total()

    @property
    def why(self) -> str:
        """The numbers of the others by verdict, as `3 unsupported, 1 skipped`."""
        return ", ".join(f"{number} {verdict}" for verdict in Verdict if (number := self.not_judged[verdict]))


def by_requirement(cells: Iterable[CaseResult]) -> list[RequirementResult]:
    """Return the requirements in `cells` of one server, without the cells that check the user app."""
    return group_by_requirement(aggregation.server_cells(cells))


def judged(server: str, cells: Iterable[CaseResult]) -> RequirementCounts:
    """Count the requirements in `cells` of `server`, without the cells that check the user app."""
    musts = [each for each in by_requirement(cells) if each.level is Level.MUST]
    known = [each for each in musts if each.verdict in JUDGED_VERDICTS]
    security = [each for each in known if each.is_security]
    return RequirementCounts(
        server,
        broken=sum(each.verdict is Verdict.FAIL for each in known),
        judged=len(known),
        not_judged=Counter(each.verdict for each in musts if each.verdict not in JUDGED_VERDICTS),
        security_broken=sum(each.verdict is Verdict.FAIL for each in security),
        security_judged=len(security),
    )


def conformance_findings(results: Results) -> list[tuple[str, str]]:
    """Return the findings about requirements, as (topic, text)."""
    cells = aggregation.cells_by_server(results)
    rows = [judged(name, cells[name]) for name in aggregation.checked(results)]
    asked = [each for each in rows if each.asked]
    if not asked:
        about = aggregation.server_cells(results.conformance)
        return [("Conformance", "The run had no requirement (must).")] if about else []
    none = [each for each in asked if not each.judged]
    sentences = [*_clean_servers_sentence(asked), *_broken_requirements_sentence(asked)]
    if none:
        named = join_names(shorten_list([each.server for each in none]))
        sentences.append(f"No requirement of {named} was judged ({_merge_not_judged(none).why}).")
    if left := _not_judged_sentence([each for each in asked if each.judged and each.not_judged]):
        sentences.append(left)
    found = [("Conformance", " ".join(sentences))]
    if security_broken := sorted(
        (each for each in asked if each.security_broken), key=lambda each: (-each.security_broken, each.server)
    ):
        details = join_names(
            shorten_list(
                [f"{each.server} {each.security_broken} of {each.security_judged}" for each in security_broken]
            )
        )
        found.append(("Security", f"Broken requirements against smuggling and injection: {details}."))
    return found


def _clean_servers_sentence(rows: list[RequirementCounts]) -> list[str]:
    clean = [each for each in rows if each.judged and not each.broken]
    if not clean:
        return []
    numbers = {each.judged for each in clean}
    verb = "break" if len(clean) > 1 else "breaks"
    if len(numbers) > 1:
        named = join_names(shorten_list([f"{each.server} ({each.judged})" for each in clean]))
        return [f"{named} {verb} none of the requirements (must) judged."]
    (number,) = numbers
    named = join_names(shorten_list([each.server for each in clean]))
    if number == 1:
        return [f"{named} {'keep' if len(clean) > 1 else 'keeps'} the one requirement (must) judged."]
    return [f"{named} {verb} none of the {number} requirements (must) judged."]


def _broken_requirements_sentence(rows: list[RequirementCounts]) -> list[str]:
    broken = sorted((each for each in rows if each.broken), key=lambda each: (each.broken, each.server))
    if not broken:
        return []
    first, rest = broken[0], broken[1:]
    text = f"{first.server} breaks {first.broken} of {pluralize(first.judged, 'requirement')} (must) judged"
    if rest:
        text += f", {join_names(shorten_list([f'{each.server} {each.broken} of {each.judged}' for each in rest]))}"
    return [f"{text}."]


def _not_judged_sentence(rows: list[RequirementCounts]) -> str:
    """Return a sentence about requirements without a verdict, or ''."""
    if not rows:
        return ""
    if len(rows) <= MAX_SERVERS_LISTED:
        details = "; ".join(f"{each.not_judged.total()} of {each.server} ({each.why})" for each in rows)
        return f"Not judged: {details}."
    every = _merge_not_judged(rows)
    return f"Not judged: {pluralize(every.asked, 'requirement')} (must), added over {len(rows)} servers ({every.why})."


def _merge_not_judged(rows: list[RequirementCounts]) -> RequirementCounts:
    return RequirementCounts("", not_judged=sum((each.not_judged for each in rows), Counter[Verdict]()))


def user_app_findings(results: Results) -> list[tuple[str, str]]:
    """Return the findings about the user app."""
    app, page = str(results.environment.get("app", "")), str(results.environment.get("page", "/"))
    if not app or not is_user_app(app) or not results.conformance:
        return []
    cells = [each for each in results.conformance if each.case.startswith(USER_APP_CASE_PREFIX)]
    known = {each.case for each in cells if each.verdict in JUDGED_VERDICTS}
    faults = [each for each in cells if each.verdict is Verdict.FAIL]
    of_app = {_case_name(each): each.actual for each in faults if each.actual.startswith(APP_FAULT_PREFIX)}
    parts = [user_app_description(app, page)]
    if of_app:
        details = join_names([f"{name} ({actual})" for name, actual in of_app.items()])
        parts.append(
            f"The app breaks {len(of_app)} of {pluralize(len(known), 'requirement')} judged on {page}: {details}."
        )
    elif known:
        parts.append(f"The app breaks none of {pluralize(len(known), 'requirement')} judged on {page}.")
    elif cells:
        parts.append(f"No requirement of the app was judged: {cells[0].actual or cells[0].verdict}.")
    if served := [
        f"{each.server} in {_case_name(each)}" for each in faults if not each.actual.startswith(APP_FAULT_PREFIX)
    ]:
        parts.append(f"The server changed the response of the app: {join_names(shorten_list(served))}.")
    return [("Your app", " ".join(parts))]


def _case_name(cell: CaseResult) -> str:
    return cell.case.rpartition("/")[2]
