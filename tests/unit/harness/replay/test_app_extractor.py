"""Cutting one file out of the reference app's sources."""

import ast
import io
import re
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from wsgi_gauntlet.harness.replay.app_extractor import app_usage, behaviours, extract_app
from wsgi_gauntlet.harness.server.temp_dirs import reference_app_sources

SOURCES: Mapping[str, str] = reference_app_sources()
LONGEST = 300


def cut(*paths: str, wrapper_module: str = "") -> str:
    return extract_app(SOURCES, app_usage(paths, []), title="An app.", wrapper_module=wrapper_module)


def answered(source: str, path: str, query: str = "", body: bytes = b"") -> tuple[str, bytes]:
    """Return status and body of what the app in `source` answers."""
    space: dict[str, Any] = {}
    exec(compile(source, "app.py", "exec"), space)
    statuses: list[str] = []

    environ = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "HTTP_X_GAUNTLET": "abc",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
    }
    blocks = space["application"](environ, lambda status, _headers: statuses.append(status))
    return statuses[-1], b"".join(blocks)


@pytest.mark.parametrize("name", behaviours(SOURCES))
def test_every_behaviour_can_be_cut_out(name: str) -> None:
    source = cut(f"/{name}")
    tree = ast.parse(source, feature_version=(3, 8))
    assert "gauntlet_apps" not in source
    assert "GAUNTLET_" not in source or name in ("nonce", "proof")
    assert not [each for each in ast.walk(tree) if isinstance(each, ast.ImportFrom) and each.level]
    imported = {a.name.split(".")[0] for each in ast.walk(tree) if isinstance(each, ast.Import) for a in each.names}
    assert imported <= sys.stdlib_module_names
    assert len(source.splitlines()) < LONGEST
    space: dict[str, Any] = {}
    exec(compile(source, "app.py", "exec"), space)
    assert callable(space["application"])


def test_what_is_cut_out_answers_as_the_app_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert answered(cut("/echo"), "/echo") == ("200 OK", b"gauntlet abc\n")
    assert answered(cut("/read"), "/read", body=b"hello") == ("200 OK", b"gauntlet abc\n")
    said = capsys.readouterr().err.splitlines()
    assert [line.split()[:2] for line in said] == [["app:", "called"], ["app:", "called"], ["app:", "body"]]
    assert "length=5" in said[-1]


def test_what_no_behaviour_is_called_answers_as_echo(capsys: pytest.CaptureFixture[str]) -> None:
    assert answered(cut("/no/such", "/bare"), "/other")[1] == b"gauntlet abc\n"
    assert answered(cut("*"), "*")[1] == b"gauntlet abc\n"
    assert answered(cut("/no/such", "/bare"), "/bare")[1] == b"bare\n"
    assert capsys.readouterr().err


def test_a_table_keeps_what_the_requests_name() -> None:
    assert '"before-start"' in cut("/fail?when=before-start")
    assert "_no_start" not in cut("/fail?when=before-start")
    assert "_no_start" in cut("/fail?when=unheard-of")


def test_a_barrier_is_a_short_wait() -> None:
    source = cut("/start-and-hold")
    assert "time.sleep(" in source
    assert "socket" not in source


def test_requests_tell_what_is_used() -> None:
    asked = app_usage(
        ["/reads?do=read%3A5", "*"],
        [b"GET /fail?when=mid-body HTTP/1.1\r\nAccept: text/html\r\n\r\n", b"POST http://x/sink#f HTTP/1.1"],
    )
    assert {"reads", "", "fail", "sink"} <= asked.names
    assert {"read:5", "mid-body"} <= asked.words


def test_a_flask_app_stands_around_it() -> None:
    space: dict[str, Any] = {}
    exec(compile(cut("/echo", wrapper_module="flask_catch_all"), "app.py", "exec"), space)
    answer = space["application"].test_client().get("/echo", headers={"X-Gauntlet": "abc"})
    assert (answer.status_code, answer.data) == (200, b"gauntlet abc\n")


@pytest.mark.parametrize("kind", ["instance", "class"])
def test_other_kinds_of_callables(kind: str) -> None:
    source = extract_app(SOURCES, app_usage(["/echo"], []), title="An app.", kind=kind)
    assert answered(source, "/echo") == ("200 OK", b"gauntlet abc\n")
    space: dict[str, Any] = {}
    exec(compile(source, "app.py", "exec"), space)
    assert isinstance(space["application"], type) == (kind == "class")


SMALL = {
    "reference": "from . import one, two\nMODULES = (one, two)\n",
    "reproducer_stubs": "BEHAVIOURS = {}\n\n\ndef application(environ, start_response):\n    return BEHAVIOURS\n",
    "one": "from .two import table\n\n\ndef echo(call: 'x' = 1) -> int:\n    hidden = 2\n    return table, hidden\n",
    "two": (
        "import os, sys\n\n\n@staticmethod\ndef _used(late: int): # noqa: E1\n    return echo\n\n\n"
        "table: dict[str, int] = {'a': _used, 'b': hidden}\n\n\ndef hidden():\n    return os\n"
    ),
}


def test_what_is_needed_first_comes_first_and_annotations_go() -> None:
    source = extract_app(SMALL, app_usage(["/echo"], [b"/echo?what=a "]), title="T.")
    assert source == (
        '"""T."""\n\n\ndef echo(call=1):\n    hidden = 2\n    return table, hidden\n\n\n'
        '@staticmethod\ndef _used(late):\n    return echo\n\n\ntable = {"a": _used}\n\n'
        'BEHAVIOURS = {"echo": echo}\n\n\ndef application(environ, start_response):\n    return BEHAVIOURS\n'
    )


def test_sources_without_their_root_are_refused() -> None:
    with pytest.raises(ValueError, match="MODULES"):
        extract_app({**SMALL, "reference": ""}, app_usage([], []), title="T.")


def test_no_two_modules_of_the_printed_app_use_one_name() -> None:
    """The printed app is one file: a second definition of a name would replace the first one."""
    sources = reference_app_sources()
    (modules,) = re.findall(r"^MODULES = \((.*?)^\)", sources["reference"], re.DOTALL | re.MULTILINE)
    others = ("standalone", "control", "event_store", "app_version", "dispatch", "call", "event_channel", "pattern")
    places: dict[str, list[str]] = {}
    for module in (*re.findall(r"\w+", modules), *others):
        for name in re.findall(r"^(?:def |class )?(\w+)(?:\(|:| =)", sources[module], re.MULTILINE):
            places.setdefault(name, []).append(module)
    assert len(places) > 200
    assert {name: found for name, found in places.items() if len(found) > 1} == {}
