"""`junit.xml`: one test case for each cell, for CI systems. A fail fails, an error of ours errs, the rest passes.

A cell of load that breaks a threshold of the user's fails. A warn or a flaky cell passes with a word in its output;
what was not tried, or could not be judged, is skipped. So is a fail that the baseline expects, with its reason; a pass
that it does not expect fails.
"""

from __future__ import annotations

from xml.etree import ElementTree as ET

from ..harness.baselines.baseline import told as standing_told
from ..harness.model import Check, Grade, Load, Results, Standing, Verdict
from ..harness.output import Output
from . import tally, words
from .bounds import cut_text
from .visible import clean, line

SKIPPED = frozenset({Verdict.SKIPPED, Verdict.UNSUPPORTED})
UNJUDGED = frozenset({Grade.INCONCLUSIVE, Grade.INVALID, Grade.UNSUPPORTED})

LOG = 4000
"""Characters of a server's log that a failing case carries."""


def render(results: Results) -> str:
    """Return `results` as a JUnit document: a suite for each server."""
    root = ET.Element("testsuites", name="wsgi-gauntlet")
    for info in tally.servers(results):
        suite = ET.Element("testsuite", name=line(info.name))
        for check in results.checks:
            if check.server == info.name:
                suite.append(_check(check))
        for load in results.loads:
            if load.server == info.name:
                suite.append(_load(load))
        if not len(suite):
            continue
        suite.set("tests", str(len(suite)))
        suite.set("failures", str(len(suite.findall("testcase/failure"))))
        suite.set("errors", str(len(suite.findall("testcase/error"))))
        suite.set("skipped", str(len(suite.findall("testcase/skipped"))))
        suite.set("time", f"{sum(float(each.get('time', 0)) for each in suite):.3f}")
        root.append(suite)
    for name in ("tests", "failures", "errors", "skipped"):
        root.set(name, str(sum(int(suite.get(name, 0)) for suite in root)))
    ET.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


OUTPUT = Output("junit", "junit.xml", render, asked=True)


def _check(cell: Check) -> ET.Element:
    case = _case(f"{cell.server}.{tally.area(cell.case)}", cell.case, cell.seconds)
    told = f"expected: {clean(cell.expected)}\nactual: {clean(cell.actual)}"
    mark = clean(standing_told(cell))
    if mark:
        told = f"{mark}\n{told}"
    match cell.verdict:
        case _ if cell.baseline is not None and cell.baseline.standing is Standing.UNEXPECTED_PASS:
            _say(case, "failure", line(mark, 500), mark, kind="unexpected pass")
        case Verdict.FAIL if cell.baseline is not None and cell.baseline.standing is Standing.EXPECTED:
            text = f"{told}\n{clean(cell.baseline.link)}".rstrip()
            _say(case, "skipped", line(mark, 500), text, kind="expected fail")
        case Verdict.FAIL:
            log = cut_text(clean(cell.evidence.log), LOG)
            text = f"{told}\n\nthe server's log:\n{log}" if log else told
            _say(case, "failure", line(cell.actual, 500) or "broken", text, kind=cell.level)
        case Verdict.ERROR:
            _say(case, "error", line(cell.actual, 500) or "the harness failed", clean(cell.actual), kind="harness")
        case each if each in SKIPPED:
            _say(case, "skipped", line(cell.actual, 500) or str(cell.verdict))
        case Verdict.WARN | Verdict.FLAKY:
            ET.SubElement(case, "system-out").text = f"{cell.verdict}: {told}"
        case _:
            pass
    return case


def _load(cell: Load) -> ET.Element:
    case = _case(f"{cell.server}.load", cell.scenario, cell.seconds)
    phase = words.during(cell)
    p99 = words.duration(phase.p99, at_least=phase.censored) if phase else words.MISSING
    told = f"{words.grade(cell)}; goodput {words.percent(cell.goodput)}; p99 {p99}"
    told += "".join(f"\n{line(each.name, 100)}: {words.measure(each)}" for each in cell.measures)
    note = line(cell.note, 500)
    if cell.grade is Grade.ERROR:
        _say(case, "error", note or "the harness failed", clean(cell.note), kind="harness")
    elif cell.broken:
        broken = "; ".join(each.told for each in cell.broken)
        _say(case, "failure", line(f"threshold broken: {broken}", 500), f"{told}\n{note}".strip(), kind="threshold")
    elif cell.grade in UNJUDGED:
        _say(case, "skipped", f"{cell.grade}: {note}" if note else cell.grade)
    else:
        ET.SubElement(case, "system-out").text = f"{told}\n{note}".strip()
    return case


def _case(suite: str, name: str, seconds: float) -> ET.Element:
    return ET.Element("testcase", classname=line(suite), name=line(name), time=f"{seconds:.3f}")


def _say(case: ET.Element, tag: str, message: str, text: str = "", kind: str = "") -> None:
    element = ET.SubElement(case, tag, message=message)
    if kind:
        element.set("type", kind)
    element.text = text or None
