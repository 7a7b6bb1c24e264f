"""The version of HTTP in the request line, and in the answer to it."""

from __future__ import annotations

from ....harness import expect
from ....harness.catalog import MUST, SHOULD, case
from ....harness.exchange import Exchange
from ....harness.references import rfc9110, rfc9112
from ..verbs import ask, raw, refused, served, was_rejected

MALFORMED = rfc9112(
    "2.2",
    "receives a sequence of octets that does not match the HTTP-message grammar aside from the robustness exceptions "
    "listed above, the server SHOULD respond with a 400 (Bad Request) response and close the connection.",
)
VERSION = rfc9110("6.2", "A server MUST NOT send a version to which it is not conformant.")


@case(MUST, rfc9112("4", "The first line of a response message is the status-line"))
async def http09(x: Exchange) -> None:
    """A request line without a version is not answered with bare bytes.

    Sends `GET /echo` and an empty line, as HTTP/0.9 did. An answer without a status line lets an attacker have a
    browser read chosen bytes as a page of this origin.
    """
    told = await ask(x, f"GET {x.target('/echo')}?t={x.token}\r\n\r\n".encode(), again=False)
    good = told.answer.nothing or told.answer.status is not None
    expect.that(good, "a status line, or the connection closed", told.answer.describe())


@case(MUST, rfc9112("2.3", "HTTP-version is case-sensitive."))
async def version_lowercase(x: Exchange) -> None:
    """`http/1.1` is no version.

    Sends `GET /echo http/1.1`. The name is compared byte by byte; what else a server lets pass here, the next may
    read otherwise.
    """
    refused(await ask(x, raw(x, f"GET {x.target('/echo')} http/1.1")), (400, 505))


@case(
    SHOULD,
    rfc9110(
        "6.2",
        "a minor version number higher than what it implements SHOULD process the message as if it were in the highest "
        "minor version within that major version to which the recipient is conformant.",
    ),
)
async def version_minor_2(x: Exchange) -> None:
    """HTTP/1.2 is served as HTTP/1.1, and the reply does not claim more than 1.1.

    Sends `HTTP/1.2` with good headers. A server that echoes the version promises what it does not know.
    """
    told = await ask(x, raw(x, f"GET {x.target('/echo')} HTTP/1.2"))
    served(told)
    expect.one_of(told.answer.version, (b"HTTP/1.1", b"HTTP/1.0"), "the reply's version")


@case(MUST, VERSION, variants={"2.0": "HTTP/2.0", "3.0": "HTTP/3.0", "9.9": "HTTP/9.9"})
async def version_major_2(x: Exchange, version: str) -> None:
    """A major version that is not spoken here is never echoed; what comes has a status line of HTTP/1.

    A refusal may be 400 or 505, or the connection is closed. Serving it as HTTP/1.1 is allowed too, claiming the
    version is not. An answer without a status line (RFC 9112, section 4) is none.
    """
    told = await ask(x, raw(x, f"GET {x.target('/echo')} {version}"), again=False)
    if was_rejected(told) and told.answer.nothing:
        return
    expect.that(told.answer.status is not None, "a status line", told.answer.describe())
    expect.one_of(told.answer.version, (b"HTTP/1.1", b"HTTP/1.0"), "the reply's version")


@case(
    SHOULD,
    MALFORMED,
    variants={
        "no-dot": "HTTP/11",
        "three-parts": "HTTP/1.1.1",
        "letters": "HTTP/1.1a",
        "misspelt": "HTP/1.1",
        "no-minor": "HTTP/1",
        "two-digits": "HTTP/1.10",
        "signed": "HTTP/+1.1",
    },
)
async def version_junk(x: Exchange, version: str) -> None:
    """What is no HTTP version is refused.

    Sends `HTTP/11`, `HTTP/1.1a` and the like. A server that goes on must guess which rules of framing hold.
    """
    refused(await ask(x, raw(x, f"GET {x.target('/echo')} {version}")), (400, 505))
