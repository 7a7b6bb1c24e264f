"""The reference app, called directly: no server, no network; what it tells arrives on a socket pair's path."""

from __future__ import annotations

import ast
import hashlib
import io
import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from wsgi_gauntlet.suites.apps import observing, reference
from wsgi_gauntlet.suites.apps.basics import echo
from wsgi_gauntlet.suites.apps.body import EVERY_BYTE
from wsgi_gauntlet.suites.apps.call import Call
from wsgi_gauntlet.suites.apps.file_wrapper import CONTENT
from wsgi_gauntlet.suites.apps.start_response import INJECTED, WRONG_ARGUMENTS, Planned

APPS = Path(reference.__file__).parent


class Harness:
    """Stands where the harness stands: reads what the app tells."""

    def __init__(self, folder: Path) -> None:
        self.events_path, self.control_path = folder / "events", folder / "control"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(self.events_path))
        self.socket.setblocking(False)
        self.kept: list[dict[str, Any]] = []

    def events(self, kind: str | None = None) -> list[dict[str, Any]]:
        while True:
            try:
                self.kept.append(json.loads(self.socket.recv(1 << 20)))
            except BlockingIOError:
                break
        return [event for event in self.kept if kind in (None, event["kind"])]

    def details(self, kind: str) -> list[dict[str, Any]]:
        return [event["detail"] for event in self.events(kind)]


@pytest.fixture
def harness(monkeypatch: pytest.MonkeyPatch) -> Iterator[Harness]:
    with TemporaryDirectory(prefix="g-") as name:
        harness = Harness(Path(name))
        monkeypatch.setenv("GAUNTLET_EVENTS", str(harness.events_path))
        monkeypatch.setattr(observing, "_sender", None)
        yield harness
        harness.socket.close()
        if observing._sender is not None:
            observing._sender.close()


class Server:
    """The least server there can be: what the app did to it, kept."""

    def __init__(self) -> None:
        self.status = ""
        self.headers: list[tuple[str, str]] = []
        self.calls: list[tuple[Any, ...]] = []
        self.written: list[bytes] = []
        self.sent = False

    def start_response(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[..., None]:
        if exc_info and self.sent:
            raise exc_info[1].with_traceback(exc_info[2])
        if self.calls and not exc_info:
            raise AssertionError("start_response called twice")
        self.calls.append((status, headers))
        if type(status) is not str:
            raise TypeError("a status is a str")
        self.status, self.headers = status, headers
        return self.written.append

    def run(self, path: str, body: bytes = b"", **more: Any) -> bytes:
        result = reference.application(environ(path, body, **more), self.start_response)
        blocks = []
        try:
            for block in result:
                self.sent = self.sent or bool(block)
                blocks.append(block)
        finally:
            if hasattr(result, "close"):
                result.close()
        return b"".join([*self.written, *blocks])


def environ(target: str = "/echo", body: bytes = b"", **more: Any) -> dict[str, Any]:
    path, _, query = target.partition("?")
    made = {
        "REQUEST_METHOD": "POST" if body else "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "127.0.0.1:8000",
        "HTTP_X_GAUNTLET": "tok",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    if body:
        made["CONTENT_LENGTH"] = str(len(body))
    return made | more


def run(target: str, body: Any = b"", **more: Any) -> tuple[Server, bytes]:
    server = Server()
    return server, server.run(target, body, **more)


# ---------------------------------------------------------------------- the rules of the folder


@pytest.mark.parametrize("path", sorted(APPS.glob("*.py")), ids=lambda path: path.name)
def test_it_compiles_as_python_3_8(path: Path) -> None:
    ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 8))


@pytest.mark.parametrize("path", sorted(set(APPS.glob("*.py")) - {APPS / "flask_app.py"}), ids=lambda path: path.name)
def test_it_imports_the_standard_library_and_its_siblings_alone(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert {name.name.split(".")[0] for name in node.names} <= sys.stdlib_module_names
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 1 or (node.module or "").split(".")[0] in sys.stdlib_module_names


# ---------------------------------------------------------------------- choosing a behaviour


@pytest.mark.parametrize("path", ["/echo", "/unheard-of/x", "", "/", "*", "//", "/_private", "/Call", "/__init__"])
def test_what_no_behaviour_is_called_answers_as_echo(path: str) -> None:
    server, body = run(path)
    assert (server.status, body) == ("200 OK", b"gauntlet tok\n")
    assert ("Content-Length", "13") in server.headers


def test_unknown_paths_are_not_remembered() -> None:
    for number in range(100):
        assert reference.behaviour(f"/made-up-{number}") is echo
    assert not [name for name in reference._found if name.startswith("made-up")]


def test_the_token_comes_from_the_header_else_from_the_query() -> None:
    assert run("/echo?t=other")[1] == b"gauntlet tok\n"
    assert run("/echo?t=other", HTTP_X_GAUNTLET="")[1] == b"gauntlet other\n"


def test_the_query_may_be_nonsense() -> None:
    assert Call((environ("/echo?" + "&".join(["a=1"] * 2)), None), {}).query == {"a": "1"}
    assert run("/page?size=many")[1][:1] == b"\n"


# ---------------------------------------------------------------------- telling


def test_every_call_is_told_with_its_environ(harness: Harness) -> None:
    run("/echo/a b?x=1", HTTP_X_ODD="\xe9", ODD=None)
    (event,) = harness.events()
    assert (event["kind"], event["token"], event["sequence"] >= 0) == ("called", "tok", True)
    detail = event["detail"]
    assert (detail["path"], detail["method"], detail["query"]) == ("/echo/a b", "GET", "x=1")
    assert detail["environ"]["HTTP_X_ODD"] == "\xe9"
    assert detail["types"]["ODD"] == "NoneType"
    assert detail["wsgi"]["wsgi.version"] == {"repr": "(1, 0)", "true": True}
    assert (detail["exact_dict"], detail["positional"], detail["named"]) == (True, 2, [])
    assert detail["beyond_latin1"] == {}


def test_events_of_a_process_are_numbered_without_gap(harness: Harness) -> None:
    for _ in range(5):
        run("/echo")
    numbers = [event["sequence"] for event in harness.events()]
    assert numbers == list(range(numbers[0], numbers[0] + 5))


def test_what_json_cannot_carry_is_escaped_and_named(harness: Harness) -> None:
    run("/echo", HTTP_X_WIDE="\u2603", HTTP_X_LONE="\udc80")
    (detail,) = harness.details("called")
    assert sorted(detail["beyond_latin1"]) == ["HTTP_X_LONE", "HTTP_X_WIDE"]
    assert detail["environ"]["HTTP_X_LONE"] == "\\udc80"


def test_a_long_value_is_cut_and_says_so(harness: Harness) -> None:
    run("/echo", HTTP_X_LONG="x" * 50000)
    (detail,) = harness.details("called")
    assert detail["cut"] == {"HTTP_X_LONG": 50000}
    assert len(detail["environ"]["HTTP_X_LONG"]) == 20000


def test_an_event_too_large_for_a_datagram_says_so(harness: Harness) -> None:
    run("/echo", **{f"HTTP_X_{number}": "\xff" * 20000 for number in range(10)})
    (detail,) = harness.details("called")
    assert detail["too_large"] > 180000
    assert detail["path"] == "/echo"


def test_the_process_environment_is_told_by_name_only(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOMEBODYS_SECRET", "hush")
    run("/echo", SOMEBODYS_SECRET="hush")
    (event,) = harness.events()
    assert "hush" not in json.dumps(event)
    assert event["detail"]["from_os"] == ["SOMEBODYS_SECRET"]


def test_keyword_arguments_are_served_and_told(harness: Harness) -> None:
    server = Server()
    reference.application(environ=environ(), start_response=server.start_response)
    (detail,) = harness.details("called")
    assert (detail["positional"], detail["named"]) == (0, ["environ", "start_response"])


def test_a_missing_start_response_is_told_and_raises_in_the_server(harness: Harness) -> None:
    with pytest.raises(TypeError):
        reference.application(environ())
    assert harness.details("called")[0]["positional"] == 1
    assert harness.details("raised")[0]["where"] == "application"


def test_nothing_is_told_when_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GAUNTLET_EVENTS", raising=False)
    monkeypatch.delenv("GAUNTLET_CONTROL", raising=False)
    monkeypatch.setattr(observing, "_sender", None)
    assert run("/closing?x=1")[1] == b"one\ntwo\n"
    assert run("/echo?hold=x")[1] == b"gauntlet tok\n"
    assert observing._sender is None


def test_a_harness_that_has_gone_disturbs_nothing(harness: Harness) -> None:
    harness.socket.close()
    harness.events_path.unlink()
    assert run("/echo")[1] == b"gauntlet tok\n"


def test_a_full_socket_loses_an_event_after_a_bounded_wait(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(observing, "TRIES", 2)
    for _ in range(600):
        run("/echo")
    first = harness.events()
    run("/echo")
    last = harness.events()[-1]
    assert len(first) < 600
    assert last["sequence"] == first[0]["sequence"] + 600


def test_what_the_server_raises_is_told_and_goes_on_to_the_server(harness: Harness) -> None:
    def refuse(*_arguments: Any) -> None:
        raise TypeError("not today")

    with pytest.raises(TypeError, match="not today"):
        reference.application(environ("/bare"), refuse)
    assert harness.details("raised") == [{"where": "application", "type": "TypeError", "text": "not today"}]


def test_an_exception_whose_text_raises_is_told_all_the_same() -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            raise ValueError

    assert observing.described(Odd()) == {"type": "Odd", "text": "(its text raised ValueError)"}


# ---------------------------------------------------------------------- barriers


def test_a_held_request_goes_on_when_it_is_let_go(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAUNTLET_CONTROL", str(harness.control_path))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as control:
        control.bind(str(harness.control_path))
        control.listen()
        bodies: list[bytes] = []
        app = threading.Thread(target=lambda: bodies.append(run("/echo?hold=gate")[1]))
        app.start()
        peer, _ = control.accept()
        with peer:
            assert peer.recv(100) == b"tok:gate\n"
            assert bodies == []
            peer.sendall(b".")
            app.join(5)
    assert bodies == [b"gauntlet tok\n"]
    assert harness.details("passed") == [{"barrier": "gate", "released": True}]


def test_a_barrier_that_nobody_keeps_does_not_hold(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAUNTLET_CONTROL", str(harness.control_path))
    assert run("/echo?hold=gate")[1] == b"gauntlet tok\n"
    assert harness.details("barrier-failed")[0]["barrier"] == "gate"


# ---------------------------------------------------------------------- the behaviours


def test_nonce_is_this_runs_and_names_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAUNTLET_NONCE", "n0nce")
    server, body = run("/nonce")
    assert body == b"n0nce"
    assert ("X-Gauntlet-Nonce", "n0nce") in server.headers
    assert dict(server.headers)["X-Gauntlet-Pid"].isdigit()


def test_mine_answers_what_was_asked_for() -> None:
    server, body = run("/mine?n=abc")
    assert body == b"abc"
    assert ("X-Mine", "abc") in server.headers


def test_of_some_behaviours_nothing_is_told(harness: Harness) -> None:
    run("/nonce")
    run("/mine?n=abc")
    assert harness.events() == []


@pytest.mark.parametrize("size", [0, 1, 2000, 65536, 65537, 300000])
def test_a_page_is_exactly_as_large_as_asked_and_begins_with_its_nonce(size: int) -> None:
    server, body = run(f"/page?n=abc&size={size}&wait=1&work=1")
    assert len(body) == size
    assert body.startswith(b"abc\n"[:size])
    assert ("Content-Length", str(size)) in server.headers


def test_a_pages_blocks_are_bounded() -> None:
    result = reference.application(environ("/page?size=200000"), Server().start_response)
    assert max(len(block) for block in result) == 65536


@pytest.mark.parametrize("size", [0, 5, 70000])
def test_sink_reads_by_length(size: int) -> None:
    data = b"x" * size
    assert run("/sink", data)[1] == f"{size} {hashlib.sha256(data).hexdigest()}\n".encode()


def test_sink_reads_to_the_end_of_a_stream_that_says_it_has_one() -> None:
    data = b"y" * 100000
    more = {"wsgi.input": io.BytesIO(data), "wsgi.input_terminated": True}
    assert run("/sink", **more)[1].startswith(b"100000 ")


def test_read_reports_the_body(harness: Harness) -> None:
    run("/read", b"a" * 5000 + b"\xff")
    (detail,) = harness.details("body")
    assert (detail["length"], len(detail["data"])) == (5001, 4096)
    assert detail["sha256"] == hashlib.sha256(b"a" * 5000 + b"\xff").hexdigest()


def test_reads_follows_the_steps_and_reports_each(harness: Harness) -> None:
    run("/reads?do=read:2,readline,next,readlines,readline:3,until:9,loop:4,iter,unknown,hold:x", b"ab\ncd\nef\ngh\n")
    told = harness.details("read")
    assert [each.get("data") for each in told] == ["ab", "\n", "cd\n", "ef\ngh\n", "", "", "", "", None]
    assert told[3]["lines"] == ["ef\n", "gh\n"]
    assert told[8]["raised"]["type"] == "AttributeError"


def test_reads_rest_stops_at_the_length(harness: Harness) -> None:
    class Endless(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            assert size is not None
            return super().read(size) or b"#" * size

    more = {"wsgi.input": Endless(b"abcdef"), "CONTENT_LENGTH": "6"}
    run("/reads?do=read:2,rest,rest,read:3", **more)
    assert [each["data"] for each in harness.details("read")] == ["ab", "cdef", "", "###"]


def test_reads_reports_what_is_not_bytes(harness: Harness) -> None:
    run("/reads?do=read", **{"wsgi.input": io.StringIO("text")})
    (detail,) = harness.details("read")
    assert (detail["type"], detail["repr"]) == ("str", "'text'")


def test_input_methods_reports_those_that_are_there(harness: Harness) -> None:
    class Poor:
        def read(self) -> bytes:
            return b""

    run("/input-methods", **{"wsgi.input": Poor()})
    assert harness.details("methods") == [{"present": ["read"]}]


def test_mutate_empties_environ_and_leaves_a_mark(harness: Harness) -> None:
    given = environ("/mutate")
    reference.application(given, Server().start_response)
    assert given == {"gauntlet.leftover": "left by an earlier request"}
    assert harness.details("returned")[0]["where"] == "mutate"


def test_reconstruct_follows_the_specification(harness: Harness) -> None:
    run("/reconstruct/a b?q=%20")
    run("/reconstruct", HTTP_HOST="", SCRIPT_NAME="/m")
    run("/reconstruct", **{"HTTP_HOST": "", "SERVER_PORT": "443", "wsgi.url_scheme": "https"})
    assert [each["url"] for each in harness.details("url")] == [
        "http://127.0.0.1:8000/reconstruct/a%20b?q=%20",
        "http://127.0.0.1:8000/m/reconstruct",
        "https://127.0.0.1/reconstruct",
    ]


def test_errors_behaviours_use_the_stream(harness: Harness) -> None:
    stream = io.StringIO()
    for path in ("/errors-methods", "/errors-unicode", "/errors-log?line=here-it-is"):
        run(path, **{"wsgi.errors": stream})
    assert "writelines, two parts\n" in stream.getvalue()
    assert "\u2603" in stream.getvalue()
    assert "here-it-is\n" in stream.getvalue()
    assert len(harness.details("returned")) == 5


@pytest.mark.parametrize(
    ("target", "status", "body"),
    [
        ("/start", "200 OK", b"plain\n"),
        ("/start?third=none", "200 OK", b"plain\n"),
        ("/bare", "200 OK", b"bare\n"),
        ("/odd-case", "200 OK", b"odd\n"),
        ("/start-and-hold", "200 OK", b"late\n"),
        ("/empty-then-replace", "503 Changed Mind", b"replaced\n"),
        ("/empty-body", "200 OK", b""),
        ("/empty-body?what=generator", "200 OK", b""),
        ("/empty-body?what=blank", "200 OK", b""),
        ("/replace", "503 Changed Mind", b"replaced\n"),
        ("/start-late", "203 Late", b"late\n"),
        ("/play-dumb", "299 Gauntlet Run", b"dumb\n"),
        ("/every-byte", "200 OK", EVERY_BYTE),
        ("/stream", "200 OK", b"block 1\nblock 2\n"),
        ("/watched", "200 OK", b"one\ntwo\n"),
        ("/written-then-list", "200 OK", b"written\nreturned\n"),
        ("/empty-blocks", "200 OK", b"one\ntwo\n"),
        ("/write-and-hold", "200 OK", b"written\nreturned\n"),
        ("/write-in-order", "200 OK", b"one\ntwo\nthree\n"),
        ("/write-in-order?then=nothing", "200 OK", b"one\ntwo\n"),
        ("/write-returned", "200 OK", b"written\n"),
        ("/closing", "200 OK", b"one\ntwo\n"),
        ("/too-long", "200 OK", b"helloEXTRA"),
        ("/too-long?what=write", "200 OK", b"helloEXTRA"),
        ("/too-long?what=blocks", "200 OK", b"hello" + b"EXTRA" * 20),
        ("/too-short", "200 OK", b"short"),
        ("/unknown-length", "200 OK", b"one\ntwo\n"),
        ("/respond", "200 OK", b"gauntlet tok\n"),
        ("/respond?status=204+No+Content&framing=empty&h-X-A=b", "204 No Content", b""),
        ("/respond?framing=none&body=hi", "200 OK", b"hi"),
        ("/file-wrapper?what=file", "200 OK", b"no wsgi.file_wrapper\n"),
    ],
)
def test_behaviours_do_on_a_plain_server_what_they_say(target: str, status: str, body: bytes) -> None:
    server, got = run(target)
    assert (server.status, got) == (status, body)


@pytest.mark.parametrize("what", [f"{kind}-{count}" for kind in ("list", "tuple", "object") for count in (1, 2)])
def test_sized_bodies_have_the_length_that_they_say(what: str) -> None:
    result = reference.application(environ(f"/sized?what={what}"), Server().start_response)
    assert len(result) == int(what[-1]) == len(list(result))


def test_nothing_is_put_between_the_server_and_the_body() -> None:
    assert type(reference.application(environ("/echo"), Server().start_response)) is list
    assert type(reference.application(environ("/sized?what=tuple-2"), Server().start_response)) is tuple


@pytest.mark.parametrize("what", ["list", "tuple", "generator", "iterator-class", "iterable-object", "file-like"])
def test_all_kinds_of_bodies_hold_the_same(what: str) -> None:
    assert run(f"/kinds?what={what}")[1] == b"one\ntwo\n"


@pytest.mark.parametrize("what", sorted(WRONG_ARGUMENTS))
def test_wrong_arguments_that_are_refused_are_answered_by_the_book(what: str, harness: Harness) -> None:
    calls = []

    def refuse(status: Any, _headers: Any, exc_info: Any = None) -> None:
        calls.append((status, exc_info))
        if exc_info is None:
            raise ValueError("wrong")

    assert reference.application(environ(f"/start-wrongly?what={what}"), refuse) == [b"refused\n"]
    assert calls[1][0] == "500 Internal Server Error"
    assert harness.details("raised") == [{"where": "start_response", "type": "ValueError", "text": "wrong"}]


def test_wrong_arguments_that_are_taken_are_told(harness: Harness) -> None:
    assert run("/start-wrongly?what=name-empty")[1] == b"taken\n"
    assert harness.details("returned") == [{"where": "start_response"}]


@pytest.mark.parametrize("what", sorted(INJECTED))
def test_inject_sends_what_it_says(what: str) -> None:
    server, body = run(f"/inject?what={what}")
    assert ("X-Test", INJECTED[what]) in server.headers
    assert body == b"body\n"


def test_replacing_too_late_raises_the_same_exception(harness: Harness) -> None:
    with pytest.raises(Planned):
        run("/replace-too-late")
    (detail,) = harness.details("raised")
    assert (detail["where"], detail["same"], detail["traceback"]) == ("start_response", True, True)


def test_replacing_too_late_on_a_server_that_lets_it(harness: Harness) -> None:
    body = reference.application(environ("/replace-too-late"), lambda *_arguments: None)
    assert b"".join(body) == b"first\nsecond\n"
    assert harness.details("returned") == [{"where": "start_response"}]


def test_starting_twice_is_told(harness: Harness) -> None:
    assert run("/start-twice")[1] == b"twice\n"
    assert harness.details("raised")[0]["where"] == "second"


def test_an_exc_info_that_is_kept_is_told(harness: Harness) -> None:
    kept: list[Any] = []
    run("/drop-exc-info")
    reference.application(environ("/drop-exc-info"), lambda *arguments: kept.append(arguments))
    assert [each["kept"] for each in harness.details("reference")] == [False, True]


def test_a_watched_body_tells_what_is_looked_up_on_it(harness: Harness) -> None:
    run("/watched")
    assert {each["name"] for each in harness.details("attribute")} == {"close"}
    assert len(harness.details("closed")) == 1


def test_a_closing_body_tells_of_each_step(harness: Harness) -> None:
    run("/closing")
    assert [event["kind"] for event in harness.events()] == ["called", "block", "block", "exhausted", "closed"]


@pytest.mark.parametrize("path", ["/closing-after-error", "/closing-after-start-error"])
def test_a_failing_body_is_closed_and_told(path: str, harness: Harness) -> None:
    with pytest.raises((Planned, AssertionError)):
        run(path)
    assert [event["kind"] for event in harness.events()][-2:] == ["raised", "closed"]


def test_an_endless_body_ends(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsgi_gauntlet.suites.apps.body.ENDLESS_BLOCKS", 3)
    assert len(run("/endless")[1]) == 3 * 32768
    assert harness.details("closed") == [{"blocks": 3, "all": 3}]


@pytest.mark.parametrize("when", ["before-start", "after-start", "mid-body"])
def test_failures_that_raise(when: str) -> None:
    with pytest.raises(Planned, match="gauntlet-secret"):
        run(f"/fail?when={when}")


def test_failures_that_return() -> None:
    def answer(when: str) -> Any:
        return reference.application(environ(f"/fail?when={when}"), Server().start_response)

    assert answer("no-start") == [b"a body without a status\n"]
    assert answer("none") is None
    assert answer("none-unstarted") is None
    assert answer("not-latin1") == [b"body\n"]
    assert reference.application(environ("/str-block"), Server().start_response) == ["text, not bytes\n"]


class Wrapper:
    """The file wrapper of PEP 3333."""

    def __init__(self, filelike: Any, blksize: int = 8192) -> None:
        self.filelike = filelike
        self.blksize = blksize
        if hasattr(filelike, "close"):
            self.close = filelike.close

    def __getitem__(self, key: int) -> bytes:
        if data := bytes(self.filelike.read(self.blksize)):
            return data
        raise IndexError


@pytest.mark.parametrize(
    ("what", "body"),
    [
        ("call", b"called\n"),
        ("iterate", b"iterated\n"),
        ("unused", b"something else\n"),
        ("close", CONTENT),
        ("file", CONTENT),
        ("memory", CONTENT),
        ("readable", CONTENT),
        ("offset", CONTENT[100:]),
        ("declared", CONTENT),
        ("wrapped", CONTENT.upper()),
    ],
)
@pytest.mark.filterwarnings("ignore::ResourceWarning")  # "unused" leaves its file to the collector, as an app may
def test_file_wrapper_uses(what: str, body: bytes, harness: Harness) -> None:
    more = {"wsgi.file_wrapper": Wrapper}
    assert run(f"/file-wrapper?what={what}", **more)[1] == body
    assert not harness.events("raised")
    if what == "iterate":
        assert harness.details("iterated")[0]["whole"] is True


def test_a_server_without_file_wrapper_is_told(harness: Harness) -> None:
    run("/file-wrapper?what=file")
    assert len(harness.events("absent")) == 1


# ---------------------------------------------------------------------- through Flask


@pytest.mark.parametrize("target", ["/", "/echo", "/echo/a//b", "/unheard-of"])
def test_flask_reaches_the_reference_app(target: str, harness: Harness) -> None:
    from wsgi_gauntlet.suites.apps.flask_app import application

    server = Server()
    result: Any = application(environ(target), server.start_response)
    assert b"".join(result) == b"gauntlet tok\n"
    assert server.status == "200 OK"
    assert harness.details("called")[0]["path"] == target
