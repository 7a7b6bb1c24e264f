"""results.json keeps its published schema, comes back as it went, and a bad file is one clear line."""

from __future__ import annotations

import json as stdlib_json
from pathlib import Path

import jsonschema
import msgspec
import pytest
from msgspec.structs import replace

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.model import (
    SCHEMA,
    CaseResult,
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
    """From the file and from its folder: all but evidence, logs, and prose that the catalogue has."""
    results = decoded(build())
    (tmp_path / "results.json").write_text(json.render(results))
    assert json.load(tmp_path) == json.load(tmp_path / "results.json") == without_what_the_journal_has(results)


def decoded(results: Results) -> Results:
    """Return `results` as a journal has them: a lone surrogate has become text."""
    return msgspec.json.decode(to_json(results), type=Results)


def without_what_the_journal_has(results: Results) -> Results:
    return replace(
        results,
        conformance=tuple(replace(each, evidence=Evidence()) for each in results.conformance),
        load=tuple(replace(each, log="") for each in results.load),
        cases={name: replace(each, why="", sent="", expected="") for name, each in results.cases.items()},
    )


def test_a_reader_without_the_package_of_a_case_has_its_prose(tmp_path: Path) -> None:
    results = decoded(build())
    name, info = next(iter(results.cases.items()))
    results = replace(results, cases={**results.cases, name: replace(info, package="other_package")})
    (tmp_path / "results.json").write_text(text := json.render(results))
    jsonschema.Draft202012Validator(stdlib_json.loads(PUBLISHED)).validate(stdlib_json.loads(text))
    found = json.load(tmp_path)
    assert found.cases[name] == results.cases[name]
    assert found.cases[name].why
    assert not any(each.why for id_, each in found.cases.items() if id_ != name)


def test_a_cell_keeps_what_its_case_does_not_say(tmp_path: Path) -> None:
    """A case can have another level than the cell: its file was changed between two runs that were joined."""
    info = next(iter(build().cases.values()))
    same = CaseResult("s", info.id, info.level, info.tags, Verdict.PASS, info.summary, seconds=0.5)
    level = next(each for each in Level if each is not info.level)
    cells = (
        same,
        replace(same, server="t", level=level, tags=(*info.tags, "odd"), summary=""),
        replace(same, case="a/b/c", tags=()),
    )
    text = json.render(Results(SCHEMA, {}, {}, cells, cases={info.id: info}))
    first, *_ = stdlib_json.loads(text)["conformance"]
    assert first == {"server": "s", "case": info.id, "verdict": "pass", "seconds": 0.5}
    (tmp_path / "results.json").write_text(text)
    assert json.load(tmp_path).conformance == cells


def test_without_a_journal_it_has_the_evidence_of_failures_and_the_logs(tmp_path: Path) -> None:
    results = decoded(build())
    text = "".join(json.parts(results, has_journal=False))
    jsonschema.Draft202012Validator(stdlib_json.loads(PUBLISHED)).validate(stdlib_json.loads(text))
    (tmp_path / "results.json").write_text(text)
    found = json.load(tmp_path)
    assert found.load == results.load
    for before, after in zip(results.conformance, found.conformance, strict=True):
        blames = before.verdict.blames_server or before.verdict is Verdict.ERROR
        assert bool(after.evidence.wire) == (blames and bool(before.evidence.wire)), before.case
        if blames:
            assert [each.kind for each in after.evidence.wire][:3] == [each.kind for each in before.evidence.wire][:3]


def test_a_file_of_schema_2_keeps_its_evidence_and_prose(tmp_path: Path) -> None:
    results = decoded(build())
    (tmp_path / "results.json").write_bytes(to_json(replace(results, schema=2)))
    assert json.load(tmp_path) == results


def test_a_file_that_says_nothing_of_bases_is_read(tmp_path: Path) -> None:
    """Versions before them wrote none."""
    document = stdlib_json.loads(json.render(build()))
    for case in document["cases"].values():
        case.pop("basis", None)
        case.pop("breach", None)
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
    cell = CaseResult(text, "a/b/c", Level.MUST, (), Verdict.FAIL, actual=text)
    results = Results(SCHEMA, {text: text}, {}, (cell, cell))
    written = json.render(results)
    assert written.isascii()
    assert written.removesuffix("\n").isprintable()
    (tmp_path / "results.json").write_text(written)
    assert json.load(tmp_path) == results


def test_the_other_parts_are_what_the_encoder_of_the_model_writes(results: Results) -> None:
    """The parts are put together by hand."""
    document = stdlib_json.loads(json.render(results))
    whole = stdlib_json.loads(to_json(results))
    assert list(document) == list(whole)
    for each in (document, whole):
        del each["conformance"], each["cases"]
    for each in whole["load"]:
        each["log"] = ""
    assert document == whole


def test_it_is_small(results: Results) -> None:
    """So 4 MB are enough for ten servers with 1,300 cases each, though one server sent 60 kB in a cell."""
    text = json.render(Results(SCHEMA, {}, {}, results.conformance, cases=results.cases))
    assert len(text) < 200 * len(results.conformance) + 700 * len(results.cases)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a results.json of wsgi-gauntlet"),
        (b"[1]", "not a results.json of wsgi-gauntlet"),
        (b'{"schema": "one"}', "not a results.json of wsgi-gauntlet"),
        (b"\xff\xfe", "not a results.json of wsgi-gauntlet"),
        (b'{"schema": 99}', "has schema 99 and this wsgi-gauntlet reads up to 3: upgrade wsgi-gauntlet"),
        (b'{"schema": 0}', "schema 0, which does not exist"),
        (b'{"schema": 1}', "does not follow schema 1"),
        (b'{"schema": 1, "environment": {}, "servers": {}, "checks": [{"server": 1}]}', "does not follow schema 1"),
        (b'{"schema": 1, "environment": {}, "servers": {}, "checks": 1, "loads": [1]}', "does not follow schema 1"),
        (b'{"schema": 2, "environment": {}, "servers": {}, "load": [1]}', "does not follow schema 2"),
        (
            b'{"schema":3,"environment":{},"servers":{},"conformance":[{"server":"s","case":"x","verdict":"pass"}]}',
            "does not follow schema 3: a cell has no level, and x is not in `cases`",
        ),
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
