"""`junit.xml`: one test case for each cell, for CI systems.

A fail, a broken threshold and an unexpected pass are failures. `error`, an invalid measurement and a threshold that was
not checked are errors. A warn
or a flaky cell passes, with a line in its output. Cells without a verdict, inconclusive and unsupported cells and fails
that the baseline expects are skipped, with their reason.

A recommendation is a test case of a suite of its own. It fails if no candidate meets the requirements, and it is an
error if the search did not end or measured nothing.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET

from wsgi_gauntlet.harness.baseline.comparison import describe_status
from wsgi_gauntlet.harness.model import BaselineStatus, CaseResult, Grade, Results, ScenarioResult, Verdict
from wsgi_gauntlet.harness.model.recommendation import Answer, Recommendation
from wsgi_gauntlet.harness.store.evidence_limits import truncate_text
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.text import labels, recommendation_text
from wsgi_gauntlet.reports.text.escaping import escape_text, line

SKIPPED = frozenset({Verdict.SKIPPED, Verdict.UNSUPPORTED})
SKIPPED_GRADES = frozenset({Grade.INCONCLUSIVE, Grade.UNSUPPORTED})

RECOMMENDATION = "recommendation"
"""The name of the suite of a recommendation, and of its test case."""

MAX_LOG_CHARACTERS = 4000
"""Characters of the server log in a failing case."""


def render(results: Results) -> str:
    """Return `results` as a JUnit document with a suite for each server."""
    root = ET.Element("testsuites", name="wsgi-gauntlet")
    # Broken requirements of a candidate are part of the answer, and fail nothing.
    searched = aggregation.searched(results)
    for info in aggregation.servers(results):
        suite = ET.Element("testsuite", name=line(info.name))
        for check in results.conformance:
            if check.server == info.name and info.name not in searched:
                suite.append(_check(check))
        for load in results.load:
            if load.server == info.name:
                suite.append(_load(load))
        if len(suite):
            root.append(suite)
    if results.recommendation is not None:
        suite = ET.SubElement(root, "testsuite", name=RECOMMENDATION)
        suite.append(_recommendation(results.recommendation))
    for suite in root:
        suite.set("tests", str(len(suite)))
        suite.set("failures", str(len(suite.findall("testcase/failure"))))
        suite.set("errors", str(len(suite.findall("testcase/error"))))
        suite.set("skipped", str(len(suite.findall("testcase/skipped"))))
        suite.set("time", f"{sum(float(each.get('time', 0)) for each in suite):.3f}")
    for name in ("tests", "failures", "errors", "skipped"):
        root.set(name, str(sum(int(suite.get(name, 0)) for suite in root)))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _check(cell: CaseResult) -> ET.Element:
    case = _case(f"{cell.server}.{aggregation.area(cell.case)}", cell.case, cell.seconds)
    details = f"expected: {escape_text(cell.expected)}\nactual: {escape_text(cell.actual)}"
    mark = escape_text(describe_status(cell))
    if mark:
        details = f"{mark}\n{details}"
    match cell.verdict:
        case _ if cell.baseline is not None and cell.baseline.status is BaselineStatus.UNEXPECTED_PASS:
            _add_child(case, "failure", line(mark, 500), mark, kind="unexpected pass")
        case Verdict.FAIL if cell.baseline is not None and cell.baseline.status is BaselineStatus.EXPECTED:
            text = f"{details}\n{escape_text(cell.baseline.link)}".rstrip()
            _add_child(case, "skipped", line(mark, 500), text, kind="expected fail")
        case Verdict.FAIL:
            log = truncate_text(escape_text(cell.evidence.log), MAX_LOG_CHARACTERS)
            text = f"{details}\n\nserver log:\n{log}" if log else details
            _add_child(case, "failure", line(cell.actual, 500) or "broken", text, kind=cell.level)
        case Verdict.ERROR:
            _add_child(
                case, "error", line(cell.actual, 500) or "the harness failed", escape_text(cell.actual), kind="harness"
            )
        case each if each in SKIPPED:
            _add_child(case, "skipped", line(cell.actual, 500) or str(cell.verdict))
        case Verdict.WARN | Verdict.FLAKY:
            ET.SubElement(case, "system-out").text = f"{cell.verdict}: {details}"
        case _:
            pass
    return case


def _load(cell: ScenarioResult) -> ET.Element:
    case = _case(f"{cell.server}.load", cell.scenario, cell.seconds)
    phase = labels.during(cell)
    p99 = labels.duration(phase.p99, at_least=phase.censored) if phase else labels.MISSING
    details = f"{labels.grade(cell)}; goodput {labels.percent(cell.goodput)}; p99 {p99}"
    details += "".join(f"\n{line(each.label, 100)}: {labels.metric(each)}" for each in cell.metrics)
    details += "".join(f"\nthreshold not checked: {line(each.message, 500)}" for each in cell.unchecked)
    note = line(cell.note, 500)
    unchecked = "; ".join(each.message for each in cell.unchecked if each.required)
    if cell.grade is Grade.ERROR:
        _add_child(case, "error", note or "the harness failed", escape_text(cell.note), kind="harness")
    elif cell.grade is Grade.INVALID:
        why = (cell.generator.why if cell.generator is not None else "") or cell.note
        message = f"invalid: {line(why, 500) or 'the generator or the machine could not keep up'}"
        _add_child(case, "error", message, f"{details}\n{note}".strip(), kind="invalid measurement")
    elif cell.broken:
        broken = "; ".join(each.message for each in cell.broken)
        _add_child(
            case, "failure", line(f"threshold broken: {broken}", 500), f"{details}\n{note}".strip(), kind="threshold"
        )
    elif unchecked:
        _add_child(case, "error", line(f"threshold not checked: {unchecked}", 500), f"{details}\n{note}".strip(),
                   kind="threshold")  # fmt: skip
    elif cell.grade in SKIPPED_GRADES:
        _add_child(case, "skipped", f"{cell.grade.label}: {note}" if note else cell.grade.label)
    else:
        ET.SubElement(case, "system-out").text = f"{details}\n{note}".strip()
    return case


def _recommendation(found: Recommendation) -> ET.Element:
    words = recommendation_text
    case = _case(RECOMMENDATION, RECOMMENDATION, found.seconds)
    sentences = [f"{part.title}: {each.text}" for part in words.PARTS for each in part.sentences(found)]
    out = [f"{words.name(each.candidate)}: {words.describe_elimination(each)}" for each in found.eliminated]
    title = words.title(found)
    details = "\n".join([title, f"Asked: {words.describe_question(found)}", *words.warnings(found), *sentences, *out])
    if found.stopped or not found.finished:
        _add_child(case, "error", line(f"the search ended early: {found.stopped or 'not finished'}", 500), details,
                   kind="not finished")  # fmt: skip
    elif found.answer is Answer.RECOMMENDED:
        ET.SubElement(case, "system-out").text = details
    elif found.answer is Answer.NONE_HOLDS:
        why = next((each.text for each in words.reasons(found)), "")
        _add_child(case, "failure", line(f"{title}: {why}" if why else title, 500), details, kind="requirement")
    else:
        _add_child(case, "error", title, details, kind="not decided")
    return case


def _case(suite: str, name: str, seconds: float) -> ET.Element:
    return ET.Element("testcase", classname=line(suite), name=line(name), time=f"{seconds:.3f}")


def _add_child(case: ET.Element, tag: str, message: str, text: str = "", kind: str = "") -> None:
    element = ET.SubElement(case, tag, message=message)
    if kind:
        element.set("type", kind)
    element.text = text or None
