"""The evidence of a journal is read when somebody looks at it."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import msgspec
import pytest

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.model import (
    SCHEMA,
    AppEvent,
    CaseResult,
    ConnectionEvent,
    ConnectionEventKind,
    Evidence,
    Level,
    Results,
    Verdict,
)
from wsgi_gauntlet.harness.store import journal
from wsgi_gauntlet.harness.store.journal import CheckLine, Journal, StartLine
from wsgi_gauntlet.harness.store.merge import merge
from wsgi_gauntlet.harness.store.stored_evidence import StoredEvidence, with_evidence

from ....helpers.journal_text import journal_text

START = StartLine(SCHEMA, {}, {}, {})


def evidence(number: int) -> Evidence:
    event = ConnectionEvent(1.0, 1, ConnectionEventKind.RECEIVED, b"%d" % number * 1000)
    return Evidence((event,), (AppEvent(1.0, "called", 1, 1, detail={"number": number}),), f"log {number}", ("ended",))


def cells(count: int) -> list[CaseResult]:
    return [
        CaseResult("s", f"a/b/{number}", Level.MUST, ("x",), Verdict.FAIL, seconds=1.0, evidence=evidence(number))
        for number in range(count)
    ]


def stored(folder: Path, written: list[CaseResult]) -> Results:
    with Journal.open(folder) as book:
        book.write(START)
        for each in written:
            book.write(CheckLine(each))
    return journal.read(folder)


def test_the_evidence_of_a_cell_is_that_of_its_line(tmp_path: Path) -> None:
    written = cells(5)
    results = stored(tmp_path, written)
    for each, original in reversed(list(zip(results.conformance, written, strict=True))):
        assert isinstance(each.evidence, StoredEvidence)
        assert each.evidence.wire == original.evidence.wire
        assert each.evidence.app == original.evidence.app
        assert (each.evidence.log, each.evidence.process) == (original.evidence.log, original.evidence.process)
        assert with_evidence(each) == original
        assert type(with_evidence(each).evidence) is Evidence
    assert results.conformance == tuple(written)
    assert results.conformance[0].evidence != results.conformance[1].evidence
    assert journal.read(tmp_path) == results


def test_it_stays_readable_when_the_run_moves_and_when_runs_are_merged(tmp_path: Path) -> None:
    first, second = stored(tmp_path / "a", cells(2)), stored(tmp_path / "b", cells(3)[2:])
    both = merge([first, second])
    with Journal.open(tmp_path / "a"):
        assert not (tmp_path / "a" / journal.JOURNAL_FILENAME).read_bytes()
    assert [each.evidence.log for each in both.conformance] == ["log 0", "log 1", "log 2"]
    changed = msgspec.structs.replace(both.conformance[1], seconds=2.0)
    assert changed.evidence.log == "log 1"


def test_reading_takes_the_memory_of_a_few_frames(tmp_path: Path) -> None:
    large = Evidence((ConnectionEvent(1.0, 1, ConnectionEventKind.RECEIVED, bytes(200_000)),))
    results = stored(tmp_path, [msgspec.structs.replace(each, evidence=large) for each in cells(40)])
    tracemalloc.start()
    try:
        assert len(journal.read(tmp_path).conformance) == 40
        assert sum(len(each.evidence.wire[0].data) for each in results.conformance) == 40 * 200_000
        assert tracemalloc.get_traced_memory()[1] < 6_000_000
    finally:
        tracemalloc.stop()


def test_damaged_evidence_is_one_line(tmp_path: Path) -> None:
    stored(tmp_path, cells(2))
    path = tmp_path / journal.JOURNAL_FILENAME
    path.write_text(journal_text(tmp_path).replace('"received"', '"recEived"', 1))
    results = journal.read(tmp_path)
    with pytest.raises(ConfigurationError, match="line 2 is not a line of this version") as raised:
        _ = results.conformance[0].evidence.wire
    assert "\n" not in str(raised.value)
    assert results.conformance[1].evidence.log == "log 1"


def test_stored_evidence_is_never_encoded_as_empty(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        msgspec.json.encode(stored(tmp_path, cells(1)))
