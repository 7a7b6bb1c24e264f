"""Name the sentence that a case checks, and justify the level of the case.

The quoted sentence justifies the level. It has the word MUST, SHOULD or MAY; or it defines something, and a rule of the
specification makes definitions binding; or another behaviour harms somebody, and the argument says how.

PEP 3333: https://peps.python.org/pep-3333/ · RFC 9110 (HTTP semantics) · RFC 9112 (HTTP/1.1).
"""

from __future__ import annotations

import re

from wsgi_gauntlet.harness.model import Basis, BasisKind, Breach, Reference


def pep3333(section: str, quote: str) -> Reference:
    """PEP 3333; `section` is the heading in the document, which also gives the anchor of the link."""
    anchor = re.sub(r"[^a-z0-9]+", "-", section.lower()).strip("-")
    return Reference("PEP 3333", section, quote, f"https://peps.python.org/pep-3333/#{anchor}")


def rfc6455(section: str, quote: str) -> Reference:
    """RFC 6455, The WebSocket Protocol; `section` is a number such as "4.2.1"."""
    return _rfc(6455, section, quote)


def rfc7540(section: str, quote: str) -> Reference:
    """RFC 7540, HTTP/2 with its Upgrade from HTTP/1.1; `section` is a number such as "3.2.1"."""
    return _rfc(7540, section, quote)


def rfc9110(section: str, quote: str) -> Reference:
    """RFC 9110, HTTP Semantics; `section` is a number such as "9.3.2"."""
    return _rfc(9110, section, quote)


def rfc9112(section: str, quote: str) -> Reference:
    """RFC 9112, HTTP/1.1; `section` is a number such as "6.3"."""
    return _rfc(9112, section, quote)


def _rfc(number: int, section: str, quote: str) -> Reference:
    kind = "appendix" if section[:1].isalpha() else "section"
    url = f"https://www.rfc-editor.org/rfc/rfc{number}.html#{kind}-{section}"
    return Reference(f"RFC {number}", section, quote, url)


MUST_TEXT = Basis(BasisKind.MUST)
SHOULD_TEXT = Basis(BasisKind.SHOULD)
MAY_TEXT = Basis(BasisKind.MAY)

CLIENT, APP = Breach.CLIENT, Breach.APP

SENDER_GRAMMAR_RULE = rfc9110(
    "2.2",
    "A sender MUST NOT generate protocol elements that do not match the grammar defined by the corresponding ABNF "
    "rules.",
)
"""Makes the grammar binding for the messages that a server sends."""

RECIPIENT_SEMANTICS_RULE = rfc9110(
    "2.4",
    "A recipient MUST interpret a received protocol element according to the semantics defined for it by this "
    "specification, including extensions to this specification, unless the recipient has determined (through "
    "experience or configuration) that the sender incorrectly implements what is implied by those semantics.",
)
"""Makes definitions binding for the messages that a server receives."""

SENDER_SEMANTICS_RULE = rfc9110(
    "2.2",
    "Conformance to HTTP includes both conformance to the particular messaging syntax of the protocol version in use "
    "and conformance to the semantics of protocol elements sent.",
)
"""Makes definitions binding for the meaning of a response."""

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
"""Makes the methods of the two streams and their documented behaviour binding."""

CHUNKED_DECODING_RULE = rfc9112("7.1", "A recipient MUST be able to parse and decode the chunked transfer coding.")
"""Makes the definition of the chunked coding binding."""

INCOMPLETE_MESSAGE_RULE = rfc9112(
    "8",
    "A message body that uses the chunked transfer coding is incomplete if the zero-sized chunk that terminates the "
    "encoding has not been received. A message that uses a valid Content-Length is incomplete if the size of the "
    "message body received (in octets) is less than the value given by Content-Length.",
)
"""Says how a client distinguishes an incomplete response from a complete one."""


def definition(argument: str, rule: Reference | None = None) -> Basis:
    """Rest a level on a definition. `argument` leads from it to the expected behaviour; `rule` makes it binding.

    PEP 3333 defines an interface in prose. Its definitions need a `rule` only if another sentence makes them binding.
    """
    return Basis(BasisKind.DEFINITION, argument, rule)


def from_sender_grammar(argument: str) -> Basis:
    """Rest a level on the grammar of messages that the server sends (RFC 9110, 2.2)."""
    return definition(argument, SENDER_GRAMMAR_RULE)


def from_recipient_semantics(argument: str) -> Basis:
    """Rest a level on the meaning of messages that the server receives (RFC 9110, 2.4)."""
    return definition(argument, RECIPIENT_SEMANTICS_RULE)


def from_sender_semantics(argument: str) -> Basis:
    """Rest a level on the meaning of messages that the server sends (RFC 9110, 2.2)."""
    return definition(argument, SENDER_SEMANTICS_RULE)


def security(argument: str) -> Basis:
    """Rest a level on the harm of another behaviour; `argument` says who is harmed and how."""
    return Basis(BasisKind.SECURITY, argument)


def recorded_only(argument: str) -> Basis:
    """Require nothing: the behaviour of the server is only recorded. `argument` says why."""
    return Basis(BasisKind.RECORDED, argument)


def cgi_variable(argument: str) -> Basis:
    """Rest a level on the definition of a CGI variable in PEP 3333."""
    return definition(argument, CGI_VARIABLES_RULE)


def wsgi_variable(argument: str) -> Basis:
    """Rest a level on the definition of a `wsgi.` variable in PEP 3333."""
    return definition(argument, WSGI_VARIABLES_RULE)


def input_method(argument: str) -> Basis:
    """Rest a level on the documented behaviour of a method of wsgi.input."""
    return definition(argument, STREAM_METHODS_RULE)


def chunked_coding(argument: str) -> Basis:
    """Rest a level on the definition of the chunked coding."""
    return definition(argument, CHUNKED_DECODING_RULE)
