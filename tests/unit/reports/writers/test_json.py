"""results.json keeps its published schema, comes back as it went, and a bad file is one clear line."""

from __future__ import annotations

import base64
import json as stdlib_json
from pathlib import Path

import jsonschema
import msgspec
import pytest

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.model import (
    SCHEMA,
    CaseResult,
    ConnectionEvent,
    ConnectionEventKind,
    Evidence,
    Level,
    Results,
    Verdict,
)
from wsgi_gauntlet.harness.store.json_encoding import to_json
from wsgi_gauntlet.reports.writers import json

from ....helpers.sample_results import build

PUBLISHED = Path(json.__file__).with_name("results.schema.json").read_text("utf-8")


def test_the_published_schema_follows_from_the_model() -> None:
    """Where this fails the model has changed: write `json.schema()` into reports/writers/results.schema.json, and
    think of model.SCHEMA."""
    assert stdlib_json.loads(PUBLISHED) == stdlib_json.loads(stdlib_json.dumps(json.schema()))


@pytest.mark.parametrize("finished", [True, False])
def test_results_keep_the_schema(finished: bool) -> None:
    """The whole sample, hostile evidence and all."""
    document = stdlib_json.loads(json.render(build(finished=finished)))
    jsonschema.Draft202012Validator(stdlib_json.loads(PUBLISHED)).validate(document)


def test_what_is_written_can_be_read(tmp_path: Path) -> None:
    """From the file and from its folder; only bulky evidence is cut."""
    event = ConnectionEvent(1.0, 1, ConnectionEventKind.RECEIVED, bytes(range(256)))
    results = Results(
        SCHEMA, {"a": 1}, {}, (CaseResult("s", "a/b/c", Level.MUST, (), Verdict.FAIL, evidence=Evidence((event,))),)
    )
    (tmp_path / "results.json").write_text(json.render(results))
    assert json.load(tmp_path) == json.load(tmp_path / "results.json") == results


def test_a_file_that_says_nothing_of_bases_is_read(tmp_path: Path) -> None:
    """Versions before them wrote none."""
    document = stdlib_json.loads(json.render(build()))
    for case in document["cases"].values():
        del case["basis"], case["breach"]
    (tmp_path / "results.json").write_text(stdlib_json.dumps(document))
    assert {(each.basis, each.breach) for each in json.load(tmp_path).cases.values()} == {(None, None)}


def test_a_lone_surrogate_does_not_stop_it(tmp_path: Path) -> None:
    """A server's log can hold any byte; read with surrogateescape it has no UTF-8."""
    results = Results(SCHEMA, {"odd": "\udcff", "deep": [{"\ud800": 1}]}, {})
    (tmp_path / "results.json").write_text(json.render(results))
    assert json.load(tmp_path).environment == {"odd": "\\udcff", "deep": [{"\\ud800": 1}]}


def test_the_text_is_ascii_and_means_the_same(tmp_path: Path) -> None:
    """Whatever a server sent: no terminal and no viewer shows something else than the bytes say."""
    text = 'caf\u00e9 \u202e \u2028 \U0001f512 \x7f \x85 \x1b \\ " \n'
    cell = CaseResult(text, "a/b/c", Level.MUST, (), Verdict.FAIL, actual=text, evidence=Evidence(log=text))
    results = Results(SCHEMA, {text: text}, {}, (cell, cell))
    written = json.render(results)
    assert written.isascii()
    assert written.removesuffix("\n").isprintable()
    (tmp_path / "results.json").write_text(written)
    assert json.load(tmp_path) == results


def test_it_is_what_the_encoder_of_the_model_writes(results: Results) -> None:
    """The parts are put together by hand."""
    document = stdlib_json.loads(json.render(results))
    whole = stdlib_json.loads(to_json(results))
    assert list(document) == list(whole)
    for each in (*document["conformance"], *whole["conformance"]):
        del each["evidence"]
    assert document == whole


def test_a_pass_has_no_evidence_and_a_failure_keeps_the_response_that_decides() -> None:
    """Also if many events come before it."""
    events = tuple(
        ConnectionEvent(float(number), number, ConnectionEventKind.RECEIVED, b"HTTP/1.1 200 OK\r\n" + b"x" * 400)
        for number in range(1000)
    )
    last = ConnectionEvent(1000.0, 1, ConnectionEventKind.RECEIVED, b"HTTP/1.1 500 decisive\r\n\r\n")
    cells = [
        CaseResult("s", each, Level.MUST, (), each, evidence=Evidence((*events, last)))
        for each in (Verdict.PASS, Verdict.FAIL)
    ]
    passed, failed = stdlib_json.loads(json.render(Results(SCHEMA, {}, {}, tuple(cells))))["conformance"]
    assert passed["evidence"] == {"wire": [], "app": [], "log": "", "process": []}
    assert base64.b64decode(failed["evidence"]["wire"][-1]["data"]) == last.data


def test_evidence_is_bounded(results: Results) -> None:
    """Though one server sent 60 kB in a cell and logged without end."""
    assert len(json.render(results)) < 6_000_000


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a results.json of wsgi-gauntlet"),
        (b"[1]", "not a results.json of wsgi-gauntlet"),
        (b'{"schema": "one"}', "not a results.json of wsgi-gauntlet"),
        (b"\xff\xfe", "not a results.json of wsgi-gauntlet"),
        (b'{"schema": 99}', "has schema 99 and this wsgi-gauntlet reads up to 2: upgrade wsgi-gauntlet"),
        (b'{"schema": 0}', "schema 0, which does not exist"),
        (b'{"schema": 1}', "does not follow schema 1"),
        (b'{"schema": 1, "environment": {}, "servers": {}, "checks": [{"server": 1}]}', "does not follow schema 1"),
        (b'{"schema": 1, "environment": {}, "servers": {}, "checks": 1, "loads": [1]}', "does not follow schema 1"),
        (b'{"schema": 2, "environment": {}, "servers": {}, "load": [1]}', "does not follow schema 2"),
    ],
)
def test_a_bad_file_is_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    """That says which file, what is wrong and, where there is a way, what to do."""
    file = tmp_path / "results.json"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError, match=message) as caught:
        json.load(file)
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_file_is_one_line(tmp_path: Path) -> None:
    """A folder that is no run folder."""
    with pytest.raises(ConfigurationError, match=r"cannot read .*; name a run folder"):
        json.load(tmp_path)


def test_schema_1_stays_readable() -> None:
    """The smallest file of schema 1 that was ever written is still read."""
    old = msgspec.json.decode(b'{"schema":1,"environment":{},"servers":{}}', type=Results)
    assert old.finished
