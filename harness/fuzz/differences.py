"""The difference between the reactions of two servers to the same bytes, and the signature that groups it. Pure.

Nothing here says who is right. Left out is what the RFCs leave to each server: to close the connection after any
response, to refuse a request before or after the app was called, and what a refusal says.
"""

from __future__ import annotations

from dataclasses import dataclass

from wsgi_gauntlet.harness.fuzz.observation import AppCall, End, Observation, Outcome
from wsgi_gauntlet.harness.fuzz.traits import Trait

KNOWN_VARIABLES = frozenset({"CONTENT_TYPE", "HTTP_HOST", "HTTP_X_A", "HTTP_EXPECT", "HTTP_COOKIE", "HTTP_TRAILER"})
"""Variables that are named in a difference. Others are called a variable: their names come from the input."""


@dataclass(frozen=True, order=True)
class Difference:
    """One difference: `aspect` is what differs, `reference` and `other` are its values in words."""

    aspect: str
    reference: str
    other: str

    @property
    def is_general(self) -> bool:
        """Whether the difference does not depend on the traits of the request, as the form of a refusal."""
        return self.aspect in ("form of a refusal", "connection after a refusal")

    def __str__(self) -> str:
        return f"{self.aspect}: {self.reference} | {self.other}"


@dataclass(frozen=True, order=True)
class Signature:
    """The cause of a disagreement: the other server, the difference, and the traits of the request."""

    server: str
    difference: Difference
    traits: frozenset[Trait] = frozenset()

    @property
    def kind(self) -> tuple[str, Difference]:
        """The signature without the traits."""
        return self.server, self.difference


def difference(reference: Observation, other: Observation) -> Difference | None:
    """Return the first difference in the order of its weight, None if there is none."""
    if bool(reference.ended) != bool(other.ended):
        return Difference("process", _end_text(reference), _end_text(other))
    if reference.busy != other.busy:
        return Difference("processor", _busy_text(reference), _busy_text(other))
    classes = _outcome_class(reference), _outcome_class(other)
    if classes[0] != classes[1]:
        return Difference("outcome", *classes)
    if classes[0] == Outcome.WAITS:
        return _truncation_difference(reference, other)
    if classes[0] == "rejected":
        return _refusal_difference(reference, other)
    return _call_difference(reference, other) or _response_difference(reference, other)


def _end_text(observed: Observation) -> str:
    return f"ended with {observed.ended}" if observed.ended else "runs on"


def _busy_text(observed: Observation) -> str:
    return "works on without a request" if observed.busy else "idle"


def _outcome_class(observed: Observation) -> str:
    """Return the outcome; a server that calls the app before it reads the body refuses later, but refuses as well."""
    outcome = observed.outcome
    if outcome in (Outcome.FAILED, Outcome.REFUSED):
        if len(observed.calls) > 1:
            return "rejected, with several calls of the app"
        return "rejected" if not observed.calls or observed.calls[0].body is None else "called and then failed"
    return str(outcome)


def _truncation_difference(reference: Observation, other: Observation) -> Difference | None:
    """Compare what the app got of an incomplete request when the client had closed the connection."""
    texts = [
        "the app got it as complete" if any(call.body for call in each.calls) else "the app did not get it as complete"
        for each in (reference, other)
    ]
    return Difference("incomplete request", *texts) if texts[0] != texts[1] else None


def _refusal_difference(reference: Observation, other: Observation) -> Difference | None:
    ends = _kept_open(reference), _kept_open(other)
    if ends[0] != ends[1]:
        return Difference("connection after a refusal", *ends)
    forms = _refusal_form(reference), _refusal_form(other)
    return Difference("form of a refusal", *forms) if forms[0] != forms[1] else None


def _kept_open(observed: Observation) -> str:
    if observed.end is End.NEXT_SERVED:
        return "next request served"
    return "closed" if observed.end is End.CLOSED else "open"


def _refusal_form(observed: Observation) -> str:
    if not observed.answers:
        return "no response"
    first = observed.answers[0]
    if not first.well_formed or not first.complete:
        return "malformed response"
    return f"{first.status_class}xx"


def _call_difference(reference: Observation, other: Observation) -> Difference | None:
    for number, (first, second) in enumerate(zip(reference.calls, other.calls, strict=False)):
        found = _compare_calls(first, second)
        if found is not None:
            aspect = found.aspect if number == 0 else f"{found.aspect} of request {number + 1}"
            return Difference(aspect, found.reference, found.other)
    counts = len(reference.calls), len(other.calls)
    # A server may close the connection after any response, and then the later requests are lost.
    lost = counts[0] > counts[1] and other.end is End.CLOSED and len(other.answers) <= counts[1]
    return None if lost or counts[0] == counts[1] else Difference("calls of the app", *map(str, counts))


def _compare_calls(reference: AppCall, other: AppCall) -> Difference | None:
    for aspect in ("method", "path", "query"):
        values = getattr(reference, aspect), getattr(other, aspect)
        if values[0] != values[1]:
            return (
                Difference(aspect, "as it was sent", "changed")
                if aspect == "method"
                else _text_difference(aspect, *values)
            )
    if reference.body != other.body:
        return Difference(
            "body", "read whole" if reference.body is not None else "not read", _body_text(reference, other)
        )
    return _variable_difference(dict(reference.variables), dict(other.variables))


def _text_difference(aspect: str, reference: str, other: str) -> Difference:
    if not other or not reference:
        return Difference(aspect, "there" if reference else "empty", "there" if other else "empty")
    how = "longer" if len(other) > len(reference) else "shorter" if len(other) < len(reference) else "other characters"
    return Difference(aspect, "as the reference reads it", how)


def _body_text(reference: AppCall, other: AppCall) -> str:
    if other.body is None:
        return "not read"
    if not other.body:
        return "empty"
    length = len(reference.body or b"")
    return "longer" if len(other.body) > length else "shorter" if len(other.body) < length else "other bytes"


def _variable_difference(reference: dict[str, str], other: dict[str, str]) -> Difference | None:
    for name in sorted({*reference, *other}):
        shown = name if name in KNOWN_VARIABLES else "another variable"
        first, second = reference.get(name), other.get(name)
        if first is None or second is None:
            return Difference(
                shown, "there" if first is not None else "missing", "there" if second is not None else "missing"
            )
        if first != second:
            how = (
                "longer" if len(second) > len(first) else "shorter" if len(second) < len(first) else "other characters"
            )
            return Difference(shown, "as the reference reads it", how)
    return None


def _response_difference(reference: Observation, other: Observation) -> Difference | None:
    forms = _responses_text(reference), _responses_text(other)
    if forms[0] != forms[1]:
        return Difference("responses", *forms)
    ends = reference.end is End.SILENT, other.end is End.SILENT
    if ends[0] != ends[1]:
        return Difference(
            "connection afterwards", *("open and silent" if each else "closed, or next request served" for each in ends)
        )
    return None


def _responses_text(observed: Observation) -> str:
    """Return the responses beyond those of the calls, and those that are malformed, in words."""
    extra = observed.answers[len(observed.calls) :]
    malformed = any(not each.well_formed or not each.complete for each in observed.answers)
    return ("a refusal more" if extra else "one for each call") + (", malformed" if malformed else "")
