"""What a framework's request object makes of what the server handed over."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from wsgi_gauntlet.harness.conformance.assertions import assert_equal, assert_that, fail_case
from wsgi_gauntlet.harness.conformance.basis import SHOULD_TEXT, cgi_variable, wsgi_variable
from wsgi_gauntlet.harness.conformance.catalog import MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.references import pep3333
from wsgi_gauntlet.harness.http.parser import Response
from wsgi_gauntlet.suites.frameworks.parametrize import for_each_framework

VARIABLES = "environ Variables"

INPUT = pep3333(VARIABLES, "An input stream (file-like object) from which the HTTP request body bytes can be read.")

CONTENT = bytes(range(256)) * 300 + b"\r\n--edge-\r\n\r\n"
"""A file of some 77 KB: more than a server reads at once, less than what any framework puts on disk."""


def _json_body(response: Response) -> dict[str, Any]:
    """Return what the view says that it read."""
    assert_that(response.status == 200 and response.complete, "a complete 200 answer of the view", response.describe())
    try:
        found = json.loads(response.body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        fail_case("the JSON that the view answers", response.body)
    return dict(found)


@for_each_framework
@case(
    MUST,
    pep3333(
        VARIABLES,
        'The remainder of the request URL\'s "path", designating the virtual "location" of the request\'s target '
        "within the application.",
    ),
    basis=cgi_variable(
        "It is the path's remainder as CGI defines it, decoded once, each byte a character; so "
        "the framework finds the text again."
    ),
)
async def path(exchange: Exchange) -> None:
    """A path with characters beyond ASCII finds its route and comes out as the text that it was.

    Sends: A GET for /seen/café/€ x, percent-encoded as UTF-8; the view answers the path that its route caught.
    Expects: The same text.
    Why: Pages with names in French, Greek or Chinese would be 404 or garbled, in an app that has nothing wrong.
    """
    read = _json_body(await exchange.get("/seen/caf%C3%A9/%E2%82%AC%20x"))
    assert_equal(read.get("path"), "/seen/café/€ x", "the path in the view")


@for_each_framework
@case(
    MUST,
    pep3333(VARIABLES, 'The portion of the request URL that follows the "?", if any. May be empty or absent.'),
    basis=cgi_variable("All that follows the ? is the value, so the framework finds each parameter as it was sent."),
)
async def query(exchange: Exchange) -> None:
    """Parameters of the query come out as they went in, encoded characters and repeats too.

    Sends: A GET with ?q=a%20b%26c+d&tag=1&tag=%C3%A9; the view answers its parameters.
    Expects: q is `a b&c d`, and tag is 1 and é.
    Why: Searches for C++ or R&D find something else, and of several boxes that a user ticked one is left.
    """
    read = _json_body(await exchange.get("/seen/x?q=a%20b%26c+d&tag=1&tag=%C3%A9"))
    assert_equal(read.get("query"), "a b&c d", "the parameter q in the view")
    assert_equal(read.get("tags"), ["1", "é"], "the parameters tag in the view")


@for_each_framework
@case(
    SHOULD,
    pep3333(
        VARIABLES,
        "The presence or absence of these variables should correspond with the presence or absence of the appropriate "
        "HTTP header in the request.",
    ),
    basis=SHOULD_TEXT,
)
async def headers(exchange: Exchange) -> None:
    """Method, headers, cookies and the type of the content are in the request object as they were sent.

    Sends: A PATCH of some JSON, with X-Own and two cookies; the view answers what it sees of them.
    Expects: All of it, unchanged.
    Why: Logins live in cookies, tokens in headers, and interfaces in methods other than GET and POST.
    """
    sent = [("X-Own", 'a, b; "c"'), ("Cookie", "first=1; second=two"), ("Content-Type", "application/json")]
    read = _json_body(await exchange.get("/seen/x", method="PATCH", headers=sent, body=b"{}"))
    assert_equal(read.get("method"), "PATCH", "the method in the view")
    assert_equal(read.get("own"), 'a, b; "c"', "the header X-Own in the view")
    assert_equal(read.get("cookies"), {"first": "1", "second": "two"}, "the cookies in the view")
    assert_equal(read.get("type"), "application/json", "the type of the content in the view")


@for_each_framework
@case(MUST, INPUT, basis=wsgi_variable("The stream gives the bytes of the body, and a form is nothing else."))
async def form(exchange: Exchange) -> None:
    """A form comes out as it was filled in.

    Sends: A POST of a form with a name in UTF-8 and two values of one field; the view answers its fields.
    Expects: The same values.
    Why: This is what a web app does all day.
    """
    sent = b"name=J%C3%BCrgen+%26+Co&tag=1&tag=%E2%82%AC"
    read = _json_body(
        await exchange.get(
            "/form", method="POST", headers=[("Content-Type", "application/x-www-form-urlencoded")], body=sent
        )
    )
    assert_equal(read, {"name": "Jürgen & Co", "tags": ["1", "€"]}, "the form in the view")


@for_each_framework
@case(
    MUST,
    INPUT,
    basis=wsgi_variable("The stream gives the bytes of the body, whatever their values and however many they are."),
)
async def upload(exchange: Exchange) -> None:
    """An uploaded file arrives byte for byte, beside a field of the same form.

    Sends: A POST of multipart/form-data with a field and a file of 77 KB of all bytes; the view answers the field, the
    file's name, its size and SHA-256.
    Expects: Those of what was sent.
    Why: A picture or a contract that arrives as another one is noticed when it is too late.
    """
    edge = "edge-of-a-part"
    parts = (
        f'--{edge}\r\nContent-Disposition: form-data; name="note"\r\n\r\nfor Ada\r\n'
        f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="own.bin"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    body = parts + CONTENT + f"\r\n--{edge}--\r\n".encode()
    kind = ("Content-Type", f"multipart/form-data; boundary={edge}")
    read = _json_body(await exchange.get("/upload", method="POST", headers=[kind], body=body))
    digest = hashlib.sha256(CONTENT).hexdigest()
    wanted = {"note": "for Ada", "filename": "own.bin", "size": len(CONTENT), "sha256": digest}
    assert_equal(read, wanted, "the upload in the view")
