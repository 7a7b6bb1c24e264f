"""A statement that people make of servers, and what a measurement says of it. Imports nothing of ours; see model.py."""

from __future__ import annotations

import enum

import msgspec


class ClaimVerdict(enum.StrEnum):
    """Whether a statement held on a server. NOT_APPLICABLE: what it speaks of does not come up there, as a shield with
    no need.

    INCONCLUSIVE: what was measured lies on both sides of the rule's threshold.
    """

    HELD = "held"
    BROKEN = "did not hold"
    INCONCLUSIVE = "inconclusive"
    NOT_APPLICABLE = "nothing to show"


class Claim(msgspec.Struct, frozen=True):
    """A statement that people make of servers, and whether it held here.

    `rule` says when it holds, with the threshold; `figures` what was measured, in a sentence.
    """

    statement: str
    held: ClaimVerdict
    rule: str
    figures: str
