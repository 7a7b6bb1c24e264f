"""HAR files as browsers write them: one site, no secrets, captured tokens, and the same traffic through TOML."""

from __future__ import annotations

import base64
import copy
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.helpers.har_files import CSRF, LOGIN_PAGE, PASSWORD, SESSION, SITE, chrome, document, entry, firefox, form
from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.traffic import har_file, toml_file, toml_writer
from wsgi_gauntlet.harness.traffic.model import (
    Capture,
    FileBody,
    FilePart,
    FormBody,
    JsonBody,
    RawBody,
    Sequence,
    Step,
    Traffic,
)


def parsed(data: bytes, *, keep_secrets: bool = False) -> tuple[tuple[Step, ...], str]:
    traffic, notes = har_file.parse(data, "shop.har", keep_secrets=keep_secrets)
    (sequence,) = traffic.sequences
    return sequence.steps, "\n".join(notes)


def test_a_recording_of_chrome() -> None:
    steps, notes = parsed(chrome())
    assert [(each.method, each.target, each.status, each.follow) for each in steps] == [
        ("GET", "/login?next=/account", (200,), False),
        ("GET", "/static/site.css", (200,), False),
        ("POST", "/login?next=/account", (200,), True),  # the redirect and its page are one step
        ("GET", "/api/find?q=red%20shoes&api_key=DROPPED", (200,), False),
    ]
    login, css, post, find = steps
    assert login.captures == (Capture("csrfmiddlewaretoken", toml_file.input_pattern("csrfmiddlewaretoken")),)
    assert post.body == FormBody(
        (("csrfmiddlewaretoken", "${csrfmiddlewaretoken}"), ("username", "anna"), ("password", "DROPPED"))
    )
    assert dict(post.headers) == {
        "User-Agent": "Browser/1.0",
        "Accept": "text/html",
        "origin": "${origin}",
        "referer": "${origin}/login?next=/account",
    }
    assert dict(find.headers) == {"User-Agent": "Browser/1.0", "Accept": "text/html"}
    assert [each.think_time for each in steps] == [0, 3.35, 1.35, 0]
    assert css.body is None
    for expected in (
        "the site of the recording is https://shop.example",
        "requests to other sites are left out: https://cdn.example (1)",
        "requests left out because they are no HTTP requests: 2",
        "requests left out because the browser had the response in its cache: 1",
        "requests left out because the app did not answer them, or with an error of its own: 2",
        "header cookie is dropped from 3 requests; each visit keeps the cookies that the app sets",
        "header Authorization is dropped from 1 request",
        "POST /login: field csrfmiddlewaretoken is captured from GET /login",
        "POST /login: field password is dropped",
        "GET /api/find: parameter api_key is dropped",
    ):
        assert expected in notes.splitlines() or expected in notes, expected


def test_a_recording_of_firefox() -> None:
    steps, notes = parsed(firefox())
    login, upload, raw = steps
    assert login.body == JsonBody('{"user": "anna", "password": "DROPPED"}')
    assert login.captures == (
        Capture("csrftoken", "", "cookie", "csrftoken"),
        Capture("token", "/user/token", "json"),
    )
    assert dict(upload.headers)["X-CSRFToken"] == "${csrftoken}"
    assert dict(upload.headers)["X-Auth-Token"] == "${token}"
    assert upload.body == FileBody(
        (FilePart("photo", "a.txt", "text/plain", b"hello\r\nworld"),), (("title", "My photo"),)
    )
    assert raw.body == RawBody(b"a ${b}", "text/plain")
    assert "POST /api/login: field password is dropped" in notes


@pytest.mark.parametrize("data", [chrome(), firefox()])
def test_no_secret_is_left(data: bytes) -> None:
    traffic, notes = har_file.parse(data, "shop.har")
    text = json.dumps([*notes, msgspec.to_builtins(traffic), toml_writer.render(traffic, notes)])
    for secret in (SESSION, CSRF, PASSWORD, "correct+horse", "k-123456", "abc.def", "cookie-token", "jwt-0123"):
        assert secret not in text


def test_secrets_stay_if_the_user_keeps_them() -> None:
    steps, notes = parsed(chrome(), keep_secrets=True)
    assert steps[2].body == FormBody(
        (("csrfmiddlewaretoken", "${csrfmiddlewaretoken}"), ("username", "anna"), ("password", PASSWORD))
    )
    assert dict(steps[3].headers)["Authorization"] == "Bearer abc.def"
    assert dict(steps[3].headers)["cookie"] == f"sessionid={SESSION}"
    assert steps[3].target.endswith("api_key=k-123456")
    assert "dropped" not in notes


@pytest.mark.parametrize("data", [chrome(), firefox()])
@pytest.mark.parametrize("keep_secrets", [False, True])
def test_a_converted_recording_is_the_same_traffic(data: bytes, keep_secrets: bool) -> None:
    traffic, notes = har_file.parse(data, "shop.har", keep_secrets=keep_secrets)
    text = toml_writer.render(traffic, notes)
    assert toml_file.parse(text, "shop.har", lambda _: b"") == traffic
    assert text.startswith("# the site of the recording")


def test_strange_texts_go_through_toml() -> None:
    strange = "a\u202e'\"\\\n\x00${x}é\U0001f600"
    binary = bytes(range(256))
    data = document(
        entry("POST", f"{SITE}/a?x={strange}", second=0, post=form("n%22=%00${x}%0A%27&n%22=2&=3")),
        entry(
            "POST", f"{SITE}/b", second=0, post={"mimeType": "application/json", "text": json.dumps({strange: strange})}
        ),
        entry(
            "POST",
            f"{SITE}/c",
            second=0,
            post={"mimeType": "a/b", "text": base64.b64encode(binary * 9).decode(), "encoding": "base64"},
        ),
        entry("PUT", f"{SITE}/d", second=0, post={"mimeType": "application/json", "text": "no JSON"}),
    )
    traffic, notes = har_file.parse(data, "shop.har")
    steps = traffic.sequences[0].steps
    assert steps[0].body == FormBody((('n"', "\0$${x}\n'"), ('n"', "2"), ("", "3")))
    assert steps[2].body == RawBody(binary * 9, "a/b")
    assert steps[3].body == RawBody(b"no JSON", "application/json")
    assert toml_file.parse(toml_writer.render(traffic, notes), "shop.har", lambda _: b"") == traffic


def test_the_token_of_the_last_page_is_used() -> None:
    def page(token: str) -> str:
        return LOGIN_PAGE.replace(CSRF, token)

    data = document(
        entry("GET", f"{SITE}/a", second=0, text=page("first-token")),
        entry("GET", f"{SITE}/b", second=1, text=page("second-token")),
        entry("POST", f"{SITE}/b", second=2, post=form("csrfmiddlewaretoken=second-token")),
        entry("POST", f"{SITE}/a", second=3, post=form("csrfmiddlewaretoken=first-token")),
    )
    a, b, post_b, post_a = parsed(data)[0]
    assert b.captures[0].name == "csrfmiddlewaretoken"
    assert a.captures[0].name == "csrfmiddlewaretoken_2"
    assert post_b.body == FormBody((("csrfmiddlewaretoken", "${csrfmiddlewaretoken}"),))
    assert post_a.body == FormBody((("csrfmiddlewaretoken", "${csrfmiddlewaretoken_2}"),))


def test_a_token_after_its_scheme_is_captured() -> None:
    token = "header.payload.signature"
    data = document(
        entry("POST", f"{SITE}/login", second=0, mime="application/json", text=json.dumps({"access": token})),
        entry("GET", f"{SITE}/me", second=1, sent={"Authorization": f"Bearer {token}"}),
    )
    login, me = parsed(data)[0]
    assert login.captures == (Capture("access", "/access", "json"),)
    assert dict(me.headers)["Authorization"] == "Bearer ${access}"


def test_the_site_is_that_of_most_pages() -> None:
    images = [entry("GET", f"https://cdn.example/{each}.png", second=2, mime="image/png") for each in range(9)]
    pages = [entry("GET", f"http://localhost:8000/{each}", second=1) for each in range(2)]
    steps, notes = parsed(document(entry("GET", "https://search.example/?q=shop", second=0), *pages, *images))
    assert [each.target for each in steps] == ["/0", "/1"]
    assert "the site of the recording is http://localhost:8000" in notes


def test_without_pages_the_site_is_that_of_most_requests() -> None:
    entries = [entry("GET", f"{SITE}/api/{each}", second=1, mime="application/json") for each in range(2)]
    other = entry("GET", "https://cdn.example/a.js", second=0, mime="text/javascript")
    assert len(parsed(document(other, *entries))[0]) == 2


def test_entries_are_ordered_by_time() -> None:
    data = document(entry("GET", f"{SITE}/b", second=2), entry("GET", f"{SITE}/a", second=1))
    assert [each.target for each in parsed(data)[0]] == ["/a", "/b"]


def test_a_chain_of_redirects_is_one_step() -> None:
    data = document(
        entry("POST", f"{SITE}/a", second=0, status=302, got={"Location": f"{SITE}/b"}, post=form("x=1")),
        entry("GET", f"{SITE}/b", second=0.1, status=301, got={"Location": "c#top"}),
        entry("GET", f"{SITE}/c", second=0.2, status=404),
        entry("GET", f"{SITE}/d", second=0.3, status=302, got={"Location": "https://other.example/"}),
        entry("GET", f"{SITE}/c", second=0.4),
    )
    assert [(each.target, each.status, each.follow) for each in parsed(data)[0]] == [
        ("/a", (404,), True),
        ("/d", (302,), False),
        ("/c", (200,), False),
    ]


def test_a_referer_keeps_no_secret() -> None:
    sent = {"Referer": f"{SITE}/reset?token=abcdef123&a=1"}
    data = document(
        entry("GET", f"{SITE}/a", second=0, sent=sent),
        entry("GET", f"{SITE}/b", second=1, sent={"Referer": "https://search.example/?q=private"}),
    )
    first, second = parsed(data)[0]
    assert dict(first.headers)["Referer"] == "${origin}/reset?token=DROPPED&a=1"
    assert "Referer" not in dict(second.headers)


def test_a_file_without_its_bytes_is_named() -> None:
    post = {
        "mimeType": "multipart/form-data; boundary=x",
        "params": [{"name": "t", "value": "1"}, {"name": "f", "fileName": "a.png", "contentType": "image/png"}],
    }
    steps, notes = parsed(document(entry("POST", f"{SITE}/up", second=0, post=post)))
    assert steps[0].body == FileBody((FilePart("f", "a.png", "image/png", b""),), (("t", "1"),))
    assert "the recording lacks the bytes of the file in field f" in notes


def written(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """Return the steps after they were written to a traffic file and read again."""
    text = toml_writer.render(Traffic((Sequence("s", steps),)))
    return toml_file.parse(text, "s.toml", lambda _: b"").sequences[0].steps


def posted(mime_type: str, text: str, *, keep_secrets: bool = False) -> tuple[Step, str]:
    post = {"mimeType": mime_type, "text": text}
    steps, notes = parsed(document(entry("POST", f"{SITE}/a", second=0, post=post)), keep_secrets=keep_secrets)
    assert written(steps) == steps
    return steps[0], notes


def test_a_form_without_a_chosen_file_and_one_without_files() -> None:
    mime = "multipart/form-data; boundary=x"
    title = '--x\r\nContent-Disposition: form-data; name="t"\r\n\r\n1\r\n'
    empty = '--x\r\nContent-Disposition: form-data; name="f"; filename=""\r\n\r\n\r\n'
    assert posted(mime, f"{title}--x--\r\n")[0].body == FileBody((), (("t", "1"),))
    chosen = posted(mime, f"{title}{empty}--x--\r\n")[0].body
    assert chosen == FileBody((FilePart("f", "", "", b""),), (("t", "1"),))
    assert posted(mime, "no parts")[0].body == RawBody(b"no parts", mime)


def test_a_form_whose_only_file_has_no_field_can_be_written_and_read() -> None:
    nameless = '--x\r\nContent-Disposition: form-data; name=""; filename="a.png"\r\n\r\npixels\r\n--x--\r\n'
    step, _ = posted("multipart/form-data; boundary=x", nameless)
    assert step.body == FileBody((), ())
    assert written((step,)) == (step,)


def test_json_keeps_its_content_type() -> None:
    step, _ = posted("application/vnd.api+json; v=1", '{"a": 1}')
    assert step.body == JsonBody('{"a": 1}')
    assert dict(step.headers)["Content-Type"] == "application/vnd.api+json; v=1"
    assert "Content-Type" not in dict(posted("application/json; charset=utf-8", "{}")[0].headers)


def test_json_that_is_sent_as_text_has_no_secrets() -> None:
    step, notes = posted("text/plain;charset=UTF-8", '{"password": "correct horse"}')
    assert step.body == JsonBody('{"password": "DROPPED"}')
    assert dict(step.headers)["Content-Type"] == "text/plain;charset=UTF-8"
    assert "field password is dropped" in notes


def test_a_body_that_cannot_be_searched_is_named() -> None:
    step, notes = posted("application/xml", "<password>x</password>")
    assert step.body == RawBody(b"<password>DROPPED</password>", "application/xml")
    assert "POST /a: secrets in the body are dropped" in notes
    assert "POST /a: the body is kept; make sure that it has no secrets" in notes
    assert "kept" not in posted("application/xml", "<a/>", keep_secrets=True)[1]


def test_secret_numbers_and_what_is_inside_a_secret_are_dropped() -> None:
    text = '{"pin": 1234, "otp": 0.5, "count": 7, "sure": true, "credentials": {"user": "anna", "list": ["x"]}}'
    step, _ = posted("application/json", text)
    assert isinstance(step.body, JsonBody)
    assert json.loads(step.body.text) == {
        "pin": "DROPPED",
        "otp": "DROPPED",
        "count": 7,
        "sure": True,
        "credentials": {"user": "DROPPED", "list": ["DROPPED"]},
    }


def test_a_captured_number_stays_a_number() -> None:
    data = document(
        entry("GET", f"{SITE}/a", second=0, text='<input name="pin" value="123456">'),
        entry("POST", f"{SITE}/a", second=1, post={"mimeType": "application/json", "text": '{"pin": 123456}'}),
    )
    steps, _ = parsed(data)
    assert steps[1].body == JsonBody('{"pin": ${pin}}')
    assert written(steps) == steps


def test_a_web_token_is_dropped_whatever_its_name_is() -> None:
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"
    sent = {"X-Me": f"JWT {token}", "X-Other": "eyJ"}
    (step,) = parsed(document(entry("GET", f"{SITE}/a?t={token}", second=0, sent=sent)))[0]
    assert step.target == "/a?t=DROPPED"
    assert "X-Me" not in dict(step.headers)
    assert dict(step.headers)["X-Other"] == "eyJ"


def test_captured_values_have_different_names() -> None:
    page = '<input name="{}" value="{}-0123456789abcdef">'
    fields = [("a", "first"), ("a_2", "second"), ("a", "third")]
    data = document(
        *(entry("GET", f"{SITE}/{at}", second=at, text=page.format(*each)) for at, each in enumerate(fields)),
        entry("POST", f"{SITE}/", second=9, post=form("&".join(f"x={each}-0123456789abcdef" for _, each in fields))),
    )
    steps, _ = parsed(data)
    assert steps[3].body == FormBody((("x", "${a}"), ("x", "${a_2}"), ("x", "${a_3}")))
    assert [each.captures[0].name for each in steps[:3]] == ["a", "a_2", "a_3"]


def test_a_json_response_that_is_one_text_is_captured() -> None:
    data = document(
        entry("GET", f"{SITE}/token", second=0, mime="application/json", text='"0123456789abcdef"'),
        entry("POST", f"{SITE}/a", second=1, post=form("token=0123456789abcdef")),
    )
    steps, _ = parsed(data)
    assert steps[0].captures == (Capture("value", "", "json"),)
    assert written(steps) == steps


def test_half_of_a_surrogate_pair_is_replaced() -> None:
    page = '<input name="a" value="0123456789abcdef\ud83d\ude00">\ud800 \\ud800'
    data = document(entry("GET", f"{SITE}/\ud800", second=0, text=page))
    assert b"\\ud800" in data
    assert parsed(data)[0][0].target == "/%EF%BF%BD"


def test_the_default_port_is_the_same_site() -> None:
    sent = {"Referer": "https://user:pw@shop.example:443/x"}
    data = document(entry("GET", f"{SITE}/a", second=0), entry("GET", f"{SITE}:443/b", second=1, sent=sent))
    steps, _ = parsed(data)
    assert [each.target for each in steps] == ["/a", "/b"]
    assert dict(steps[1].headers)["Referer"] == "${origin}/x"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "it is no HAR file"),
        (b"[]", "it is no HAR file"),
        (b'{"log": {}}', "missing required field `entries`"),
        (b'{"log": {"entries": [{}]}}', "missing required field `request`"),
        (b'{"log": {"entries": []}}', "it has no requests"),
        (b"\xff\xfe{", "it is no HAR file"),
        (b'{"log": ' + b"[" * 100_000, "it is no HAR file"),
        (document(entry("GET", f"{SITE}/", second=0, status=0)), "no request to https://shop.example has a usable"),
        (document(entry("GET", "file:///etc/passwd", second=0)), "it has no requests"),
        (document(entry("GET", "https://[/", second=0)), "it has no requests"),
    ],
)
def test_unusable_files_are_explained(data: bytes, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        har_file.parse(data, "shop.har")
    assert str(caught.value).startswith("shop.har: ")
    assert message in str(caught.value)


def test_odd_fields_of_exporters() -> None:
    log = json.loads(document(entry("GET", f"{SITE}/", second=0), entry("GET", f"{SITE}/b", second=1)))
    for each in log["log"]["entries"]:
        each["startedDateTime"] = "yesterday"
        each["time"] = None
        each["response"]["content"] = None
        each["request"]["headers"].append({"name": "X-Null", "value": None})
        each["request"]["headers"].append({"name": "bad name", "value": "x"})
        each["request"]["postData"] = None
    steps, _ = parsed(b"\xef\xbb\xbf" + json.dumps(log).encode())
    assert [each.target for each in steps] == ["/", "/b"]
    assert dict(steps[0].headers)["X-Null"] == ""


leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["", "https://[", "/x"])
values = leaves | st.lists(leaves, max_size=2) | st.dictionaries(st.sampled_from(["name", "value"]), leaves, max_size=2)


def places(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(each for key, item in items for each in places(item, (*path, key)))][1 if not path else 0 :]


CHROME, FIREFOX = json.loads(chrome()), json.loads(firefox())


@given(st.data())
def test_any_value_at_any_place_gives_traffic_or_one_line(data: st.DataObject) -> None:
    log = copy.deepcopy(data.draw(st.sampled_from([CHROME, FIREFOX])))
    for _ in range(data.draw(st.integers(1, 3))):
        *path, last = data.draw(st.sampled_from(places(log)))
        parent = log
        for each in path:
            parent = parent[each]
        parent[last] = data.draw(values)
    line = ""
    try:
        traffic, notes = har_file.parse(json.dumps(log).encode(), "shop.har")
    except ConfigurationError as problem:
        line = str(problem)
    assert "\n" not in line
    if not line:
        assert toml_file.parse(toml_writer.render(traffic, notes), "shop.har", lambda _: b"") == traffic


def test_an_empty_traffic_is_written() -> None:
    assert toml_writer.render(Traffic(())) == "\n"
