"""Case files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.fuzz.case_file import TITLES, Expectation, load, parse, render
from wsgi_gauntlet.harness.fuzz.causes import Cause, cause_id
from wsgi_gauntlet.harness.fuzz.differences import Difference
from wsgi_gauntlet.harness.fuzz.observation import Answer, AppCall, End, Observation
from wsgi_gauntlet.harness.fuzz.traits import SECTIONS, sections, traits
from wsgi_gauntlet.harness.model import Breach, Level

DIFFERENCE = Difference("outcome", "rejected", "served")
SERVED = Observation((AppCall("POST", "/", "", b"hi"),), (Answer(2, complete=True, well_formed=True),), End.CLOSED)
DATA = b"GET / HTTP/1.1 \r\nHost: 'a'\r\nX: \xff\\\x00\r\n\r\n"


def cause(data: bytes) -> Cause:
    found = traits(data)
    return Cause(cause_id(found, DIFFERENCE), data, found, DIFFERENCE, ("one",), reactions={"reference": SERVED})


@given(st.binary(min_size=1))
def test_bytes_can_be_read_back(data: bytes) -> None:
    (entry,) = parse(render((cause(data),), "a header"), "cases.toml")
    assert entry.data == data
    assert entry.about == cause(data).title
    assert entry.expectation is None


def test_a_case_without_expectation_records(tmp_path: Path) -> None:
    file = tmp_path / "cases.toml"
    file.write_text(render((cause(DATA),), "a header"))
    (case,) = load(file)
    assert case.id == cause(DATA).id
    assert case.level is Level.INFO
    assert case.breach is Breach.CLIENT
    assert not case.segmentable


def test_an_expectation_makes_a_case_that_can_fail(tmp_path: Path) -> None:
    file = tmp_path / "cases.toml"
    file.write_text(
        render((cause(DATA),), "a header") + "[case.expect]\noutcome = 'rejected'\nlevel = 'should'\nbody = 'a\\r\\n'\n"
    )
    (case,) = load(file)
    assert case.level is Level.SHOULD
    (entry,) = parse(file.read_text(), "cases.toml")
    assert entry.expectation == Expectation("rejected", body=b"a\r\n", level=Level.SHOULD)


@pytest.mark.parametrize(
    ("expectation", "met"),
    [
        (Expectation("served"), True),
        (Expectation("rejected"), False),
        (Expectation(calls=1, method="POST", path="/", query="", body=b"hi"), True),
        (Expectation(calls=2), False),
        (Expectation(body=b"ho"), False),
        (Expectation(path="/a"), False),
    ],
)
def test_expectations(expectation: Expectation, met: bool) -> None:
    assert (expectation.problem(SERVED) is None) == met


GOOD = "[[case]]\nid = 'fuzz/a'\nbytes = 'GET'\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no cases"),
        ("# fuzz found no difference", "has no cases"),
        ("case = 1", "no case file"),
        ("[[case]", "no TOML"),
        ("[[case]]\nbytes = 'a'", "id must be"),
        ("[[case]]\nid = 'http/a'\nbytes = 'a'", "id must be"),
        ("[[case]]\nid = 'fuzz/a'", "bytes must be a text"),
        ("[[case]]\nid = 'fuzz/a'\nbytes = ''", "is empty"),
        ("[[case]]\nid = 'fuzz/a'\nbytes = '\\q'", "no escape"),
        (GOOD + "level = 'must'", "no key 'level'"),
        (GOOD + GOOD, "stands there twice"),
        (GOOD + "expect = 1", "must be a table"),
        (GOOD + "[case.expect]\noutcome = 'good'", "outcome is 'good'"),
        (GOOD + "[case.expect]\nlevel = 'info'", "level is 'info'"),
        (GOOD + "[case.expect]\nlevel = 'must'", "expects nothing"),
        (GOOD + "[case.expect]\ncalls = -1", "calls is -1"),
        (GOOD + "[case.expect]\nbody = 1", "body must be a text"),
        (GOOD + "[case.expect]\nbody = '\\q'", "no escape"),
        (GOOD + "[case.expect]\nstatus = 400", "no key 'status'"),
    ],
)
def test_wrong_files_are_explained(text: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        parse(text, "cases.toml")


def test_a_file_that_cannot_be_read_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"--cases .*No such file"):
        load(tmp_path / "missing.toml")


def test_each_section_has_a_title() -> None:
    named = {each for several in SECTIONS.values() for each in several} | set(sections(frozenset()))
    assert named == set(TITLES)
