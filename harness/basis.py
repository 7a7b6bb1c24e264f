"""What the level of a case rests on, in short words for its decorator.

A level is argued from the quoted sentence: either that has the word (MUST, SHOULD, MAY), or it defines something and a
rule of the specification makes definitions binding, or a client is in danger and the argument says how.
"""

from __future__ import annotations

from .model import Basis, Breach, Ground, Reference
from .references import rfc9110

MUST_TEXT = Basis(Ground.MUST)
SHOULD_TEXT = Basis(Ground.SHOULD)
MAY_TEXT = Basis(Ground.MAY)

NOBODY, CLIENT, APP = Breach.NOBODY, Breach.CLIENT, Breach.APP

GENERATES = rfc9110(
    "2.2",
    "A sender MUST NOT generate protocol elements that do not match the grammar defined by the corresponding ABNF "
    "rules.",
)
"""Makes the grammar binding for what a server sends."""

INTERPRETS = rfc9110(
    "2.4",
    "A recipient MUST interpret a received protocol element according to the semantics defined for it by this "
    "specification, including extensions to this specification, unless the recipient has determined (through "
    "experience or configuration) that the sender incorrectly implements what is implied by those semantics.",
)
"""Makes definitions binding for what a server receives."""

CONFORMS = rfc9110(
    "2.2",
    "Conformance to HTTP includes both conformance to the particular messaging syntax of the protocol version in use "
    "and conformance to the semantics of protocol elements sent.",
)
"""Makes definitions binding for what an answer means."""


def definition(argument: str, rule: Reference | None = None) -> Basis:
    """Rest a level on a definition: `argument` says how it leads to the answer, `rule` is what makes it binding.

    PEP 3333 defines an interface in plain prose; there `rule` is needed only where another sentence demands the whole.
    """
    return Basis(Ground.DEFINITION, argument, rule)


def generates(argument: str) -> Basis:
    """Rest a level on the grammar of what the server sends (RFC 9110, 2.2)."""
    return definition(argument, GENERATES)


def interprets(argument: str) -> Basis:
    """Rest a level on the defined meaning of what the server receives (RFC 9110, 2.4)."""
    return definition(argument, INTERPRETS)


def conforms(argument: str) -> Basis:
    """Rest a level on the defined meaning of what the server sends (RFC 9110, 2.2)."""
    return definition(argument, CONFORMS)


def security(argument: str) -> Basis:
    """Rest a level on the harm that another answer does; `argument` says to whom, and how."""
    return Basis(Ground.SECURITY, argument)


def recorded(argument: str) -> Basis:
    """Rest no demand on the sentence: what a server does is only recorded; `argument` says why nothing is asked."""
    return Basis(Ground.RECORDED, argument)
