"""Request objects of frameworks: they contain the data that the client sent."""

from __future__ import annotations

import hashlib
import json
from itertools import repeat
from typing import Any

from wsgi_gauntlet.harness.conformance.assertions import assert_equal, fail_case
from wsgi_gauntlet.harness.conformance.basis import SHOULD_TEXT, cgi_variable, pep3333, recorded_only, wsgi_variable
from wsgi_gauntlet.harness.conformance.catalog import INFO, MUST, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.http.parser import Response
from wsgi_gauntlet.suites.frameworks.parametrize import for_each_framework
from wsgi_gauntlet.suites.pep3333.assertions import assert_served
from wsgi_gauntlet.suites.pep3333.environ.request_variables import HTTP_VARIABLES
from wsgi_gauntlet.suites.pep3333.input.body_delivery import INPUT_STREAM
from wsgi_gauntlet.suites.pep3333.input.sizes_and_lines import chunked

VARIABLES = "environ Variables"

CONTENT = bytes(range(256)) * 300 + b"\r\n--edge-\r\n\r\n"
"""A file of 77 KB. Servers read it in several parts, and frameworks do not store it on disk."""

FORM = b"name=J%C3%BCrgen+%26+Co&tag=1&tag=%E2%82%AC"
FORM_TYPE = ("Content-Type", "application/x-www-form-urlencoded")
FORM_VALUES = {"name": "Jürgen & Co", "tags": ["1", "€"]}

BOUNDARY = b"edge-of-a-part"
UPLOAD = (
    b'--%b\r\nContent-Disposition: form-data; name="note"\r\n\r\nfor Ada\r\n'
    b'--%b\r\nContent-Disposition: form-data; name="file"; filename="own.bin"\r\n'
    b"Content-Type: application/octet-stream\r\n\r\n%b\r\n--%b--\r\n"
) % (BOUNDARY, BOUNDARY, CONTENT, BOUNDARY)
UPLOAD_TYPE = ("Content-Type", f"multipart/form-data; boundary={BOUNDARY.decode()}")
UPLOAD_VALUES = {
    "note": "for Ada",
    "filename": "own.bin",
    "size": len(CONTENT),
    "sha256": hashlib.sha256(CONTENT).hexdigest(),
}


def _json_body(response: Response) -> dict[str, Any]:
    """Return the values that the view read. Raises Violation when the response is not a JSON object."""
    assert_served(response)
    try:
        found = json.loads(response.body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        fail_case("the JSON of the view", response.body)
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
        "CGI defines PATH_INFO as the remaining path, decoded once. Each character stands for one byte, so the "
        "framework can decode the original text."
    ),
)
async def path(exchange: Exchange) -> None:
    """A path with non-ASCII characters finds its route and keeps its text.

    Sends: A GET request for /seen/café/€ x, percent-encoded as UTF-8. The view returns the path that its route matched.
    Expects: The same text.
    Why: Otherwise pages with French, Greek or Chinese names are 404 or garbled, although the app is correct.
    """
    read = _json_body(await exchange.get("/seen/caf%C3%A9/%E2%82%AC%20x"))
    assert_equal(read.get("path"), "/seen/café/€ x", "the path in the view")


@for_each_framework
@case(
    MUST,
    pep3333(VARIABLES, 'The portion of the request URL that follows the "?", if any. May be empty or absent.'),
    basis=cgi_variable(
        "QUERY_STRING is everything after the `?`. With this value the framework finds each parameter as the client "
        "sent it."
    ),
)
async def query(exchange: Exchange) -> None:
    """Query parameters keep their values, including encoded characters and repeated names.

    Sends: A GET request with ?q=a%20b%26c+d&tag=1&tag=%C3%A9. The view returns its parameters.
    Expects: q is `a b&c d`, and tag is 1 and é.
    Why: Otherwise a search for C++ or R&D finds something else, and only one of several ticked boxes arrives.
    """
    read = _json_body(await exchange.get("/seen/x?q=a%20b%26c+d&tag=1&tag=%C3%A9"))
    assert_equal(read.get("query"), "a b&c d", "the parameter q in the view")
    assert_equal(read.get("tags"), ["1", "é"], "the parameters tag in the view")


@for_each_framework
@case(SHOULD, HTTP_VARIABLES, basis=SHOULD_TEXT)
async def headers(exchange: Exchange) -> None:
    """The request object has the method, headers, cookies and content type that the client sent.

    Sends: A PATCH with a JSON body, X-Own and two cookies. The view returns their values.
    Expects: All values, unchanged.
    Why: Logins use cookies, tokens use headers, and APIs use methods other than GET and POST.
    """
    sent = [("X-Own", 'a, b; "c"'), ("Cookie", "first=1; second=two"), ("Content-Type", "application/json")]
    read = _json_body(await exchange.get("/seen/x", method="PATCH", headers=sent, body=b"{}"))
    assert_equal(read.get("method"), "PATCH", "the method in the view")
    assert_equal(read.get("own"), 'a, b; "c"', "the header X-Own in the view")
    assert_equal(read.get("cookies"), {"first": "1", "second": "two"}, "the cookies in the view")
    assert_equal(read.get("type"), "application/json", "the content type in the view")


@for_each_framework
@case(
    MUST,
    INPUT_STREAM,
    basis=wsgi_variable("The stream gives the bytes of the body, and these bytes are the whole form."),
)
async def form(exchange: Exchange) -> None:
    """A form keeps its values.

    Sends: A POST of a form with a name in UTF-8 and two values of one field. The view returns its fields.
    Expects: The same values.
    Why: Forms are a basic function of every web app.
    """
    read = _json_body(await exchange.get("/form", method="POST", headers=[FORM_TYPE], body=FORM))
    assert_equal(read, FORM_VALUES, "the form in the view")


@for_each_framework
@case(
    MUST,
    INPUT_STREAM,
    basis=wsgi_variable("The stream gives all bytes of the body, with any value and in any number."),
)
async def upload(exchange: Exchange) -> None:
    """An uploaded file arrives unchanged, together with another field of the form.

    Sends: A POST of multipart/form-data with a field and a file of 77 KB with all byte values. The view returns the
    field, and the name, size and SHA-256 of the file.
    Expects: The values of the sent form.
    Why: Users notice a damaged picture or contract only when it is too late.
    """
    read = _json_body(await exchange.get("/upload", method="POST", headers=[UPLOAD_TYPE], body=UPLOAD))
    assert_equal(read, UPLOAD_VALUES, "the upload in the view")


CHUNKED = ("Transfer-Encoding", "chunked")


@for_each_framework
@case(
    INFO,
    INPUT_STREAM,
    basis=recorded_only(
        "The PEP does not define wsgi.input_terminated, and gives an app no other way to find the end of a form "
        "without a length. Whether a framework reads it depends on both sides."
    ),
    needs=["http/chunked/one-chunk"],
)
async def form_chunked(exchange: Exchange) -> None:
    """The harness records whether a chunked form reaches the view.

    Sends: A POST of a form in chunks of 7 bytes, without a length. The view returns its fields.
    Expects: Either. Whether the view gets the fields is recorded; nothing is required. Flask and Pyramid read such a
    body only if the server sets wsgi.input_terminated. Django, Falcon and Bottle never get it.
    Why: Phones and proxies send forms in chunks. The view gets an empty form, and nobody sees an error.
    """
    body = chunked(FORM, repeat(7))
    read = _json_body(await exchange.get("/form", method="POST", headers=[FORM_TYPE, CHUNKED], body=body))
    assert_equal(read, FORM_VALUES, "the form in the view")


@for_each_framework
@case(
    INFO,
    INPUT_STREAM,
    basis=recorded_only(
        "The PEP does not define wsgi.input_terminated, and gives an app no other way to find the end of an upload "
        "without a length. Whether a framework reads it depends on both sides."
    ),
    needs=["http/chunked/one-chunk"],
)
async def upload_chunked(exchange: Exchange) -> None:
    """The harness records whether a chunked upload reaches the view.

    Sends: A POST of multipart/form-data with a field and a file of 77 KB in chunks of 8000 bytes, without a length. The
    view returns the field, and the name, size and SHA-256 of the file.
    Expects: Either. Whether the view gets the file is recorded; nothing is required. Flask and Pyramid read such a
    body only if the server sets wsgi.input_terminated. Django, Falcon and Bottle never get it.
    Why: Clients that do not know the size of a file send it in chunks. The view gets no file.
    """
    body = chunked(UPLOAD, repeat(8000))
    read = _json_body(await exchange.get("/upload", method="POST", headers=[UPLOAD_TYPE, CHUNKED], body=body))
    assert_equal(read, UPLOAD_VALUES, "the upload in the view")
