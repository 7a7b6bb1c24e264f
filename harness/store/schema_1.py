"""Results of schema 1, changed to schema 2. Decoded JSON in and out.

Schema 1 was the format of the first version. Everything that is already in the new form stays as it is, because a
resumed journal has lines of both.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import msgspec

from wsgi_gauntlet.harness.model.load import metric_id

Document = dict[str, Any]

_RESULTS = {"checks": "conformance", "loads": "load"}
_CASE_RESULT = {"patterns": "segmentations"}
_BASELINE = {"standing": "status"}
_SCENARIO_RESULT = {
    "reaped": "disconnect",
    "crowd": "slow_clients",
    "measures": "metrics",
    "artefacts": "caveats",
}
_GRADES = {"immune": "unaffected", "degrades": "degraded", "collapses": "collapsed", "wedged": "not_recovered"}
_OUTCOMES = {
    "wrong body": "wrong_body",
    "time-out": "timeout",
    "in flight at the end": "in_flight_at_the_end",
    "never sent": "never_sent",
}
_CLAIM_VERDICTS = {"did not hold": "did_not_hold", "nothing to show": "not_applicable"}
_BASELINE_STATUSES = {
    "unexpected fail": "unexpected_fail",
    "unexpected pass": "unexpected_pass",
    "other than expected": "other",
}
_BASIS_KINDS = {
    "MUST of the text": "must",
    "SHOULD of the text": "should",
    "MAY of the text": "may",
    "recorded only": "recorded",
}
_SEGMENTATIONS = {"byte by byte": "bytes", "split at every CRLF": "lines"}
_CONNECTION_EVENTS = {"half-closed": "half_closed"}
_LINT_KINDS = {
    "no-status-line": "missing-status-line",
    "empty-line": "leading-empty-line",
    "status-line": "malformed-status-line",
    "status-space": "missing-status-space",
    "reason": "invalid-reason-phrase",
    "version": "invalid-http-version",
    "folded-line": "obs-fold",
    "no-colon": "missing-colon",
    "field-name": "invalid-header-name",
    "field-value": "invalid-header-value",
    "field-twice": "duplicate-header",
    "date-missing": "missing-date",
    "date-form": "invalid-date",
    "date-wrong": "wrong-date",
    "server-empty": "empty-server",
    "length-twice": "duplicate-content-length",
    "length-form": "invalid-content-length",
    "length-forbidden": "forbidden-content-length",
    "length-and-coding": "content-length-and-transfer-encoding",
    "coding-forbidden": "forbidden-transfer-encoding",
    "coding-form": "invalid-transfer-encoding",
    "coding-to-http-1.0": "transfer-encoding-to-http-1.0",
    "chunk-form": "invalid-chunk",
    "incomplete": "incomplete-response",
    "body-after-head": "body-in-head-response",
    "body-forbidden": "forbidden-body",
    "bytes-after-answer": "bytes-after-response",
    "answer-unasked": "unrequested-response",
    "interim-to-http-1.0": "interim-response-to-http-1.0",
    "close-ignored": "close-not-honoured",
    "close-unsaid": "close-not-announced",
    "keep-alive-broken": "keep-alive-not-honoured",
    "connection-contradicts": "contradictory-connection",
    "connection-unknown": "unknown-connection-option",
    "connection-end-to-end": "end-to-end-connection-option",
    "hop-by-hop-unlisted": "hop-by-hop-not-listed",
    "too-large": "too-large-to-read",
}
_METRIC = {"name": "label"}
_METRIC_IDS = (
    (r"^p99_there$", "p99_at_capacity"),
    (r"^pace_in_the_surge$", "rate_in_the_surge"),
    (r"^answered_(within_.+_past_the_knee)$", r"correct_responses_\1"),
    (r"^answers_a_second_", "responses_per_second_"),
    (r"^files_a_second_", "files_per_second_"),
    (r"^cpu_of_", "cpu_time_of_"),
    (r"_slow_and_vanishing_clients_", "_slow_and_disconnecting_clients_"),
    (r"^slow_clients_that_take_", "slow_clients_that_block_"),
    (r"^newcomer_answered_beside_them_", "new_connection_served_beside_them_"),
    (r"^newcomers_", "new_connections_"),
    (r"^connect_p99_ended_", "connect_p99_closed_"),
    (r"^answer_p99_ended_", "response_p99_closed_"),
    (r"^clients_without_a_right_answer$", "clients_without_a_correct_response"),
    (r"^(upload|download)s_that_were_right$", r"correct_\1s"),
    (r"^answers_lost$", "responses_lost"),
    (r"^answers_on_a_connection_at_most$", "most_responses_on_a_connection"),
    (r"^second_answer_after_the_first$", "second_response_after_the_first"),
    (r"^answers_whose_close_was_not_called$", "responses_without_close"),
    (r"^lost_wrong_answer$", "lost_wrong_response"),
    (r"^lost_never_answered$", "lost_no_response"),
    (r"^new_process_answers_after$", "new_process_responds_after"),
    (r"^longest_gap_without_an_answer$", "longest_gap_without_a_response"),
    (r"^(goodput|requests_lost|replaced_after)_wedged$", r"\1_blocked"),
    (r"^app_started_before_the_body_was_there$", "app_started_before_the_body_had_arrived"),
    (r"^of_each_slow_answer_in_the_kernel$", "kernel_buffer_per_slow_response"),
    (r"_freed_after$", "_disconnected_after"),
    (r"_time_out_is_per_gap$", "_timeout_is_per_gap"),
)
"""Ids made from labels of schema 1 that have another word now: a pattern and its replacement."""

_CLAIM = {"held": "verdict"}
_THRESHOLD_VIOLATION = {"told": "message"}
_BASELINE_LINE = {"held": "applied"}


@contextlib.contextmanager
def _damage_reported() -> Iterator[None]:
    """Turn an error about a value of a wrong type into the error that msgspec raises for it."""
    try:
        yield
    except (TypeError, ValueError, KeyError, AttributeError) as problem:
        raise msgspec.ValidationError(f"not in the form of schema 1: {problem}") from None


@_damage_reported()
def upgrade_results(document: Document) -> Document:
    """Return a results.json of schema 1 as one of schema 2. Raises msgspec.ValidationError."""
    new = _with_catalog(_renamed(document, _RESULTS)) | {"schema": 2}
    _change_each(new, "conformance", _case_result)
    _change_each(new, "load", _scenario_result)
    return new


@_damage_reported()
def upgrade_line(line: Document) -> Document:
    """Return one line of a journal of schema 1 as a line of schema 2. Raises msgspec.ValidationError."""
    match line.get("line"):
        case "run":
            return _with_catalog(line) | {"schema": 2}
        case "baseline":
            new = _renamed(line, _BASELINE_LINE)
        case _:
            new = dict(line)
    _change(new, "check", _case_result)
    _change(new, "load", _scenario_result)
    _change_each(new, "applied", _with_baseline)
    return new


def new_scenario_id(scenario: str) -> str:
    """Return the id that a scenario, or a family, of the first version has now. Other ids stay."""
    return f"claims{scenario.removeprefix('folklore')}" if re.match(r"folklore(/|$)", scenario) else scenario


def _with_catalog(document: Document) -> Document:
    """Return a document with the descriptions of cases and scenarios in the new form."""
    new = dict(document)
    _change(new, "cases", lambda cases: {name: _case_info(each) for name, each in cases.items()})
    _change(
        new,
        "scenarios",
        lambda scenarios: {new_scenario_id(name): _scenario_info(each) for name, each in scenarios.items()},
    )
    return new


def _case_info(case: Document) -> Document:
    new = dict(case)
    _change(new, "basis", lambda basis: _with_value(basis, "kind", _BASIS_KINDS))
    return new


def _scenario_info(scenario: Document) -> Document:
    return scenario | {"id": new_scenario_id(scenario["id"])}


def _case_result(cell: Document) -> Document:
    new = _with_baseline(_renamed(cell, _CASE_RESULT))
    _change(new, "evidence", _evidence)
    new["segmentations"] = [_SEGMENTATIONS.get(each, each) for each in new.get("segmentations", ())]
    new["findings"] = [_finding(each) for each in new.get("findings", ())]
    return new


def _finding(finding: str) -> str:
    kind, colon, rest = finding.partition(":")
    return f"{_LINT_KINDS.get(kind, kind)}{colon}{rest}"


def _evidence(evidence: Document) -> Document:
    new = dict(evidence)
    _change_each(new, "wire", lambda event: _with_value(event, "kind", _CONNECTION_EVENTS))
    return new


def _with_baseline(cell: Document) -> Document:
    new = dict(cell)
    _change(new, "baseline", lambda each: _with_value(_renamed(each, _BASELINE), "status", _BASELINE_STATUSES))
    return new


def _scenario_result(cell: Document) -> Document:
    new = _with_value(_renamed(cell, _SCENARIO_RESULT), "grade", _GRADES)
    new["phase"] = _phase(new.get("phase", ""))
    new["percentiles"] = [[_phase(each[0]), *each[1:]] for each in new.get("percentiles", ())]
    new["scenario"] = new_scenario_id(new.get("scenario", ""))
    new["samples"] = [[*each[:3], _OUTCOMES.get(each[3], each[3])] for each in new.get("samples", ())]
    _change_each(new, "phases", _phase_result)
    _change_each(new, "metrics", _metric)
    _change_each(new, "claims", lambda each: _with_value(_renamed(each, _CLAIM), "verdict", _CLAIM_VERDICTS))
    _change_each(new, "broken", lambda each: _renamed(each, _THRESHOLD_VIOLATION))
    return new


def _phase_result(phase: Document) -> Document:
    return phase | {"name": _phase(phase.get("name", "")), "outcomes": _renamed(phase.get("outcomes", {}), _OUTCOMES)}


def _phase(name: str) -> str:
    return re.sub(r"^crowd\b", "during", name)


def _with_value(document: Document, key: str, values: Mapping[str, str]) -> Document:
    """Return the document with an old value below `key` replaced by the new one."""
    return document | {key: values[document[key]]} if document.get(key) in values else document


def _metric(metric: Document) -> Document:
    new = _renamed(metric, _METRIC)
    made = metric_id(str(new.get("label", "")))
    for pattern, replacement in _METRIC_IDS:
        made = re.sub(pattern, replacement, made)
    return {"id": made, **new}


def _renamed(document: Document, names: Mapping[str, str]) -> Document:
    return {names.get(name, name): value for name, value in document.items()}


def _change(document: Document, key: str, change: Callable[[Document], Document]) -> None:
    """Change the object below `key`. Other values stay, so that the decoder reports them."""
    if isinstance(document.get(key), dict):
        document[key] = change(document[key])


def _change_each(document: Document, key: str, change: Callable[[Document], Document]) -> None:
    """Change each object of the list below `key`."""
    if isinstance(document.get(key), list):
        document[key] = [change(each) if isinstance(each, dict) else each for each in document[key]]
