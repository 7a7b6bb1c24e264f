"""Group disagreements by their cause. Pure.

A disagreement is one input on which one server and the reference server differ. Most have a cause that an earlier,
simpler input showed already. Only the first input of each cause is shrunk.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from wsgi_gauntlet.harness.fuzz.differences import Difference, Signature, difference
from wsgi_gauntlet.harness.fuzz.inputs import FuzzInput
from wsgi_gauntlet.harness.fuzz.observation import Observation
from wsgi_gauntlet.harness.fuzz.traits import Trait, sections, traits
from wsgi_gauntlet.harness.http.request import well_formed

BASIC_ASPECTS = ("outcome", "calls of the app", "method", "path", "query", "body")
"""A server that differs so on a well-formed request does not support this kind of request as the reference does."""

HARMFUL_ASPECTS = ("process", "processor", "calls of the app", "incomplete request", "body", "outcome", "responses")
"""Aspects in the order in which results list them; all others come last."""

SLUG_CHARACTERS = 48
"""Characters of the readable part of an id."""


@dataclass(frozen=True)
class Disagreement:
    """One input on which a server and the reference server differ."""

    made: FuzzInput
    signature: Signature


@dataclass(frozen=True)
class Finding:
    """The confirmed cause of disagreements of one server with the reference. `data` are the shrunk bytes.

    `first` is the number of the input that showed it first.
    """

    data: bytes
    signature: Signature
    first: int

    def explains(self, other: Signature) -> bool:
        """Return whether a disagreement with the signature `other` needs no further cause."""
        if self.signature.server != other.server:
            return False
        if self.signature.kind == other.kind:
            return self.signature.traits <= other.traits
        return self._is_basic and self.signature.traits < other.traits

    @property
    def _is_basic(self) -> bool:
        return (
            self.signature.difference.aspect in BASIC_ASPECTS and bool(self.signature.traits) and well_formed(self.data)
        )


@dataclass(frozen=True)
class Cause:
    """One cause, of all servers that show it. `reactions` has what each server did with `data`, the reference first.

    `inputs` counts the inputs that the cause explains. `cases` are the cases that send the same kind of request.
    """

    id: str
    data: bytes
    traits: frozenset[Trait]
    difference: Difference
    servers: tuple[str, ...]
    inputs: int = 1
    reactions: Mapping[str, Observation] = field(default_factory=dict)
    cases: tuple[str, ...] = ()

    @property
    def sections(self) -> tuple[str, ...]:
        """The sections of the RFCs about the parts of the request that matter."""
        return sections(self.traits)

    @property
    def title(self) -> str:
        """The traits in one line."""
        plain = "any rejected request" if self.difference.is_general else "a plain request"
        return "; ".join(map(str, sorted(self.traits))) or plain


def signature(server: str, differs: Difference, data: bytes) -> Signature:
    """Return the signature of a difference on `data`; a general difference has no traits."""
    return Signature(server, differs, frozenset() if differs.is_general else traits(data))


def disagreements(
    inputs: Sequence[FuzzInput], reference: Sequence[Observation], other: Sequence[Observation], server: str
) -> list[Disagreement]:
    """Return the inputs on which `server` differs, those with few traits first. The sequences may have different
    lengths: only inputs that both servers got are compared."""
    found = []
    for made, first, second in zip(inputs, reference, other, strict=False):
        differs = difference(first, second)
        if differs is not None:
            found.append(Disagreement(made, signature(server, differs, made.data)))
    return sorted(found, key=lambda each: (len(each.signature.traits), each.made.number))


def explanation(sought: Signature, findings: Iterable[Finding]) -> Finding | None:
    """Return the first of `findings` that explains `sought`."""
    return next((each for each in findings if each.explains(sought)), None)


def merge(findings: Iterable[Finding], counts: Mapping[Signature, int]) -> list[Cause]:
    """Return the causes: findings of several servers with the same traits and the same difference are one.

    `counts` has the number of inputs of each finding. The bytes are the smallest of the findings.
    """
    groups: dict[tuple[Difference, frozenset[Trait]], list[Finding]] = {}
    for each in findings:
        groups.setdefault((each.signature.difference, each.signature.traits), []).append(each)
    made = []
    for (differs, found), members in groups.items():
        data = min((each.data for each in members), key=lambda each: (len(each), each))
        made.append(
            Cause(
                cause_id(found, differs),
                data,
                found,
                differs,
                tuple(sorted(each.signature.server for each in members)),
                sum(counts.get(each.signature, 1) for each in members),
            )
        )
    return sorted(made, key=_weight)


def _weight(cause: Cause) -> tuple[int, int, list[Trait], Difference]:
    """Return the place of a cause in the result: the most harmful differences first."""
    aspect = cause.difference.aspect
    rank = HARMFUL_ASPECTS.index(aspect) if aspect in HARMFUL_ASPECTS else len(HARMFUL_ASPECTS)
    return rank, -len(cause.servers), sorted(cause.traits), cause.difference


def cause_id(found: frozenset[Trait], differs: Difference) -> str:
    """Return the id of a cause: readable words of its traits, and a digest of all that makes it up."""
    text = "; ".join(map(str, sorted(found)))
    words = re.sub(r"[^a-z0-9]+", "-", (text or "plain request").lower()).strip("-")[:SLUG_CHARACTERS].strip("-")
    digest = hashlib.blake2b(f"{text}|{differs}".encode(), digest_size=3).hexdigest()
    return f"fuzz/{words}-{digest}"
