"""What the level of a case rests on, in short words for its decorator.

A level is argued from the quoted sentence: either that has the word (MUST, SHOULD, MAY), or it defines something and a
rule of the specification makes definitions binding, or a client is in danger and the argument says how.
"""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.references import pep3333, rfc9110, rfc9112
from wsgi_gauntlet.harness.model import Basis, BasisKind, Breach, Reference

MUST_TEXT = Basis(BasisKind.MUST)
SHOULD_TEXT = Basis(BasisKind.SHOULD)
MAY_TEXT = Basis(BasisKind.MAY)

CLIENT, APP = Breach.CLIENT, Breach.APP

SENDER_GRAMMAR_RULE = rfc9110(
    "2.2",
    "A sender MUST NOT generate protocol elements that do not match the grammar defined by the corresponding ABNF "
    "rules.",
)
"""Makes the grammar binding for what a server sends."""

RECIPIENT_SEMANTICS_RULE = rfc9110(
    "2.4",
    "A recipient MUST interpret a received protocol element according to the semantics defined for it by this "
    "specification, including extensions to this specification, unless the recipient has determined (through "
    "experience or configuration) that the sender incorrectly implements what is implied by those semantics.",
)
"""Makes definitions binding for what a server receives."""

SENDER_SEMANTICS_RULE = rfc9110(
    "2.2",
    "Conformance to HTTP includes both conformance to the particular messaging syntax of the protocol version in use "
    "and conformance to the semantics of protocol elements sent.",
)
"""Makes definitions binding for what an answer means."""

CGI_VARIABLES_RULE = pep3333(
    "environ Variables",
    "The following variables must be present, unless their value would be an empty string, in which case they may be "
    "omitted, except as otherwise noted below.",
)
"""Makes the PEP's list of CGI variables binding."""

WSGI_VARIABLES_RULE = pep3333("environ Variables", "and must contain the following WSGI-defined variables")
"""Makes the PEP's list of `wsgi.` variables binding."""

STREAM_METHODS_RULE = pep3333(
    "Input and Error Streams",
    "The methods listed in the table above must be supported by all servers conforming to this specification.",
)
"""Makes the methods of the two streams, and what they are documented to do, binding."""

CHUNKED_DECODING_RULE = rfc9112("7.1", "A recipient MUST be able to parse and decode the chunked transfer coding.")
"""Makes the definition of the chunked coding binding."""

INCOMPLETE_MESSAGE_RULE = rfc9112(
    "8",
    "A message body that uses the chunked transfer coding is incomplete if the zero-sized chunk that terminates the "
    "encoding has not been received. A message that uses a valid Content-Length is incomplete if the size of the "
    "message body received (in octets) is less than the value given by Content-Length.",
)
"""Says how a client tells a broken answer from a whole one."""


def definition(argument: str, rule: Reference | None = None) -> Basis:
    """Rest a level on a definition: `argument` says how it leads to the answer, `rule` is what makes it binding.

    PEP 3333 defines an interface in plain prose; there `rule` is needed only where another sentence demands the whole.
    """
    return Basis(BasisKind.DEFINITION, argument, rule)


def from_sender_grammar(argument: str) -> Basis:
    """Rest a level on the grammar of what the server sends (RFC 9110, 2.2)."""
    return definition(argument, SENDER_GRAMMAR_RULE)


def from_recipient_semantics(argument: str) -> Basis:
    """Rest a level on the defined meaning of what the server receives (RFC 9110, 2.4)."""
    return definition(argument, RECIPIENT_SEMANTICS_RULE)


def from_sender_semantics(argument: str) -> Basis:
    """Rest a level on the defined meaning of what the server sends (RFC 9110, 2.2)."""
    return definition(argument, SENDER_SEMANTICS_RULE)


def security(argument: str) -> Basis:
    """Rest a level on the harm that another answer does; `argument` says to whom, and how."""
    return Basis(BasisKind.SECURITY, argument)


def recorded_only(argument: str) -> Basis:
    """Rest no demand on the sentence: what a server does is only recorded; `argument` says why nothing is asked."""
    return Basis(BasisKind.RECORDED, argument)


def cgi_variable(argument: str) -> Basis:
    """Rest a level on the definition of a CGI variable in PEP 3333."""
    return definition(argument, CGI_VARIABLES_RULE)


def wsgi_variable(argument: str) -> Basis:
    """Rest a level on the definition of a `wsgi.` variable in PEP 3333."""
    return definition(argument, WSGI_VARIABLES_RULE)


def input_method(argument: str) -> Basis:
    """Rest a level on what a method of wsgi.input is documented to do."""
    return definition(argument, STREAM_METHODS_RULE)


def chunked_coding(argument: str) -> Basis:
    """Rest a level on what the chunked coding is."""
    return definition(argument, CHUNKED_DECODING_RULE)
