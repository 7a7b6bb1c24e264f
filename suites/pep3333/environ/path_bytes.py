"""Bytes of the path and the query that are no UTF-8, at the root and below a mount."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.assertions import assert_equal
from wsgi_gauntlet.harness.conformance.basis import cgi_variable, pep3333
from wsgi_gauntlet.harness.conformance.catalog import MUST, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.model import Setup

LATIN1 = pep3333(
    "Unicode Issues",
    "Similarly, servers and gateways must not supply strings to an application containing any other Unicode "
    "characters.",
)


@case(
    MUST,
    LATIN1,
    basis=cgi_variable(
        "Each byte of the path is one Latin-1 character. A byte that is no UTF-8 is a byte of the path like any other."
    ),
    variants={
        "never": ("%FF%FE", "\xff\xfe"),
        "overlong": ("%C0%AF", "\xc0\xaf"),
        "cut-short": ("%E2%82", "\xe2\x82"),
        "surrogate": ("%ED%A0%80", "\xed\xa0\x80"),
        "latin1": ("caf%E9", "caf\xe9"),
        "spaces": ("%85a%A0", "\x85a\xa0"),
        "lower-case": ("%ff%c3%a9", "\xff\xc3\xa9"),
    },
)
async def path_bytes_not_utf8(exchange: Exchange, sent_and_expected: tuple[str, str]) -> None:
    """Encoded bytes that are no UTF-8 become the characters with the same numbers in PATH_INFO.

    Sends: A GET request whose path contains encoded bytes that are no valid UTF-8, or that Unicode treats as spaces.
    Expects: PATH_INFO has exactly these bytes, each as the character with the same number.
    Why: A server that decodes the path as UTF-8 replaces such bytes by one character. The app cannot restore them, so
    old links give "not found", and different paths become equal.
    """
    sent, expected = sent_and_expected
    environ = (await exchange.app(f"/echo/{sent}")).detail["environ"]
    assert_equal(environ.get("PATH_INFO"), f"/echo/{expected}", "PATH_INFO")


@case(
    MUST,
    pep3333(
        "environ Variables", 'The portion of the request URL that follows the "?", if any. May be empty or absent.'
    ),
    basis=cgi_variable("The escapes are part of the URL. They stand for bytes, and no decoding is asked for."),
    variants={"never": "%FF%FE", "overlong": "%C0%AF", "latin1": "caf%E9", "utf8": "caf%C3%A9"},
)
async def query_bytes_kept(exchange: Exchange, text: str) -> None:
    """Encoded bytes in the query stay encoded, also if they are no UTF-8.

    Sends: A GET request whose query contains encoded bytes that are no valid UTF-8, or UTF-8.
    Expects: QUERY_STRING is the text after the `?`, unchanged.
    Why: Only the app knows the encoding of its forms. A search for a word in another encoding finds nothing.
    """
    environ = (await exchange.app(f"/echo?q={text}")).detail["environ"]
    assert_equal(environ.get("QUERY_STRING"), f"q={text}", "QUERY_STRING")


@case(
    MUST,
    LATIN1,
    basis=cgi_variable(
        "Each byte of the path is one Latin-1 character, before and after the path was divided at the mount."
    ),
    setup=Setup(mount="/mounted"),
    variants={"utf8": ("%C3%A9", "\xc3\xa9"), "not-utf8": ("%FF%FE", "\xff\xfe")},
)
async def path_bytes_mounted(exchange: Exchange, sent_and_expected: tuple[str, str]) -> None:
    """Below a mount, each byte of the path becomes the character with the same number.

    Sends: A GET request below the mount whose path contains encoded bytes.
    Expects: SCRIPT_NAME is /mounted. PATH_INFO has exactly these bytes.
    Why: An app that moves below a prefix loses the pages with accents in their URL.
    """
    sent, expected = sent_and_expected
    environ = (await exchange.app(f"/echo/{sent}")).detail["environ"]
    found = (environ.get("SCRIPT_NAME", ""), environ.get("PATH_INFO", ""))
    assert_equal(found, ("/mounted", f"/echo/{expected}"), "SCRIPT_NAME, PATH_INFO")
