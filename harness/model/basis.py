"""What a case stands on, as frozen types and enums: the sentence, why that bears the level, and who breaks a rule.

Imports nothing of ours; basis.py has the words with which cases say it.
"""

from __future__ import annotations

import enum

import msgspec


class Reference(msgspec.Struct, frozen=True):
    """The sentence that a case rests on, quoted from the specification's text."""

    document: str
    section: str
    quote: str
    url: str


class BasisKind(enum.StrEnum):
    """What kind of thing a case's level rests on."""

    MUST = "MUST of the text"
    SHOULD = "SHOULD of the text"
    MAY = "MAY of the text"
    DEFINITION = "definition"
    SECURITY = "security"
    RECORDED = "recorded only"


class Basis(msgspec.Struct, frozen=True):
    """Why the quoted sentence bears a case's level.

    `argument` leads from the sentence to the expected answer where its words alone do not. `rule` is the sentence that
    makes a definition binding.
    """

    kind: BasisKind
    argument: str = ""
    rule: Reference | None = None


class Breach(enum.StrEnum):
    """Who breaks a rule in a case, on purpose: a compliant client and app would not do what it does."""

    NOBODY = "nobody"
    CLIENT = "client"
    APP = "app"
