"""Shapes of responses: what they recognise, what they take, and what they leave to the parser."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from wsgi_gauntlet.harness.http.parser import Response, ResponseParser
from wsgi_gauntlet.harness.load.generator.response_shape import ResponseShape
from wsgi_gauntlet.harness.load.generator.shape_learning import CorrectResponse, shape_of, varying_fields
from wsgi_gauntlet.harness.traffic.compiled import CompiledTraffic
from wsgi_gauntlet.harness.traffic.expected import ExpectedBody, learn
from wsgi_gauntlet.harness.traffic.model import Capture, Step, Traffic, ValueList
from wsgi_gauntlet.harness.traffic.model import Sequence as Visits
from wsgi_gauntlet.harness.traffic.visit import Visit

NAMES = ValueList("user", ("name",), (("ada",), ("bob",)))


def raw(body: bytes, *fields: bytes, date: bytes = b"Sun, 29 Nov 2026 10:00:00 GMT") -> bytes:
    lines = b"".join(each + b"\r\n" for each in fields)
    return b"HTTP/1.1 200 OK\r\nDate: %b\r\nContent-Length: %d\r\n%b\r\n%b" % (date, len(body), lines, body)


def parsed(data: bytes) -> Response:
    parser = ResponseParser()
    parser.feed(data)
    assert parser.done
    return parser.response()


def visit_of(step: Step, row: int = 0) -> Visit:
    visit = Visit(CompiledTraffic(Traffic((Visits("s", (step,)),), (NAMES,))), 0, row)
    visit.request(b"localhost")
    return visit


def made(
    step: Step, data: bytes, bodies: Sequence[bytes] | None, *, varying: frozenset[bytes] = frozenset(), row: int = 0
) -> ResponseShape | None:
    expected = learn(bodies) if bodies else None
    visit = visit_of(step, row)
    return shape_of(
        CorrectResponse(
            parsed(data), visit.step, expected, visit, b"/a/b", closes=False, redirected=False, varying=varying
        )
    )


def recognised(shape: ResponseShape | None, data: bytes, visit: Visit) -> dict[str, str] | None:
    assert shape is not None
    if len(data) != shape.length or not shape.matches(data):
        return None
    found = shape.take(data, visit, b"/a/b")
    return None if found is None else dict(found)


PAGE = Step("page", "GET", "/")
CONSTANT = b"always the same page"


def test_a_constant_page_differs_in_its_date_alone() -> None:
    shape = made(PAGE, raw(CONSTANT), [CONSTANT, CONSTANT])
    assert shape is not None
    assert shape.exact
    visit = visit_of(PAGE)
    assert recognised(shape, raw(CONSTANT, date=b"Mon, 30 Nov 2026 11:11:11 GMT"), visit) == {}
    assert recognised(shape, raw(b"Always the same page"), visit) is None
    assert recognised(shape, raw(CONSTANT).replace(b"200 OK", b"500 OK"), visit) is None
    assert recognised(shape, raw(CONSTANT, b"X: y"), visit) is None


def test_a_hole_of_the_head_cannot_hide_another_field() -> None:
    shape = made(PAGE, raw(CONSTANT), [CONSTANT, CONSTANT])
    hidden = b"a\r\nContent-Length: 0\r\n".ljust(29, b"x")
    assert recognised(shape, raw(CONSTANT, date=hidden), visit_of(PAGE)) is None


@pytest.mark.parametrize("chunked", [False, True])
def test_a_token_is_captured_and_checked_by_its_pattern(chunked: bool) -> None:
    step = Step("form", "GET", "/", captures=(Capture("token", "value=([0-9a-f]{8})"),))

    def page(token: bytes) -> bytes:
        body = b"<html><input name=token value=%b></html>" % token
        if not chunked:
            return raw(body, b"Content-Type: text/html")
        return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)

    bodies = [b"<html><input name=token value=%b></html>" % each for each in (b"01234567", b"89abcdef", b"fedcba98")]
    shape = made(step, page(b"01234567"), bodies)
    assert recognised(shape, page(b"aaaabbbb"), visit_of(step)) == {"token": "aaaabbbb"}
    # It is no token: the visit must say so.
    assert recognised(shape, page(b"NO TOKEN"), visit_of(step)) is None
    assert shape is not None
    assert not shape.exact


def test_a_body_in_several_chunks_is_parsed() -> None:
    data = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n"
    assert made(PAGE, data, [b"abcdef", b"abcdef"]) is None


def test_the_size_of_a_chunk_is_not_taken_for_its_body() -> None:
    data = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%b\r\n%b\r\n0\r\n\r\n"
    shape = made(PAGE, data % (b"1", b"1"), None)
    assert recognised(shape, data % (b"1", b"7"), visit_of(PAGE)) == {}
    assert recognised(shape, data % (b"2", b"1"), visit_of(PAGE)) is None


def test_cookies_go_to_the_jar_of_this_visit() -> None:
    cookie = b"Set-Cookie: sid=%b; Path=/; HttpOnly"
    shape = made(PAGE, raw(CONSTANT, cookie % b"11111111"), [CONSTANT, CONSTANT])
    visit = visit_of(PAGE)
    assert recognised(shape, raw(CONSTANT, cookie % b"22222222"), visit) == {}
    assert visit.jar.header(b"/any") == b"sid=22222222"
    # A semicolon begins attributes, which only the parser reads.
    assert recognised(shape, raw(CONSTANT, cookie % b"3;secure"), visit) is None
    assert recognised(shape, raw(CONSTANT, (cookie % b"22222222").replace(b"HttpOnly", b"Max-Age0")), visit) is None


def test_a_cookie_that_expires_is_parsed_in_the_jar() -> None:
    gone = b"Set-Cookie: sid=x; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT"
    shape = made(PAGE, raw(CONSTANT, gone), [CONSTANT, CONSTANT])
    visit = visit_of(PAGE)
    visit.jar.put(b"sid", b"/", b"y")
    assert recognised(shape, raw(CONSTANT, gone), visit) == {}
    assert visit.jar.header(b"/") == b""
    assert recognised(shape, raw(CONSTANT, gone.replace(b"1970", b"2099")), visit) == {}
    assert visit.jar.header(b"/") == b"sid=x"


def test_a_cookie_without_a_path_belongs_to_the_folder_of_the_request() -> None:
    shape = made(PAGE, raw(CONSTANT, b"Set-Cookie: a=1"), [CONSTANT, CONSTANT])
    visit = visit_of(PAGE)
    assert recognised(shape, raw(CONSTANT, b"Set-Cookie: a=2"), visit) == {}
    assert (visit.jar.header(b"/a/c"), visit.jar.header(b"/b")) == (b"a=2", b"")


def test_the_owner_of_a_page_is_checked_for_each_user() -> None:
    step = Step("basket", "GET", "/", contains=("Basket of ${user.name}",))
    bodies = [b"<html>Basket of ada, 3 shirts</html>", b"<html>Basket of bob, 3 shirts</html>"]
    shape = made(step, raw(bodies[0]), bodies)
    assert recognised(shape, raw(bodies[0]), visit_of(step, 0)) == {}
    assert recognised(shape, raw(bodies[1]), visit_of(step, 1)) == {}
    assert recognised(shape, raw(bodies[0]), visit_of(step, 1)) is None


def test_the_owner_is_checked_even_if_the_name_was_the_same_in_every_learned_body() -> None:
    step = Step("basket", "GET", "/", contains=("Basket of ${user.name}",))
    body = b"<html>Basket of ada, 3 shirts</html>"
    shape = made(step, raw(body), [body, body])
    assert recognised(shape, raw(body), visit_of(step, 1)) is None


def test_a_text_outside_the_pieces_is_checked() -> None:
    step = Step("page", "GET", "/", contains=("in stock",))
    shape = made(step, raw(b"12 shirts in stock"), None)
    assert recognised(shape, raw(b"13 shirts in stock"), visit_of(step)) == {}
    assert recognised(shape, raw(b"13 shirts are gone"), visit_of(step)) is None


def test_values_of_json_and_cookies_are_captured() -> None:
    step = Step(
        "api",
        "POST",
        "/",
        captures=(Capture("id", "/id", where="json"), Capture("sid", where="cookie", source="sid")),
    )
    shape = made(step, raw(b'{"id": "1234"}', b"Set-Cookie: sid=aaaa; Path=/"), None)
    data = raw(b'{"id": "5678"}', b"Set-Cookie: sid=bbbb; Path=/")
    assert recognised(shape, data, visit_of(step)) == {"id": "5678", "sid": "bbbb"}
    assert recognised(shape, raw(b'{"no": "5678"}', b"Set-Cookie: sid=bbbb; Path=/"), visit_of(step)) is None


@pytest.mark.parametrize(
    "step",
    [
        Step("header", "GET", "/", captures=(Capture("id", "(.*)", where="header", source="X-Id"),)),
        Step("text", "GET", "/", captures=(Capture("id", "é=(.)"),)),
    ],
)
def test_other_captures_are_left_to_the_parser(step: Step) -> None:
    assert made(step, raw("é=1".encode(), b"X-Id: 7"), None) is None


def test_a_compressed_page_is_recognised_only_as_a_whole() -> None:
    step = Step("page", "GET", "/", contains=("hello",))
    data = raw(b"\x1f\x8bcompressed", b"Content-Encoding: gzip")
    visit = visit_of(step)
    whole = CorrectResponse(
        parsed(data), visit.step, ExpectedBody(whole=b"hello"), visit, b"/", closes=False, redirected=False
    )
    assert recognised(shape_of(whole), data, visit) == {}
    assert made(step, data, None) is None


def test_fields_that_differ_become_holes_unless_they_frame_the_body() -> None:
    first, second = parsed(raw(CONSTANT, b"X-Id: 1", b"ETag: a")), parsed(raw(CONSTANT, b"x-id: 2", b"ETag: a"))
    assert varying_fields(first, second) == {b"x-id"}
    assert varying_fields(first, parsed(raw(CONSTANT, b"X-Id: 2"))) == frozenset()
    assert varying_fields(parsed(raw(b"a")), parsed(raw(b"bb"))) == frozenset()
    shape = made(PAGE, raw(CONSTANT, b"X-Id: 1"), [CONSTANT, CONSTANT], varying=frozenset([b"x-id"]))
    assert recognised(shape, raw(CONSTANT, b"X-Id: 9"), visit_of(PAGE)) == {}
    assert shape is not None
    assert not shape.exact


def test_the_beginning_of_a_response_waits_for_the_rest() -> None:
    shape = made(PAGE, raw(CONSTANT), [CONSTANT, CONSTANT])
    assert shape is not None
    data = raw(CONSTANT, date=b"Mon, 30 Nov 2026 11:11:11 GMT")
    assert all(shape.may_begin_with(data[:length]) for length in range(1, len(data)))
    # A shorter page is complete: nothing more comes, so nobody may wait for it.
    assert not shape.may_begin_with(raw(CONSTANT[:-1]))
    assert not shape.may_begin_with(b"HTTP/1.1 500 ")
    assert not shape.may_begin_with(raw(CONSTANT, b"X: y")[:-1])


def test_a_whole_response_with_a_shorter_field_does_not_wait_for_more() -> None:
    # The whole field is a hole, because the date of its end may change. Only the empty line comes after it.
    cookie = b"Set-Cookie: session=%b; Path=/; Expires=Thu, 01 Jan 2099 00:00:00 GMT"
    shape = made(PAGE, raw(b"", cookie % b"long-and-longer"), [b"", b""])
    assert shape is not None
    data = raw(b"", cookie % b"short")
    assert not shape.may_begin_with(data)
    assert all(shape.may_begin_with(data[:length]) for length in range(1, len(data)))


def test_the_last_piece_of_a_page_must_end_it() -> None:
    bodies = [b"beginning 1 middle 11 the end", b"beginning 2 middle 22 the end", b"beginning 3 middle 33 the end"]
    shape = made(PAGE, raw(bodies[0]), bodies)
    assert recognised(shape, raw(b"beginning 9 middle 99 the end"), visit_of(PAGE)) == {}
    assert recognised(shape, raw(b"beginning 9 middle 99 the END"), visit_of(PAGE)) is None
