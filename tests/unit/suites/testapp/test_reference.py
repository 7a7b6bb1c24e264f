"""The reference app, called directly: no server, no network; its rules, and its simple behaviours."""

from __future__ import annotations

import ast
import hashlib
import io
import sys
from pathlib import Path

import pytest

from wsgi_gauntlet.suites.testapp import reference
from wsgi_gauntlet.suites.testapp.behaviours import input_stream
from wsgi_gauntlet.suites.testapp.behaviours.basics import echo
from wsgi_gauntlet.suites.testapp.core.call import Call

from ....helpers.testapp_client import TESTAPP_FOLDER, FakeHarness, FakeServer, environ, run

# ---------------------------------------------------------------------- the rules of the folder


@pytest.mark.parametrize("path", sorted(TESTAPP_FOLDER.rglob("*.py")), ids=lambda path: path.name)
def test_it_compiles_as_python_3_8(path: Path) -> None:
    ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 8))


@pytest.mark.parametrize("path", sorted(TESTAPP_FOLDER.rglob("*.py")), ids=lambda path: path.name)
def test_it_imports_the_standard_library_and_its_siblings_alone_or_the_framework_it_is_named_after(path: Path) -> None:
    framework = path.stem.removesuffix("_app").removesuffix("_catch_all") if path.parent.name == "frameworks" else ""
    allowed = sys.stdlib_module_names | {framework}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            assert {name.name.split(".")[0] for name in node.names} <= allowed
        elif isinstance(node, ast.ImportFrom):
            assert node.level in (1, 2) or (node.module or "").split(".")[0] in allowed


# ---------------------------------------------------------------------- choosing a behaviour


@pytest.mark.parametrize("path", ["/echo", "/unheard-of/x", "", "/", "*", "//", "/_private", "/Call", "/__init__"])
def test_what_no_behaviour_is_called_answers_as_echo(path: str) -> None:
    server, body = run(path)
    assert (server.status, body) == ("200 OK", b"gauntlet tok\n")
    assert ("Content-Length", "13") in server.headers


def test_unknown_paths_are_not_remembered() -> None:
    for number in range(100):
        assert reference.find_behaviour(f"/made-up-{number}") is echo
    assert not [name for name in reference._behaviour_cache if name.startswith("made-up")]


def test_the_token_comes_from_the_header_else_from_the_query() -> None:
    assert run("/echo?t=other")[1] == b"gauntlet tok\n"
    assert run("/echo?t=other", HTTP_X_GAUNTLET="")[1] == b"gauntlet other\n"


def test_the_query_may_be_nonsense() -> None:
    assert Call((environ("/echo?" + "&".join(["a=1"] * 2)), None), {}).query == {"a": "1"}
    assert run("/page?size=many")[1][:1] == b"\n"


# ---------------------------------------------------------------------- the behaviours


def test_nonce_is_this_runs_and_names_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WSGI_GAUNTLET_NONCE", "n0nce")
    server, body = run("/nonce")
    assert body == b"n0nce"
    assert ("X-Gauntlet-Nonce", "n0nce") in server.headers
    assert dict(server.headers)["X-Gauntlet-Pid"].isdigit()


def test_mine_answers_what_was_asked_for() -> None:
    server, body = run("/mine?n=abc")
    assert body == b"abc"
    assert ("X-Mine", "abc") in server.headers


def test_some_behaviours_report_nothing(harness: FakeHarness) -> None:
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
    result = reference.application(environ("/page?size=200000"), FakeServer().start_response)
    assert max(len(block) for block in result) == 65536


@pytest.mark.parametrize("size", [0, 5, 70000])
def test_sink_reads_by_length(size: int) -> None:
    data = b"x" * size
    server, body = run("/sink", data)
    assert body == f"{size} {hashlib.sha256(data).hexdigest()}\n".encode()
    assert 0 <= float(dict(server.headers)["X-Gauntlet-Waited"]) < 60


def test_sink_reads_to_the_end_of_a_stream_that_says_it_has_one() -> None:
    data = b"y" * 100000
    more = {"wsgi.input": io.BytesIO(data), "wsgi.input_terminated": True}
    assert run("/sink", **more)[1].startswith(b"100000 ")


def test_read_reports_the_body(harness: FakeHarness) -> None:
    run("/read", b"a" * 5000 + b"\xff")
    (detail,) = harness.details("body")
    assert (detail["length"], len(detail["data"])) == (5001, 4096)
    assert detail["sha256"] == hashlib.sha256(b"a" * 5000 + b"\xff").hexdigest()


@pytest.mark.parametrize(("target", "length"), [("/read", 0), ("/read?to=end", 100000)])
def test_read_goes_on_to_the_end_of_a_body_without_length_where_it_is_asked_to(
    harness: FakeHarness, target: str, length: int
) -> None:
    run(target, **{"wsgi.input": io.BytesIO(b"y" * 100000)})
    (detail,) = harness.details("body")
    assert detail["length"] == length


def test_read_reports_what_came_before_reading_failed(harness: FakeHarness) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if piece := super().read(size):
                return piece
            raise OSError("the client has gone")

    with pytest.raises(OSError, match="gone"):
        run("/read?to=end", **{"wsgi.input": Broken(b"hel")})
    assert harness.details("part") == [{"length": 3, "data": "hel"}]
    assert harness.details("body") == []


def test_read_gives_up_a_body_that_never_ends(harness: FakeHarness) -> None:
    class Endless(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return b"#" * (size or 1)

    run("/read?to=end", **{"wsgi.input": Endless()})
    (detail,) = harness.details("body")
    assert detail["length"] == input_stream.MAX_INPUT_BYTES


def test_reads_follows_the_steps_and_reports_each(harness: FakeHarness) -> None:
    run("/reads?do=read:2,readline,next,readlines,readline:3,until:9,loop:4,iter,unknown,hold:x", b"ab\ncd\nef\ngh\n")
    reported = harness.details("read")
    assert [each.get("data") for each in reported] == ["ab", "\n", "cd\n", "ef\ngh\n", "", "", "", "", None]
    assert reported[3]["lines"] == ["ef\n", "gh\n"]
    assert reported[8]["raised"]["type"] == "AttributeError"


def test_reads_rest_stops_at_the_length(harness: FakeHarness) -> None:
    class Endless(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            assert size is not None
            return super().read(size) or b"#" * size

    more = {"wsgi.input": Endless(b"abcdef"), "CONTENT_LENGTH": "6"}
    run("/reads?do=read:2,rest,rest,read:3", **more)
    assert [each["data"] for each in harness.details("read")] == ["ab", "cdef", "", "###"]


def test_reads_rest_asks_for_little_at_once_whatever_length_a_client_declares(harness: FakeHarness) -> None:
    asked: list[int | None] = []

    class Recording(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            asked.append(size)
            return super().read(size)

    body = b"#" * (input_stream.READ_BYTES + 5)
    run("/reads?do=rest", **{"wsgi.input": Recording(body), "CONTENT_LENGTH": "10000000000"})
    (detail,) = harness.details("read")
    assert detail["length"] == len(body)
    assert asked == [input_stream.READ_BYTES] * 3


def test_reads_reports_what_is_not_bytes(harness: FakeHarness) -> None:
    run("/reads?do=read", **{"wsgi.input": io.StringIO("text")})
    (detail,) = harness.details("read")
    assert (detail["type"], detail["repr"]) == ("str", "'text'")


def test_input_methods_reports_those_that_are_there(harness: FakeHarness) -> None:
    class Poor:
        def read(self) -> bytes:
            return b""

    run("/input-methods", **{"wsgi.input": Poor()})
    assert harness.details("methods") == [{"present": ["read"]}]


def test_mutate_empties_environ_and_leaves_a_mark(harness: FakeHarness) -> None:
    given = environ("/mutate")
    reference.application(given, FakeServer().start_response)
    assert given == {"gauntlet.mark": "from an earlier request"}
    assert harness.details("returned")[0]["where"] == "mutate"


def test_reconstruct_follows_the_specification(harness: FakeHarness) -> None:
    run("/reconstruct/a b?q=%20")
    run("/reconstruct", HTTP_HOST="", SCRIPT_NAME="/m")
    run("/reconstruct", **{"HTTP_HOST": "", "SERVER_PORT": "443", "wsgi.url_scheme": "https"})
    assert [each["url"] for each in harness.details("url")] == [
        "http://127.0.0.1:8000/reconstruct/a%20b?q=%20",
        "http://127.0.0.1:8000/m/reconstruct",
        "https://127.0.0.1/reconstruct",
    ]


def test_errors_behaviours_use_the_stream(harness: FakeHarness) -> None:
    stream = io.StringIO()
    for path in ("/errors-methods", "/errors-unicode", "/errors-log?line=here-it-is"):
        run(path, **{"wsgi.errors": stream})
    assert "writelines, two parts\n" in stream.getvalue()
    assert "\u2603" in stream.getvalue()
    assert "here-it-is\n" in stream.getvalue()
    assert len(harness.details("returned")) == 5
