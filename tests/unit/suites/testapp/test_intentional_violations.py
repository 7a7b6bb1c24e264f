"""Which answers of the reference app lint leaves alone: those that break the rules on purpose, and no others."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.suites.testapp.behaviours.basics import echo
from wsgi_gauntlet.suites.testapp.core import call as module
from wsgi_gauntlet.suites.testapp.core.call import odd
from wsgi_gauntlet.suites.testapp.reference import find_behaviour

from ....helpers.testapp_client import FakeHarness, run


@pytest.mark.parametrize("name", sorted(module.RULE_BREAKING_BEHAVIOURS | module.ABORTING_BEHAVIOURS))
def test_what_is_named_there_is_a_behaviour(name: str) -> None:
    assert find_behaviour(f"/{name}") is not echo


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


def test_it_is_reported_with_the_call(harness: FakeHarness) -> None:
    run("/echo")
    run("/odd-case")
    assert [detail["odd"] for detail in harness.details("called")] == ["", "all"]


def test_a_length_that_is_a_number_is_read_all_the_same() -> None:
    """The cases about environ are broken by it, and not every case with a body."""
    assert run("/sink", b"abc", CONTENT_LENGTH=3)[1].startswith(b"3 ")
