"""One visit: its requests, redirects, captures and checks, without a server."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from typing import Any

import pytest

from wsgi_gauntlet.harness.http.response import Response
from wsgi_gauntlet.harness.traffic.compiled import CompiledTraffic
from wsgi_gauntlet.harness.traffic.expected import learn
from wsgi_gauntlet.harness.traffic.model import (
    Capture,
    FileBody,
    FilePart,
    FormBody,
    JsonBody,
    RawBody,
    Step,
    Traffic,
    ValueList,
)
from wsgi_gauntlet.harness.traffic.model import Sequence as Steps
from wsgi_gauntlet.harness.traffic.template import MissingValue, OtherSite
from wsgi_gauntlet.harness.traffic.toml_file import input_pattern
from wsgi_gauntlet.harness.traffic.visit import MAX_REDIRECTS, Fault, StepOutcome, Visit, json_value, resolve

HOST = b"127.0.0.1:8000"
USERS = ValueList("users", ("name",), (("Anna & Bob",), ('"Zoë"',)))


def visit(*steps: Step, row: int = 0, **options: Any) -> Visit:
    return Visit(CompiledTraffic(Traffic((Steps("s", steps),), (USERS,))), 0, row, **options)


def step(target: str = "/", method: str = "GET", **more: Any) -> Step:
    return Step("step", method, target, **more)


def response(status: int = 200, body: bytes = b"", *fields: tuple[str, str], complete: bool = True) -> Response:
    headers = tuple((name.encode(), value.encode()) for name, value in fields)
    return Response(status=status, headers=headers, body=body, length=len(body), complete=complete, raw=b"x")


def redirect(location: str, status: int = 302, *fields: tuple[str, str]) -> Response:
    return response(status, b"", ("Location", location), *fields)


def head_of(data: bytes) -> list[bytes]:
    return data.partition(b"\r\n\r\n")[0].split(b"\r\n")


# ---------------------------------------------------------------------- requests


def test_a_request_is_whole() -> None:
    request = visit(step("/a?b=1")).request(HOST)
    assert request.data == (
        b"GET /a?b=1 HTTP/1.1\r\nHost: 127.0.0.1:8000\r\nConnection: keep-alive\r\nUser-Agent: wsgi-gauntlet\r\n"
        b"Accept: */*\r\n\r\n"
    )
    assert (request.method, request.target) == (b"GET", b"/a?b=1")


def test_own_headers_replace_those_of_the_program() -> None:
    headers = (("user-agent", "Mine"), ("ACCEPT", "text/html"), ("Host", "shop.example"), ("X-User", "${users.name}"))
    lines = head_of(visit(step(headers=headers)).request(HOST).data)
    assert lines[1:] == [
        b"Host: shop.example",
        b"Connection: keep-alive",
        b"user-agent: Mine",
        b"ACCEPT: text/html",
        b"X-User: Anna & Bob",
    ]


def test_the_origin_is_that_of_the_server() -> None:
    headers = (("Referer", "${origin}/login"),)
    assert b"Referer: http://127.0.0.1:8000/login\r\n" in visit(step(headers=headers)).request(HOST).data
    assert b"Referer: https://h/login\r\n" in visit(step(headers=headers)).request(b"h", "https").data


@pytest.mark.parametrize(
    ("body", "expected_type", "expected"),
    [
        (FormBody((("a b", "${users.name}"), ("c", ""))), b"application/x-www-form-urlencoded", b"a+b=Anna+%26+Bob&c="),
        (JsonBody('{"n": "${users.name}"}'), b"application/json", b'{"n": "Anna & Bob"}'),
        (RawBody(b"\x00${users.name}", "text/x"), b"text/x", b"\x00${users.name}"),
    ],
)
def test_bodies(body: FormBody | JsonBody | RawBody, expected_type: bytes, expected: bytes) -> None:
    data = visit(step("/", "POST", body=body)).request(HOST).data
    assert b"Content-Type: " + expected_type in head_of(data)
    assert b"Content-Length: %d" % len(expected) in head_of(data)
    assert data.endswith(b"\r\n\r\n" + expected)


def test_an_own_content_type_replaces_that_of_the_body() -> None:
    data = (
        visit(step("/", "POST", body=JsonBody("{}"), headers=(("Content-Type", "application/x"),))).request(HOST).data
    )
    assert [each for each in head_of(data) if each.startswith(b"Content-Type")] == [b"Content-Type: application/x"]


def test_an_upload_is_multipart() -> None:
    body = FileBody((FilePart("f", 'a"b\n.txt', "text/plain", b"data\r\n"),), (("title", "${users.name}"),))
    data = visit(step("/", "POST", body=body)).request(HOST).data
    head, _, sent = data.partition(b"\r\n\r\n")
    boundary = head.partition(b"boundary=")[2].partition(b"\r\n")[0]
    parts = sent.split(b"--" + boundary)
    assert parts[1] == b'\r\nContent-Disposition: form-data; name="title"\r\n\r\nAnna & Bob\r\n'
    assert b'name="f"; filename="a%22b%0A.txt"\r\nContent-Type: text/plain\r\n\r\ndata\r\n\r\n' in parts[2]
    assert parts[3] == b"--\r\n"
    assert b"Content-Length: %d" % len(sent) in head


@pytest.mark.parametrize(("method", "has_length"), [("POST", True), ("PUT", True), ("DELETE", False), ("GET", False)])
def test_a_post_without_a_body_has_a_length(method: str, has_length: bool) -> None:
    assert (b"Content-Length: 0" in head_of(visit(step("/", method)).request(HOST).data)) is has_length


def test_each_visit_has_a_row() -> None:
    targets = [visit(step("/${users.name}"), row=row).request(HOST).target for row in (0, 1, 2)]
    assert targets == [b"/Anna%20&%20Bob", b"/%22Zo%C3%AB%22", b"/Anna%20&%20Bob"]


# ---------------------------------------------------------------------- cookies


def test_cookies_come_back_and_each_visit_begins_without() -> None:
    steps = (step(), step("/two"), step("/three"))
    played = visit(*steps)
    assert b"Cookie" not in played.request(HOST).data
    played.receive(response(200, b"", ("Set-Cookie", "a=1; Path=/"), ("Set-Cookie", "b=2; Path=/")))
    assert b"Cookie: a=1; b=2\r\n" in played.request(HOST).data
    played.receive(response(200, b"", ("Set-Cookie", "a=; Path=/; Max-Age=0")))
    assert b"Cookie: b=2\r\n" in played.request(HOST).data
    assert b"Cookie" not in visit(*steps).request(HOST).data


def test_cookies_of_the_jar_replace_those_of_the_file() -> None:
    headers = (("Cookie", "a=old; lang=en"),)
    played = visit(step(headers=headers), step(headers=headers))
    assert b"Cookie: a=old; lang=en\r\n" in played.request(HOST).data
    played.receive(response(200, b"", ("Set-Cookie", "a=new; Path=/")))
    assert b"Cookie: a=new; lang=en\r\n" in played.request(HOST).data


# ---------------------------------------------------------------------- redirects


@pytest.mark.parametrize(
    ("method", "status", "expected"),
    [
        ("POST", 301, b"GET"),
        ("POST", 302, b"GET"),
        ("POST", 303, b"GET"),
        ("POST", 307, b"POST"),
        ("POST", 308, b"POST"),
        ("PUT", 302, b"PUT"),
        ("PUT", 303, b"GET"),
        ("HEAD", 303, b"HEAD"),
    ],
)
def test_a_redirect_may_change_the_method(method: str, status: int, expected: bytes) -> None:
    played = visit(step("/form", method, body=RawBody(b"body", "text/x"), follow=True))
    played.request(HOST)
    outcome = played.receive(redirect("/done?x=1", status))
    assert outcome == StepOutcome(ok=True, next="redirect")
    request = played.request(HOST)
    assert (request.method, request.target) == (expected, b"/done?x=1")
    keeps_body = expected == method.encode() and status != 303
    assert request.data.endswith(b"body") is keeps_body
    assert (b"Content-Type" in request.data) is (b"Content-Length" in request.data) is keeps_body
    assert played.receive(response()).next == "end"


def test_a_body_stays_away_after_the_second_redirect() -> None:
    played = visit(step("/", "POST", body=RawBody(b"body"), follow=True))
    played.request(HOST)
    played.receive(redirect("/a", 303))
    played.request(HOST)
    played.receive(redirect("/b", 307))
    assert played.request(HOST).data.endswith(b"\r\n\r\n")


def test_a_redirect_sets_and_sends_cookies() -> None:
    played = visit(step("/login", "POST", follow=True))
    played.request(HOST)
    played.receive(redirect("/", 302, ("Set-Cookie", "sid=1; Path=/")))
    assert b"Cookie: sid=1" in played.request(HOST).data


def test_without_follow_a_redirect_is_a_response() -> None:
    played = visit(step())
    played.request(HOST)
    assert played.receive(redirect("/x")) == StepOutcome(ok=True, next="end")


def test_a_redirect_without_a_location_is_a_response() -> None:
    played = visit(step(follow=True))
    played.request(HOST)
    assert played.receive(response(302)).next == "end"


def test_redirects_in_a_circle_end() -> None:
    played = visit(step(follow=True))
    outcomes = []
    for _ in range(MAX_REDIRECTS + 1):
        played.request(HOST)
        outcomes.append(played.receive(redirect("/")))
    assert [each.next for each in outcomes[:-1]] == ["redirect"] * MAX_REDIRECTS
    assert (outcomes[-1].ok, outcomes[-1].fault) == (False, Fault.REDIRECT)
    assert "more than 10 redirects" in outcomes[-1].reason


def test_a_redirect_to_another_site_is_not_followed() -> None:
    played = visit(step(follow=True))
    played.request(HOST)
    outcome = played.receive(redirect("https://login.example/sso"))
    assert (outcome.fault, outcome.next) == (Fault.REDIRECT, "end")
    assert "another site, 'https://login.example/sso'" in outcome.reason


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("/x", b"/x"),
        ("x", b"/shop/x"),
        ("../x", b"/x"),
        ("?q=1", b"/shop/list?q=1"),
        ("", b"/shop/list?page=1"),
        ("#part", b"/shop/list?page=1"),
        ("http://127.0.0.1:8000/x#y", b"/x"),
        ("https://127.0.0.1:8000/x", b"/x"),
        ("//127.0.0.1:8000/x", b"/x"),
        ("http://127.0.0.1:8000", b"/"),
        ("/é b", b"/%C3%A9%20b"),
        (" /x\r\nX: y ", b"/xX:%20y"),
        ("http://127.0.0.1:9000/x", None),
        ("//other/x", None),
        ("mailto:a@b", None),
        ("http://[/x", None),
        ("http://127.0.0.1:99999999/x", None),
    ],
)
def test_references(reference: str, expected: bytes | None) -> None:
    assert resolve(reference, b"/shop/list?page=1", HOST) == expected


def test_the_default_port_may_be_left_out() -> None:
    assert resolve("http://shop.example:80/x", b"/", b"shop.example") == b"/x"
    assert resolve("https://shop.example/x", b"/", b"shop.example") == b"/x"
    assert resolve("http://[::1]:8000/x", b"/", b"[::1]:8000") == b"/x"


def test_a_host_header_without_a_valid_port_has_no_links() -> None:
    assert resolve("http://shop/x", b"/", b"shop:abc") is None


# ---------------------------------------------------------------------- captures


def outcome_of(capture: Capture, answer: Response) -> StepOutcome:
    played = visit(step(captures=(capture,)))
    played.request(HOST)
    return played.receive(answer)


HTML = ("Content-Type", "text/html; charset=utf-8")


@pytest.mark.parametrize(
    ("capture", "answer", "expected"),
    [
        (Capture("a", r"id=(\d+)"), response(200, b"x id=17 id=18"), "17"),
        (Capture("a", r"<b>(.*?)</b>"), response(200, "<b>é &amp; ü</b>".encode(), HTML), "é & ü"),
        (Capture("a", r"<b>(.*?)</b>"), response(200, b"<b>&amp;</b>"), "&amp;"),
        (Capture("a", r"Grüße (\w+)"), response(200, "Grüße Zoë".encode()), "Zoë"),
        (Capture("a", r"a.(b)"), response(200, b"a\nb"), "b"),
        (Capture("a", "/items/1/id", "json"), response(200, b'{"items": [{}, {"id": 42}]}'), "42"),
        (Capture("a", r"/posts/(\d+)", "header", "location"), redirect("/posts/7"), "7"),
        (Capture("a", "", "cookie", "csrf"), response(200, b"", ("Set-Cookie", "csrf=abc; Path=/")), "abc"),
        (Capture("a", r"t=(\w+)"), response(200, gzip.compress(b"t=zip"), ("Content-Encoding", "gzip")), "zip"),
        (Capture("a", input_pattern("csrf")), response(200, b"<input type=hidden value='t1' name=csrf>", HTML), "t1"),
        (Capture("a", input_pattern("c.s")), response(200, b'<INPUT NAME="c.s"\n VALUE="t&#43;2">', HTML), "t+2"),
        (Capture("a", input_pattern("c")), response(200, b"<input value=a.b name=c>", HTML), "a.b"),
        (Capture("a", input_pattern("c")), response(200, b"<input name=c value=abc type=hidden>", HTML), "abc"),
        (Capture("a", input_pattern("c")), response(200, b'<input name="c" value="it\'s > 2">', HTML), "it's > 2"),
        (Capture("a", input_pattern("c")), response(200, b"<input name='c' value='a\"b'>", HTML), 'a"b'),
        (Capture("a", input_pattern("c")), response(200, b'<input name="c" value="">', HTML), ""),
        (Capture("a", "", "json"), response(200, b'"whole"'), "whole"),
        (Capture("a", "/a", "json"), response(200, b'{"a": "x\\ud800"}'), "x?"),
        (Capture("a", input_pattern("csrf-token")), response(200, b'<meta name="csrf-token" content="m">', HTML), "m"),
    ],
)
def test_captures(capture: Capture, answer: Response, expected: str) -> None:
    assert outcome_of(capture, answer) == StepOutcome(ok=True, next="end", captured=(("a", expected),))


@pytest.mark.parametrize(
    ("capture", "answer"),
    [
        (Capture("a", r"id=(\d+)"), response(200, b"nothing")),
        (Capture("a", r"x(y)?"), response(200, b"x")),
        (Capture("a", input_pattern("csrf")), response(200, b'<input name="csrf2" value="1"><input value="2">', HTML)),
        (Capture("a", "/a", "json"), response(200, b"no json")),
        (Capture("a", "/a", "json"), response(200, b'{"a": [1]}')),
        (Capture("a", "(.*)", "header", "x-id"), response()),
        (Capture("a", "", "cookie", "sid"), response()),
        (Capture("a", "(x+)"), response(200, b"x" * 10_000)),
    ],
)
def test_a_missing_value_is_a_wrong_response(capture: Capture, answer: Response) -> None:
    outcome = outcome_of(capture, answer)
    assert (outcome.ok, outcome.fault, outcome.next) == (False, Fault.CAPTURE, "end")
    assert outcome.reason.startswith("a: ")


def test_a_captured_link_may_be_a_whole_target() -> None:
    played = visit(step("/shop/list", captures=(Capture("link", 'href="([^"]*)"'),)), step("${link}"))
    played.request(HOST)
    played.receive(response(200, b'<a href="item?id=3&amp;x=1#top">', HTML))
    assert played.request(HOST).target == b"/shop/item?id=3&x=1"


def test_a_captured_link_to_another_site_is_not_requested() -> None:
    played = visit(step(captures=(Capture("link", 'href="([^"]*)"'),)), step("${link}"))
    played.request(HOST)
    played.receive(response(200, b'<a href="http://other/">'))
    assert played.leaves_site
    with pytest.raises(OtherSite) as raised:
        played.request(HOST)
    assert raised.value.reason == "${link} is a link to another site"
    played.values["link"] = "/here"
    assert not played.leaves_site


def test_a_captured_value_cannot_add_a_header() -> None:
    played = visit(step(captures=(Capture("t", "t=(.*)z"),)), step(headers=(("X-Token", "${t}"),)))
    played.request(HOST)
    played.receive(response(200, b"t=a\r\nX-Evil: 1z"))
    assert b"X-Token: a X-Evil: 1\r\n" in played.request(HOST).data


@pytest.mark.parametrize(
    ("pointer", "expected"),
    [
        ("/a~1b/m~0n", "1"),
        ("/list/0", "true"),
        ("/list/01", "false"),
        ("/list/-1", None),
        ("/list/9", None),
        ("/o", None),
    ],
)
def test_json_pointers(pointer: str, expected: str | None) -> None:
    assert json_value(b'{"a/b": {"m~n": 1}, "list": [true, false], "o": {}}', pointer) == expected


# ---------------------------------------------------------------------- checks


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (response(404), Fault.STATUS),
        (response(500), Fault.STATUS),
        (response(200, b"x", complete=False), Fault.INCOMPLETE),
        (Response(), Fault.INCOMPLETE),
        (response(302), None),
        (response(204), None),
    ],
)
def test_status_and_completeness(answer: Response, fault: Fault | None) -> None:
    played = visit(step())
    played.request(HOST)
    assert played.receive(answer).fault is fault


def test_only_the_named_statuses_are_accepted() -> None:
    played = visit(step(status=(404, 410)), give_up=False)
    played.request(HOST)
    outcome = played.receive(response(200))
    assert outcome.reason == "status 200 in place of 404 or 410"


@pytest.mark.parametrize(
    ("row", "page"),
    [
        (0, b"Hello Anna & Bob!"),
        (0, b"Hello Anna &amp; Bob!"),
        (1, b"Hello &quot;Zo\xc3\xab&quot;!"),
        (1, "Hello &#34;Zoë&#34;!".encode()),
    ],
)
def test_the_owner_of_a_page_may_be_escaped(row: int, page: bytes) -> None:
    played = visit(step(contains=("Hello ${users.name}",)), row=row)
    played.request(HOST)
    assert played.receive(response(200, page)).ok


def test_the_page_of_another_user_is_found() -> None:
    played = visit(step(contains=("Hello ${users.name}",)))
    played.request(HOST)
    outcome = played.receive(response(200, "Hello &#34;Zoë&#34;!".encode()))
    assert (outcome.fault, outcome.reason) == (Fault.OWNER, "the body does not contain 'Hello Anna & Bob'")


@pytest.mark.parametrize("page", [b'{"user": "\\"Zo\\u00eb\\""}', '{"user": "\\"Zoë\\""}'.encode()])
def test_the_owner_of_a_page_may_be_written_as_json(page: bytes) -> None:
    played = visit(step(contains=('"user": "${users.name}"',)), row=1)
    played.request(HOST)
    assert played.receive(response(200, page)).ok


def test_the_origin_is_no_owner() -> None:
    played = visit(step(contains=("${origin}/x",)))
    played.request(HOST)
    assert played.receive(response(200, b"nothing")).fault is Fault.CONTAINS


def test_a_text_with_a_value_that_no_response_had_is_a_wrong_response() -> None:
    steps = (step(captures=(Capture("t", "t=(.)"),)), step(contains=("id ${t}",)), step("/end"))
    played = visit(*steps, give_up=False)
    played.request(HOST)
    played.receive(response(200, b"nothing"))
    played.request(HOST)
    outcome = played.receive(response(200, b"id 5"))
    assert (outcome.fault, outcome.reason) == (Fault.CAPTURE, "contains is not checked: ${t} has no value")
    assert played.request(HOST).target == b"/end"


def test_a_text_without_an_owner_is_only_missing() -> None:
    played = visit(step(contains=("Basket",)))
    played.request(HOST)
    assert played.receive(response(200, b"basket")).fault is Fault.CONTAINS


def test_the_learned_body_is_compared() -> None:
    expected = [learn([b"<p>page</p>", b"<p>page</p>"])]
    for body, ok in ((b"<p>page</p>", True), (b"<p>pege</p>", False)):
        played = visit(step(), expected=expected)
        played.request(HOST)
        outcome = played.receive(response(200, body))
        assert (outcome.ok, outcome.fault) == (ok, None if ok else Fault.BODY)


def faults(played: Visit, answers: Sequence[Response]) -> list[Fault | None]:
    found = []
    for each in answers:
        played.request(HOST)
        found.append(played.receive(each).fault)
    return found


def test_a_visit_gives_up_after_a_wrong_response() -> None:
    played = visit(step(), step(), step())
    assert faults(played, [response(), response(500)]) == [None, Fault.STATUS]
    assert played.ended
    patient = visit(step(), step(), step(), give_up=False)
    assert faults(patient, [response(), response(500), response()]) == [None, Fault.STATUS, None]
    assert patient.ended


def test_a_missing_value_is_no_request() -> None:
    played = visit(step(captures=(Capture("t", "t=(.)"),)), step("/${t}"), step("/end"), give_up=False)
    played.request(HOST)
    played.receive(response(200, b"nothing"))
    with pytest.raises(MissingValue, match=r"^t$"):
        played.request(HOST)
    played.skip()
    assert played.request(HOST).target == b"/end"
