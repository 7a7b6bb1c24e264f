"""What counts as well-formed: all that a case is handed ready-made, and nothing of what a case breaks on purpose."""

from __future__ import annotations

import contextlib
import string
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.conformance.assertions import Violation
from wsgi_gauntlet.harness.conformance.catalog import Case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.errors import Skipped, Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.connection import Transcript
from wsgi_gauntlet.harness.http.parser import ConnectionState, Response
from wsgi_gauntlet.harness.http.request import HEAD_SIZE_LIMIT_BYTES, first_message, well_formed
from wsgi_gauntlet.harness.model import AppEvent

TOKEN = "!#$%&'*+-.^_`|~" + string.digits + string.ascii_letters
PATH = "-._~!$&'()*+,;=:@/" + string.digits + string.ascii_letters


def exchange(authority: tuple[str, int] = ("127.0.0.1", 8000), mount: str = "") -> Exchange:
    """Return an exchange that makes requests; there is no server."""
    server: Any = SimpleNamespace(
        channel=SimpleNamespace(begin_attempt=lambda: 0, since=lambda _mark: [], release=lambda _name: None),
        log_position=lambda: 0,
        address=Address(host=authority[0], port=authority[1]),
        settings=SimpleNamespace(mount=mount),
        plan=SimpleNamespace(upstream=None),
        history=[],
    )
    return Exchange(server, "abcd1234", Transcript())


# ---------------------------------------------------------------------- what is made for cases

names = st.text(TOKEN, min_size=1, max_size=20).map("X-{}".format)
values = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"))
targets = st.builds(
    "/{}{}".format,
    st.text(PATH, max_size=30),
    st.one_of(st.just(""), st.text(PATH + "?", max_size=30).map("?{}".format), st.just("?a=%C3%A9&b=%00")),
)
requests = st.fixed_dictionaries(
    {
        "target": targets,
        "method": st.text(TOKEN, min_size=1, max_size=12).filter(lambda method: method != "CONNECT"),
        "headers": st.lists(st.tuples(names, values), max_size=5),
        "body": st.one_of(st.none(), st.binary(max_size=200)),
        "version": st.sampled_from(["HTTP/1.0", "HTTP/1.1"]),
    }
)


@given(st.lists(requests, min_size=1, max_size=3), st.sampled_from(["", "/mounted", "/two/parts"]))
def test_what_an_exchange_makes_is_well_formed(made: list[dict[str, Any]], mount: str) -> None:
    x = exchange(mount=mount)
    rows = [x.request(each["target"], **{k: v for k, v in each.items() if k != "target"}) for each in made]
    assert well_formed(b"".join(rows))
    bounds = first_message(b"".join(rows))
    assert bounds == (rows[0].index(b"\r\n\r\n") + 4, len(rows[0]))


@pytest.mark.parametrize("authority", [("127.0.0.1", 80), ("::1", 8000), ("localhost", 1)])
def test_whatever_the_servers_address(authority: tuple[str, int]) -> None:
    assert well_formed(exchange(authority).request())


@given(requests, st.integers(min_value=1))
def test_what_is_cut_off_is_not_well_formed(made: dict[str, Any], size: int) -> None:
    x = exchange()
    data = x.request(made["target"], **{k: v for k, v in made.items() if k != "target"})
    part = data[: size % len(data)]
    assert not well_formed(part)


@given(st.binary(max_size=500))
def test_any_bytes_get_an_answer(data: bytes) -> None:
    well_formed(data)
    well_formed(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + data, 5)
    first_message(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n" + data)


# ---------------------------------------------------------------------- what was not kept

LONG = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n" + b"." * 40
CHUNKS = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "unrecorded_bytes", "good"),
    [
        (LONG, 60, True),
        (LONG, 59, False),
        (LONG, 61, False),
        (LONG, 0, False),
        (CHUNKS + b"ff\r\nabc", 300, True),
        (CHUNKS + b"ff\r\nabc", 0, False),
        (CHUNKS + b"5\r\nhello\r\n", 5, True),
        (CHUNKS + b"xyz\r\n", 5, False),
        (CHUNKS + b"5\r\nhello\r\n0\r\n\r\n", 0, True),
        (CHUNKS + b"5\r\nhello\r\n0\r\nX-Trailer: a\r\n\r\n", 0, True),
        (CHUNKS + b"5\r\nhello\r\n0\r\nX-Trailer\r\n\r\n", 0, False),
        (CHUNKS + b"5\r\nhello\r\n0\r\nX-Trailer: a\r\n", 0, False),
        (b"", 0, False),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX-A: " + b"a" * HEAD_SIZE_LIMIT_BYTES + b"\r\n\r\n", 0, False),
        (b"CONNECT a.example:80 HTTP/1.1\r\nHost: a\r\n\r\n", 0, True),
        (b"CONNECT /path HTTP/1.1\r\nHost: a\r\n\r\n", 0, False),
        (b"GET / HTTP/1.0\r\n\r\n", 0, True),
        (b"GET / HTTP/1.1\r\n\r\n", 0, False),
    ],
)
def test_only_the_rest_of_a_body_may_be_unseen(sent: bytes, unrecorded_bytes: int, good: bool) -> None:
    assert well_formed(sent, unrecorded_bytes) is good


# ---------------------------------------------------------------------- the samples of the catalogue

CASES = registry.cases()


class Deaf:
    """A connection on which nothing ever comes; keeps what was sent."""

    def __init__(self, sent: list[bytes]) -> None:
        self.sent = sent
        self.sent.append(b"")
        self.unread = b""

    async def send(self, data: bytes, **_how: object) -> bool:
        self.sent[-1] += data
        return True

    async def send_segments(self, parts: Iterable[bytes], *_how: object) -> bool:
        return await self.send(b"".join(parts))

    async def response(self, **_how: object) -> Response:
        return Response(ended=ConnectionState.EOF)

    async def receive_some(self, *_how: object) -> bytes:
        return b""

    async def receive_until(self, *_how: object, **_more: object) -> bytes:
        return b""

    async def ending(self, *_how: object) -> ConnectionState:
        return ConnectionState.EOF

    async def half_close(self) -> bool:
        return True

    async def close(self) -> None:
        """Nothing is open."""


class Recorder(Exchange):
    """An exchange whose connections lead nowhere."""

    def record(self) -> list[bytes]:
        """Return what the case sent on each connection, from now on."""
        self.sent: list[bytes] = []
        return self.sent

    async def connect(self, **_how: object) -> Any:
        return Deaf(self.sent)

    async def send_sync_request(self) -> bool:
        return True

    async def event(self, *_which: object, **_how: object) -> AppEvent:
        raise trio.TooSlowError

    def events(self, *_which: object) -> list[AppEvent]:
        return []


BROKEN = (
    "http/framing/cl-duplicate-different",
    "http/framing/cl-list-same",
    "http/framing/cl-list-different",
    "http/framing/cl-syntax",
    "http/framing/cl-overflow",
    "http/framing/cl-short-then-fin",
    "http/framing/cl-zero-then-bytes",
    "http/framing/te-and-cl",
    "http/framing/te-on-http10",
    "http/framing/te-not-final",
    "http/framing/te-unknown",
    "http/framing/te-chunked-twice",
    "http/framing/te-two-lines",
    "http/framing/te-obfuscated",
    "http/framing/te-folded",
    "http/framing/te-parameters",
    "http/framing/te-identity",
    "http/framing/desync",
    "http/chunked/extension-bad",
    "http/chunked/extension-64k",
    "http/chunked/size-syntax",
    "http/chunked/size-overflow",
    "http/chunked/size-space-behind",
    "http/chunked/spill",
    "http/chunked/no-crlf-after-data",
    "http/chunked/no-last-chunk-then-fin",
    "http/chunked/no-final-crlf",
    "http/chunked/lf-terminators",
    "http/chunked/trailer-hidden",
    "http/headers/space-before-colon",
    "http/headers/space-before-first",
    "http/headers/obs-fold",
    "http/headers/no-colon",
    "http/headers/empty-name",
    "http/headers/bad-name-characters",
    "http/headers/nul-in-value",
    "http/headers/cr-in-value",
    "http/headers/control-in-value",
    "http/host/missing",
    "http/host/duplicate-different",
    "http/host/duplicate-same",
    "http/host/duplicate-on-http10",
    "http/host/invalid",
    "http/request-line/leading-crlf",
    "http/request-line/bare-lf",
    "http/request-line/bare-cr",
    "http/request-line/several-spaces",
    "http/request-line/tab-separator",
    "http/request-line/other-separators",
    "http/request-line/method-not-token",
    "http/request-line/method-100k",
    "http/request-line/uri-huge",
    "http/request-line/space-in-target",
    "http/request-line/relative-target",
    "http/request-line/authority-form-only-connect",
    "http/request-line/get-star",
    "http/request-line/fragment",
    "http/request-line/nul-ctl-target",
    "http/request-line/non-ascii-target",
    "http/request-line/absolute-form-userinfo",
    "http/request-line/absolute-form-no-host",
    "http/request-line/non-ascii-query",
    "http/headers/cr-in-name",
    "http/host/duplicate-forms",
    "http/request-line/http09",
    "http/request-line/version-lowercase",
    "http/request-line/version-minor-2",
    "http/request-line/version-major-2",
    "http/request-line/version-junk",
    "http/connection/pipeline-bad-second",
    "http/limits/header-too-large",
    "http/limits/too-many-headers",
    "http/limits/half-request-then-fin",
    "http/limits/garbage",
    "http/limits/h2-preface",
)
"""Cases whose samples are wrong, or larger than a server must take; a family stands for all its variants."""

GOOD = (
    "http/framing/cl-leading-zeros",
    "http/framing/cl-then-next",
    "http/framing/cl-whitespace",
    "http/framing/te-case",
    "http/framing/te-whitespace",
    "http/framing/body-of-any-method",
    "http/framing/unread-small",
    "http/framing/unread-1mb",
    "http/framing/partly-read",
    "http/chunked/many-chunks",
    "http/chunked/large-chunk",
    "http/chunked/zero-padded",
    "http/chunked/extension-token",
    "http/chunked/extension-quoted",
    "http/chunked/extension-whitespace",
    "http/chunked/trailer-then-next",
    "http/connection/pipeline-order",
    "http/connection/close-honoured",
    "http/connection/fragmented-head",
    "http/connection/fragmented-body",
    "http/headers/ows-trimmed",
    "http/headers/obs-text",
    "http/headers/empty-value",
    "http/host/valid",
    "http/host/missing-on-http10",
    "http/request-line/baseline",
    "http/request-line/absolute-form",
    "http/request-line/absolute-form-scheme-case",
    "http/request-line/absolute-form-query-only",
    "http/request-line/double-slash-valid",
    "http/request-line/method-tchars",
    "http/request-line/method-unknown",
    "http/headers/name-tchars",
    "http/responses/head-then-next",
)
"""Cases whose samples a server must take as they are, however they are cut."""


def family(name: str) -> list[Case]:
    return [case for case in CASES if case.id == name or case.id.startswith(f"{name}/")]


async def sent_by(case: Case) -> list[bytes]:
    """Return what `case` sends on each connection before anything is answered."""
    x = exchange()
    recorder = Recorder(x.server, x.token, x.transcript)
    found = recorder.record()
    with contextlib.suppress(Violation, Skipped, Unsupported, trio.TooSlowError):
        await case.run(recorder)
    return found


@pytest.mark.parametrize("name", BROKEN)
async def test_no_broken_sample_is_well_formed(name: str) -> None:
    cases = family(name)
    assert cases
    for case in cases:
        samples = await sent_by(case)
        assert any(samples), case.id
        assert not all(well_formed(sample) for sample in samples), case.id


@pytest.mark.parametrize("name", GOOD)
async def test_every_good_sample_is_well_formed(name: str) -> None:
    cases = family(name)
    assert cases
    for case in cases:
        samples = await sent_by(case)
        assert samples
        assert all(well_formed(sample) for sample in samples), case.id
