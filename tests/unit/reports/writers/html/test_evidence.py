"""Evidence packed for the page: all of it in its order, within what it may take, and only text."""

from __future__ import annotations

import base64
import json
import random
import zlib
from typing import Any

import msgspec

from wsgi_gauntlet.harness.model import (
    AppEvent,
    CaseResult,
    ConnectionEvent,
    ConnectionEventKind,
    Evidence,
    Level,
    Results,
    Verdict,
)
from wsgi_gauntlet.reports.writers.html.evidence import SIDES, pack_evidence

CELL = CaseResult("s", "http/a/b", Level.MUST, (), Verdict.FAIL)


def unpacked(text: str) -> list[Any]:
    return json.loads(zlib.decompress(base64.b64decode(text)))  # type: ignore[no-any-return]


def never(_: CaseResult) -> bool:
    return False


def test_every_cell_in_its_order(results: Results) -> None:
    """A time line and a log for each, also where nothing was seen."""
    cells = unpacked(pack_evidence([*results.conformance[:20], CELL], never))
    assert len(cells) == 21
    assert cells[-1] == [[], ""]
    for rows, _ in cells[:-1]:
        assert [row[0] for row in rows] == sorted(row[0] for row in rows)
        assert {len(row) for row in rows} == {6}
        assert {SIDES[row[1]] for row in rows} <= set(SIDES)


def test_nothing_unprintable_is_in_it() -> None:
    """Bytes are escapes, and so are lone surrogates and what turns a line around."""
    wire = (ConnectionEvent(1.0, 1, ConnectionEventKind.RECEIVED, bytes(range(256)), "\udcff\u202e"),)
    app = (AppEvent(2.0, "called\udc80", 1, 1, detail={"x": "\udcff"}),)
    text = pack_evidence([msgspec.structs.replace(CELL, evidence=Evidence(wire, app, "\x1b[2J\udcff"))], never)
    [[rows, log]] = unpacked(text)
    assert log == "\\x1b[2J\\udcff"
    assert "\\xff" in rows[0][5]
    assert json.dumps(rows).isascii() or not any(ord(each) < 32 for row in rows for each in row[4])


def test_what_cannot_be_packed_is_cut_and_a_pass_first() -> None:
    """Noise does not shrink: the evidence becomes shorter until it fits, and says so."""
    chance = random.Random(1)

    def noisy(verdict: Verdict) -> CaseResult:
        wire = tuple(
            ConnectionEvent(float(at), 1, ConnectionEventKind.RECEIVED, chance.randbytes(3000)) for at in range(3)
        )
        return msgspec.structs.replace(CELL, verdict=verdict, evidence=Evidence(wire))

    checks = [noisy(each) for each in (Verdict.PASS, Verdict.FAIL) * 20]
    text = pack_evidence(checks, lambda each: each.verdict is Verdict.PASS, max_characters=100_000)
    assert len(text) <= 100_000
    cells = unpacked(text)
    passed, failed = (sum(len(row[5]) for row in cells[place][0]) for place in (0, 1))
    assert 0 < passed < failed
    assert "the first" in cells[0][0][0][4]
