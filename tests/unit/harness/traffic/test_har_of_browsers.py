"""HAR files of Chrome, Firefox and Safari: what differs, the site, and secrets in every part of a request."""

from __future__ import annotations

import base64
import json

import msgspec
import pytest

from tests.helpers.har_files import SITE, Entry, document, entry, form
from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.traffic import har_file, toml_file, toml_writer
from wsgi_gauntlet.harness.traffic.model import Capture, FormBody, JsonBody, RawBody, Step

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"
RANDOM = "Ab3dEf6hIj9kLmN0pQrS2t"


def steps_of(*entries: Entry, keep_secrets: bool = False, site: str = "") -> tuple[tuple[Step, ...], str]:
    traffic, notes = har_file.parse(document(*entries), "shop.har", keep_secrets=keep_secrets, site=site)
    assert toml_file.parse(toml_writer.render(traffic, notes), "shop.har", lambda _: b"") == traffic
    return traffic.sequences[0].steps, "\n".join(notes)


def safari(*entries: Entry) -> bytes:
    """Return the recording as WebKit writes it: without pages and private fields of Chrome, and with its own."""
    for each in entries:
        each["request"].pop("queryString")
        each["request"]["httpVersion"] = "HTTP/2"
        each["timings"] = {"blocked": -1, "dns": -1, "connect": -1, "ssl": -1, "send": 0, "wait": 1, "receive": 0}
        each["_priority"] = "high"
        each["response"]["_transferSize"] = 0
    log = {"version": "1.2", "creator": {"name": "WebKit Web Inspector", "version": "20620.1"}, "entries": entries}
    return json.dumps({"log": log}).encode()


def test_a_recording_of_safari() -> None:
    page = entry("GET", f"{SITE}/", second=0, sent={":authority": "shop.example", ":method": "GET"})
    page["response"]["content"] |= {"text": base64.b64encode(b"<p>hello</p>").decode(), "encoding": "base64"}
    login = entry("POST", f"{SITE}/login", second=1, post=form("user=anna&password=x"))
    cached = entry("GET", f"{SITE}/a.png", second=1, mime="image/png", _fetchType="Memory Cache")
    worker = entry("GET", f"{SITE}/b.png", second=1, mime="image/png", _fetchType="Service Worker")
    traffic, notes = har_file.parse(safari(page, login, cached, worker), "shop.har")
    (front, post) = traffic.sequences[0].steps
    assert [name for name, _ in front.headers] == ["User-Agent", "Accept"]
    assert post.body == FormBody((("user", "anna"), ("password", "DROPPED")))
    assert "requests left out because the browser had the response in its cache: 2" in notes


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        (entry("GET", f"{SITE}/x", second=1, status=0), "the app did not answer them"),
        (entry("GET", f"{SITE}/x", second=1, status=101), "they opened a WebSocket"),
        (entry("GET", f"{SITE}/x", second=1, _fromCache="memory"), "in its cache"),
        (entry("GET", f"{SITE}/x", second=1, _fromCache=True), "in its cache"),
        (entry("GET", "blob:https://shop.example/1-2", second=1), "they are no HTTP requests"),
        (entry("GET", "data:text/html,x", second=1), "they are no HTTP requests"),
        (entry("GET", "chrome-extension://abcdef/x.js", second=1), "they are no HTTP requests"),
        (entry("GET", "about:blank", second=1), "they are no HTTP requests"),
        (entry("CONNECT", f"{SITE}/x", second=1), "their method is not one of an app"),
        (
            entry("OPTIONS", f"{SITE}/x", second=1, sent={"Access-Control-Request-Method": "PUT"}),
            "the browser asked by itself if another site may send a request",
        ),
    ],
)
def test_requests_that_are_not_the_users_are_left_out(odd: Entry, why: str) -> None:
    steps, notes = steps_of(entry("GET", f"{SITE}/", second=0), odd)
    assert [each.target for each in steps] == ["/"]
    assert "requests left out because" in notes
    assert why in notes


def test_a_service_worker_that_asks_the_app_is_kept() -> None:
    cached, asked = (entry("GET", f"{SITE}/{each}", second=1) for each in "ab")
    cached["response"]["_serviceWorkerResponseSource"] = "cache-storage"
    asked["response"]["_serviceWorkerResponseSource"] = "network"
    steps, _ = steps_of(entry("GET", f"{SITE}/", second=0), cached, asked)
    assert [each.target for each in steps] == ["/", "/b"]


def test_a_page_that_had_not_changed_is_requested_whole() -> None:
    (step,) = steps_of(entry("GET", f"{SITE}/", second=0, status=304, sent={"If-None-Match": '"1"'}))[0]
    assert step.status == (200,)
    assert "If-None-Match" not in dict(step.headers)


def test_options_of_the_app_itself_stay() -> None:
    assert steps_of(entry("OPTIONS", f"{SITE}/x", second=1))[0][0].method == "OPTIONS"


def test_times_of_different_zones_are_ordered() -> None:
    first, second, third = (entry("GET", f"{SITE}/{each}", second=0, took=-1) for each in "abc")
    first["startedDateTime"] = "2026-03-01T12:00:00.000+02:00"
    second["startedDateTime"] = "2026-03-01T10:00:05.1234567Z"
    third["startedDateTime"] = "2026-03-01T05:00:10-05:00"
    steps, _ = steps_of(third, second, first)
    assert [each.target for each in steps] == ["/a", "/b", "/c"]
    assert steps[0].think_time == pytest.approx(5.123, abs=0.001)


def test_a_form_without_text_is_made_of_its_fields() -> None:
    post = {"mimeType": "application/x-www-form-urlencoded", "params": [{"name": "a", "value": "1"}, {"name": "pin"}]}
    assert steps_of(entry("POST", f"{SITE}/", second=0, post=post))[0][0].body == FormBody((("a", "1"), ("pin", "")))


# ---------------------------------------------------------------------- the site


def two_sites() -> tuple[Entry, ...]:
    pages = [entry("GET", f"https://docs.example/{each}", second=each) for each in range(3)]
    return (*pages, entry("GET", f"{SITE}/cart", second=5))


def test_the_user_chooses_the_site() -> None:
    assert [each.target for each in steps_of(*two_sites())[0]] == ["/0", "/1", "/2"]
    steps, notes = steps_of(*two_sites(), site=f"{SITE}:443/start")
    assert [each.target for each in steps] == ["/cart"]
    assert f"the site of the recording is {SITE}" in notes
    assert "left out: https://docs.example (3); --site takes another site" in notes


@pytest.mark.parametrize(
    ("site", "message"),
    [
        ("https://other.example", "no request goes to the site https://other.example; name one of its sites: "),
        ("http://shop.example", "https://docs.example (3), https://shop.example (1)"),
        ("shop.example", "--site shop.example: write the scheme and the host of the site, as https://shop.example"),
        ("https://", "--site https://: write the scheme"),
        ("https://[", "--site https://[: write the scheme"),
        ("ftp://anna:pw@x", "--site ftp://DROPPED@x: write"),
    ],
)
def test_a_site_that_is_not_there(site: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        steps_of(*two_sites(), site=site)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


# ---------------------------------------------------------------------- secrets

SECRETS = ("s3cr3t-code-1", "hunter2", TOKEN, RANDOM, "482913", "a1b2c3d4e5f6a7b8c9d0")


@pytest.mark.parametrize(
    "request_entry",
    [
        entry("GET", f"{SITE}/callback?code=s3cr3t-code-1&state=hunter2", second=0),
        entry("GET", f"{SITE}/reset/MQ/{RANDOM}", second=0),
        entry("GET", f"{SITE}/verify/482913?a=1", second=0),
        entry("GET", f"{SITE}/cart;jsessionid=hunter2?PHPSESSID=a1b2c3d4e5f6a7b8c9d0", second=0),
        entry("GET", f"{SITE}/a?next=%2Freset%3Ftoken%3Dhunter2", second=0),
        entry("GET", f"{SITE}/a?next=%2Fb%3Fto%3D%252Freset%253Ftoken%253Dhunter2", second=0),
        entry("GET", f"{SITE}/a?to=https%3A%2F%2Fanna%3Ahunter2%40x%2F", second=0),
        entry("GET", f"{SITE}/a?{RANDOM}", second=0),
        entry("GET", f"{SITE}/v/{TOKEN}", second=0),
        entry("GET", "https://anna:hunter2@shop.example/", second=0),
        entry("GET", f"{SITE}/", second=0, sent={"X-Api-Key": "hunter2", "X-Subscription-Key": "hunter2"}),
        entry("GET", f"{SITE}/", second=0, sent={"X-Original-URL": f"/a?x={TOKEN}", "X-Me": "Basic aHVudGVyMg=="}),
        entry("GET", f"{SITE}/", second=0, sent={"Referer": f"{SITE}/reset/{RANDOM}?code=482913"}),
        entry("POST", f"{SITE}/", second=0, post=form("code=s3cr3t-code-1&state=hunter2&a=b")),
        entry("POST", f"{SITE}/", second=0, post=form("data=%7B%22password%22%3A%22hunter2%22%7D")),
        entry("POST", f"{SITE}/", second=0, post=form(f"note=see+{TOKEN}")),
        entry(
            "POST",
            f"{SITE}/",
            second=0,
            post={
                "mimeType": "application/json",
                "text": json.dumps(
                    {
                        "a": [{"login": {"password": "hunter2", "tokens": ["hunter2"]}}],
                        "query": 'mutation { login(password: "hunter2") }',
                        "code": 482913,
                        "url": f"https://anna:hunter2@x/?jwt={TOKEN}",
                    }
                ),
            },
        ),
        entry(
            "POST",
            f"{SITE}/",
            second=0,
            post={"mimeType": "application/x-ndjson", "text": '{"password": "hunter2"}\n{"token": "hunter2"}\n'},
        ),
        entry(
            "POST",
            f"{SITE}/",
            second=0,
            post={
                "mimeType": "multipart/form-data; boundary=x",
                "text": '--x\r\nContent-Disposition: form-data; name="password"\r\n\r\nhunter2\r\n--x--\r\n',
            },
        ),
    ],
)
def test_a_secret_is_nowhere_and_the_note_names_it(request_entry: Entry) -> None:
    data = document(request_entry)
    traffic, notes = har_file.parse(data, "shop.har")
    text = json.dumps([*notes, msgspec.to_builtins(traffic), toml_writer.render(traffic, notes)])
    assert [each for each in (*SECRETS, "aHVudGVyMg") if each in text] == []
    if "anna:hunter2@shop" not in request_entry["request"]["url"]:
        assert "dropped" in "\n".join(notes)
    kept, _ = har_file.parse(data, "shop.har", keep_secrets=True)
    assert "DROPPED" not in json.dumps(msgspec.to_builtins(kept))


def test_the_rest_of_a_value_with_a_secret_stays() -> None:
    post = {"mimeType": "application/json", "text": '{"q": "login(password: \\"abc\\") ${x}", "n": 1}'}
    (step,) = steps_of(entry("POST", f"{SITE}/a?next=/b%3Ftoken%3Dabc", second=0, post=post))[0]
    assert step.body == JsonBody('{"q": "login(password: \\"DROPPED\\") $${x}", "n": 1}')
    assert step.target == "/a?next=/b%3Ftoken%3DDROPPED"


def test_other_paths_and_values_stay() -> None:
    target = "/items/550e8400-e29b-41d4-a716-446655440000/2024-elections-results?state=CA&key=price&sort=-date"
    steps, notes = steps_of(entry("GET", f"{SITE}{target}", second=0))
    assert steps[0].target == target
    assert "dropped" not in notes


def test_a_secret_in_a_path_is_captured_from_an_earlier_response() -> None:
    created = entry("POST", f"{SITE}/links", second=0, mime="application/json", text=json.dumps({"link": RANDOM}))
    steps, notes = steps_of(created, entry("GET", f"{SITE}/s/{RANDOM}", second=1))
    assert steps[0].captures == (Capture("link", "/link", "json"),)
    assert steps[1].target == "/s/${link}"
    assert steps[1].name == "GET /s/${link}"
    assert "GET /s/...: a part of the path is captured from POST /links" in notes


def test_a_session_in_a_path_is_captured_from_its_cookie() -> None:
    page = entry("GET", f"{SITE}/", second=0, got={"Set-Cookie": f"JSESSIONID={RANDOM}; Path=/"})
    steps, _ = steps_of(page, entry("GET", f"{SITE}/cart;jsessionid={RANDOM}", second=1))
    assert steps[1].target == "/cart;jsessionid=${JSESSIONID}"


def test_a_binary_body_stays() -> None:
    binary = bytes(range(256))
    post = {"mimeType": "a/b", "text": base64.b64encode(binary).decode(), "encoding": "base64"}
    steps, notes = steps_of(entry("POST", f"{SITE}/a", second=0, post=post))
    assert steps[0].body == RawBody(binary, "a/b")
    assert "POST /a: the body is kept; make sure that it has no secrets" in notes
