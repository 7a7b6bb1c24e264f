"""Which answers of the reference app lint leaves alone: those that break the rules on purpose, and no others."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.suites.apps import odd as module
from wsgi_gauntlet.suites.apps.basics import echo
from wsgi_gauntlet.suites.apps.odd import odd
from wsgi_gauntlet.suites.apps.reference import behaviour

from .app_rig import Harness, run


@pytest.mark.parametrize("name", sorted(module.ODD | module.BREAKING))
def test_what_is_named_there_is_a_behaviour(name: str) -> None:
    assert behaviour(f"/{name}") is not echo


@pytest.mark.parametrize(
    ("path", "query", "how"),
    [
        ("/echo", {}, ""),
        ("", {}, ""),
        ("*", {}, ""),
        ("/too-short", {}, "all"),
        ("/too-short/x", {}, "all"),
        ("/fail", {"when": "mid-body"}, "end"),
        ("/respond", {}, ""),
        ("/respond", {"h-X-Marker": "kept"}, ""),
        ("/respond", {"h-Date": "today"}, "all"),
        ("/respond", {"status": "204 Empty"}, "all"),
        ("/respond", {"status": "204 Empty", "framing": "empty"}, ""),
        ("/respond", {"status": "200 OK"}, ""),
        ("/respond", {"status": "100 Go"}, "all"),
    ],
)
def test_odd(path: str, query: dict[str, str], how: str) -> None:
    assert odd(path, query) == how


def test_it_is_told_with_the_call(harness: Harness) -> None:
    run("/echo")
    run("/odd-case")
    assert [detail["odd"] for detail in harness.details("called")] == ["", "all"]


def test_a_length_that_is_a_number_is_read_all_the_same() -> None:
    """The cases about environ are broken by it, and not every case with a body."""
    assert run("/sink", b"abc", CONTENT_LENGTH=3)[1].startswith(b"3 ")
