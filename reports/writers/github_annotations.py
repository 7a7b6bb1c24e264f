"""Workflow commands of GitHub Actions: annotations of the failures, for the page of a pull request.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

from collections.abc import Iterator

from wsgi_gauntlet.harness.model import CaseResult, Results, ScenarioResult, Verdict
from wsgi_gauntlet.harness.model.requirement import SECURITY_TAG, RequirementResult
from wsgi_gauntlet.harness.store import rerun_command
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.analysis.changes import Change, what_changed
from wsgi_gauntlet.reports.analysis.headline import headline
from wsgi_gauntlet.reports.analysis.requirements import by_requirement
from wsgi_gauntlet.reports.text.escaping import line
from wsgi_gauntlet.reports.text.labels import pluralize

MAX_ANNOTATIONS = 10
"""Errors, and warnings, of one step that GitHub shows."""

MAX_CHARACTERS = 600
"""Characters of one text of a server in an annotation."""

PROPERTY_ESCAPES = {"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"}
"""What GitHub's own toolkit escapes in the properties of a command. A message keeps colons and commas."""


def render(results: Results) -> str:
    """Return one command on each line: new failures if there is a baseline or a base run to compare with, else all.

    Security comes first. The last line says how many there are.
    """
    changed = what_changed(results)
    if changed is not None and not changed.not_compared:
        errors = [_change("error", each) for each in changed.new_failures]
        warnings = [_change("warning", each) for each in changed.fixed if results.base is None]
        total = f"{changed.summary}, against {line(changed.base)}"
    else:
        broken = list(_broken(results))
        errors = [_requirement("error", results, each) for each in broken if each.verdict is Verdict.FAIL]
        warnings = [_requirement("warning", results, each) for each in broken if each.verdict is Verdict.WARN]
        total = headline(results).text
        total += f". {pluralize(len(errors), 'requirement')} (must) broken" if results.conformance else ""
        total += f". Nothing was compared with {line(changed.base)}: {changed.not_compared}" if changed else ""
    errors += [_threshold(cell, "broken", each.message) for cell in results.load for each in cell.broken]
    errors += [
        _threshold(cell, "not checked", each.message)
        for cell in results.load
        for each in cell.unchecked
        if each.required
    ]
    shown = [*errors[:MAX_ANNOTATIONS], *warnings[:MAX_ANNOTATIONS]]
    left_out = len(errors) + len(warnings) - len(shown)
    total += f"; {left_out} more are in the report" if left_out else ""
    shown.append(command("notice", "wsgi-gauntlet", f"{line(total)}."))
    return "\n".join(shown)


def command(kind: str, title: str, message: str) -> str:
    """Return one workflow command; `kind` is error, warning or notice."""
    escaped_title = "".join(PROPERTY_ESCAPES.get(each, each) for each in line(title, 200))
    text = message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return f"::{kind} title={escaped_title}::{text}"


def _broken(results: Results) -> Iterator[RequirementResult]:
    by_server: dict[str, list[CaseResult]] = {name: [] for name in aggregation.checked(results)}
    for each in results.conformance:
        by_server[each.server].append(each)
    for name in aggregation.searched(results):
        by_server.pop(name, None)  # broken requirements of a candidate are part of the answer
    found = [each for cells in by_server.values() for each in by_requirement(cells) if each.verdict.blames_server]
    yield from sorted(found, key=lambda each: (not each.is_security, each.verdict is not Verdict.FAIL))


def _requirement(kind: str, results: Results, requirement: RequirementResult) -> str:
    cell = next(each for each in requirement.cells if each.verdict is requirement.verdict)
    number = len(requirement.broken_cases)
    variants = f" ({number} of {len(requirement.cells)} variants)" if len(requirement.cells) > 1 else ""
    security = f" [{SECURITY_TAG}]" if requirement.is_security else ""
    replay = rerun_command.replay(cell.server, cell.case, rerun_command.given(results.environment))
    return _annotation(
        kind, f"{cell.server}: {requirement.id}{variants}{security}", cell.expected, cell.actual, "", replay
    )


def _change(kind: str, change: Change) -> str:
    return _annotation(kind, f"{change.server}: {change.case}", change.expected, change.got, change.why, change.replay)


def _threshold(cell: ScenarioResult, what: str, message: str) -> str:
    return command("error", f"{cell.server}: {cell.scenario}", f"threshold {what}: {line(message, MAX_CHARACTERS)}")


def _annotation(kind: str, title: str, expected: str, got: str, why: str, replay: str) -> str:
    lines = [
        line(why, MAX_CHARACTERS),
        f"expected: {line(expected, MAX_CHARACTERS)}" if expected else "",
        f"got: {line(got, MAX_CHARACTERS)}" if got else "",
        f"replay: {line(replay, MAX_CHARACTERS)}",
    ]
    return command(kind, title, "\n".join(filter(None, lines)))
