"""The evidence of the page: failures are whole and come first, and everything else fills the room that is left."""

from __future__ import annotations

import functools
import json
import random
import zlib
from typing import Any

import msgspec
import pytest

from wsgi_gauntlet.harness.model import (
    SCHEMA,
    AppEvent,
    CaseInfo,
    CaseResult,
    ConnectionEvent,
    ConnectionEventKind,
    Evidence,
    Level,
    Reference,
    Results,
    ServerInfo,
    Verdict,
)
from wsgi_gauntlet.reports.writers.html import evidence as module
from wsgi_gauntlet.reports.writers.html.evidence import BLOCK_BYTES, evidence_blocks, evidence_budget

PLENTY = 100_000_000
SENT, RECEIVED = ConnectionEventKind.SENT, ConnectionEventKind.RECEIVED


def info(id_: str) -> CaseInfo:
    return CaseInfo(
        id_,
        Level.MUST,
        (),
        "A Content-Type reaches the app.",
        Reference("PEP 3333", "environ", "", ""),
        sent="A POST request.",
        expected="wsgi.url_scheme and REMOTE_ADDR are right.",
    )


def cell(case: str, verdict: Verdict = Verdict.FAIL, evidence: Evidence = Evidence(), server: str = "s") -> CaseResult:  # noqa: B008 - frozen
    return CaseResult(
        server, case, Level.MUST, (), verdict, expected="400", actual="200 and an X-Odd", evidence=evidence
    )


def run(*cells: CaseResult) -> Results:
    servers = dict.fromkeys(each.server for each in cells)
    cases = dict.fromkeys(each.case for each in cells)
    return Results(
        SCHEMA,
        {},
        {each: ServerInfo(each, each, True) for each in servers},
        cells,
        cases={each: info(each) for each in cases},
    )


@functools.lru_cache(maxsize=256)
def inflated_block(data: bytes) -> Any:
    return json.loads(zlib.decompress(data, -zlib.MAX_WBITS))


def inflated(blocks: dict[str, bytes]) -> dict[str, Any]:
    return {name: inflated_block(data) for name, data in blocks.items()}


def packed(blocks: dict[str, bytes], case: int, server: int = 0) -> list[Any] | None:
    """Return the evidence of a cell as assets/js/stored_evidence.js finds it."""
    found = inflated(blocks)
    for name, rows in found["evidence"]["blocks"]:
        before = 0
        for row in rows:
            if row[0] == case and server in row[1:]:
                cell_: list[Any] = found[name][before + row[1:].index(server)]
                return cell_
            before += len(row) - 1
    return None


def many_events() -> Evidence:
    """Return the evidence of a long case: 60 connections with 10 events each, and then the response that decides."""
    wire = []
    for connection in range(1, 61):
        for number in range(5):
            sent = b"GET /%d/%d HTTP/1.1\r\nHost: x\r\n\r\n" % (connection, number)
            wire.append(ConnectionEvent(connection + number / 10, connection, SENT, sent))
            response = b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + bytes(range(225)) * 4
            wire.append(ConnectionEvent(connection + number / 10 + 0.05, connection, RECEIVED, response))
    wire.append(ConnectionEvent(100.0, 60, RECEIVED, b"HTTP/1.1 200 smuggled\r\n\r\n\xff\x00", note="the second one"))
    wire.append(ConnectionEvent(100.1, 60, ConnectionEventKind.EOF))
    app = tuple(
        AppEvent(float(at), "called", 4711, 9, detail={"path": f"/{at}", "environ": {"X": "y" * 500}})
        for at in range(300)
    )
    return Evidence(tuple(wire), app, "log\n" * 3000, ("restarted",))


@pytest.mark.parametrize("budget", [0, PLENTY])
def test_a_failure_is_whole_however_long_it_is(budget: int) -> None:
    """Also without any room: the second response, at the end of 600 events, is the proof."""
    whole = many_events()
    found = packed(evidence_blocks(run(cell("http/a/b", evidence=whole)), budget), 0)
    assert found is not None
    expected, got, wire, app, log, process = found
    assert (expected, got, log, process) == ("400", "200 and an X-Odd", whole.log, ["restarted"])
    assert [row[2] for row in wire] == [each.kind for each in whole.wire]
    assert [(row[3] if len(row) > 3 else "").encode("latin-1") for row in wire] == [each.data for each in whole.wire]
    assert wire[-2] == [100_000.0, 60, "received", "HTTP/1.1 200 smuggled\r\n\r\n\xff\x00", "the second one"]
    assert len(app) == 300
    assert all(row[4]["path"] == f"/{at}" for at, row in enumerate(app))


def test_only_what_no_case_looked_at_goes_from_a_failure() -> None:
    """And only if the failures alone are larger than the page may be."""
    detail = {
        "path": "/echo",
        "positional": 2,
        "environ": {"CONTENT_TYPE": "a/b", "HTTP_X_ODD": "1", "SERVER_NAME": "x"},
        "types": {"wsgi.url_scheme": "str", "SERVER_NAME": "str"},
        "wsgi": {"wsgi.url_scheme": {"repr": "'http'"}},
    }
    events = (AppEvent(1.0, "called", 1, 2, detail=detail), AppEvent(1.5, "block", 1, 2, detail={"size": 3}))
    results = run(cell("pep3333/environ/b", evidence=Evidence(app=events)))
    read = {
        "path": "/echo",
        "environ CONTENT_TYPE": "a/b",
        "environ HTTP_X_ODD": "1",
        "types wsgi.url_scheme": "str",
        "wsgi wsgi.url_scheme": {"repr": "'http'"},
    }
    others = {"positional": 2, "environ": {"SERVER_NAME": "x"}, "types": {"SERVER_NAME": "str"}}
    for budget, rest in ((PLENTY, others), (0, 3)):
        found = packed(evidence_blocks(results, budget), 0)
        assert found is not None
        assert found[3] == [[0.0, "called", 1, 2, read, rest], [500.0, "block", 1, 2, {"size": 3}, {} if budget else 0]]


def noise(seed: int, size: int = 3000) -> Evidence:
    return Evidence((ConnectionEvent(1.0, 1, RECEIVED, random.Random(seed).randbytes(size)),))


def test_passes_go_first_and_warnings_stay_longer() -> None:
    """The order in which evidence is left out."""
    verdicts = [Verdict.PASS, Verdict.INFO, Verdict.WARN, Verdict.FAIL]
    cells = [cell(f"http/a/{verdict}-{number}", verdict, noise(number)) for number in range(30) for verdict in verdicts]
    results = run(*cells)
    smallest = sum(map(len, evidence_blocks(results, 0).values()))
    each_tier = smallest  # 30 cells of noise, which does not shrink
    kept: list[tuple[int, ...]] = []
    for room in (0.0, 0.5, 1.5, 2.2, 9.0):
        budget = int(smallest + room * each_tier)
        blocks = evidence_blocks(results, budget)
        assert sum(map(len, blocks.values())) <= budget + 1000
        places = [place for place in range(len(cells)) if packed(blocks, place) is not None]
        kept.append(tuple(sum(cells[place].verdict is verdict for place in places) for verdict in verdicts))
    nothing, some_warnings, some_info, some_passes, everything = kept
    assert nothing == (0, 0, 0, 30)
    assert some_warnings[1] <= 1
    assert 10 < some_warnings[2] < 20
    assert some_info[0] <= 1
    assert 10 < some_info[1] < 20
    assert some_info[2:] == some_passes[2:] == (30, 30)
    assert 0 < some_passes[0] < 30
    assert some_passes[1] == 30
    assert everything == (30, 30, 30, 30)


def test_passes_that_show_a_correct_response_to_a_failure_come_first() -> None:
    """Among the passes of an area."""
    passes = [cell(f"http/a/{number:03}", Verdict.PASS, noise(number)) for number in range(100)]
    broken = cell("http/a/070", server="other")
    blocks = evidence_blocks(run(*passes, broken), 30_000)
    assert packed(blocks, 70) is not None
    assert packed(blocks, 70, 1) is not None
    assert packed(blocks, 90) is None


def test_a_block_is_of_one_area_and_small() -> None:
    """So a cell opens in a moment."""
    cells = [
        cell(f"http/{area}/{number}", verdict, noise(number, 20_000), server)
        for area in ("a", "b")
        for number in range(15)
        for verdict, server in ((Verdict.FAIL, "s"), (Verdict.FAIL, "t"), (Verdict.PASS, "u"))
    ]
    results = run(*cells)
    blocks = evidence_blocks(results, PLENTY)
    found = inflated(blocks)
    names = [name for name, _ in found["evidence"]["blocks"]]
    assert sorted([*names, "evidence"]) == sorted(blocks)
    for name, rows in found["evidence"]["blocks"]:
        assert len(zlib.decompress(blocks[name], -zlib.MAX_WBITS)) <= BLOCK_BYTES + 1000
        assert len({row[0] // 15 for row in rows}) == 1
        assert len(found[name]) == sum(len(row) - 1 for row in rows)
    assert len(names) > 4
    servers = list(results.servers)
    for each in cells:
        case = list(results.cases).index(each.case)
        entry = packed(blocks, case, servers.index(each.server))
        assert entry is not None
        data = "".join(row[3] for row in entry[2]).encode("latin-1")
        assert each.evidence.wire[0].data.startswith(data[:900])
        assert len(data) == (1200 if each.verdict is Verdict.PASS else 20_000)


def test_a_huge_failure_loses_the_middle_of_long_data_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every event, the beginning and the end of its data stay, and the number of bytes between them."""
    monkeypatch.setattr(module, "LARGE_EVIDENCE_BYTES", 50_000)
    large = [
        ConnectionEvent(float(at), at, RECEIVED, b"HTTP/1.1 200 OK\r\n" + bytes(20_000) + b"end") for at in range(4)
    ]
    last = ConnectionEvent(9.0, 9, RECEIVED, b"HTTP/1.1 500 decisive\r\n\r\n")
    found = packed(evidence_blocks(run(cell("http/a/b", evidence=Evidence((*large, last)))), 0), 0)
    assert found is not None
    wire = found[2]
    assert [row[1] for row in wire] == [0, 0, 1, 1, 2, 2, 3, 3, 9]
    assert all(row[3].startswith("HTTP/1.1 200 OK") and len(row[3]) + row[5] == 20_020 - 2000 for row in wire[:-1:2])
    assert all(row[3].endswith("end") for row in wire[1:-1:2])
    assert wire[-1][3].startswith("HTTP/1.1 500 decisive")


def test_texts_of_servers_are_escaped() -> None:
    """No text of a server acts on a reader, whatever shows it."""
    odd = "\x1b[2J\u202e\udcff"
    event = AppEvent(1.0, odd, 1, 1, detail={odd: 1})
    evidence = Evidence((ConnectionEvent(1.0, 1, SENT, b"\xff", odd),), (event,), odd, (odd,))
    results = run(msgspec.structs.replace(cell("http/a/b", evidence=evidence), expected=odd, actual=odd))
    found = packed(evidence_blocks(results, PLENTY), 0)
    safe = "\\x1b[2J\\u202e\\udcff"
    assert found == [safe, safe, [[0.0, 1, "sent", "\xff", safe]], [[0.0, safe, 1, 1, {safe: 1}, {}]], safe, [safe]]


def test_a_run_without_conformance_has_no_block() -> None:
    """Then the page needs no directory either."""
    assert evidence_blocks(Results(SCHEMA, {}, {}), PLENTY) == {}


@pytest.mark.parametrize(
    ("servers", "page"), [(1, 3_000_000), (10, 3_000_000), (33, 5_500_000), (56, 8_000_000), (99, 8_000_000)]
)
def test_the_room_for_evidence_follows_from_the_number_of_servers(servers: int, page: int) -> None:
    """Base64 writes three bytes as four characters."""
    assert evidence_budget(servers, 1_000_000) == (page - 1_000_000) * 3 // 4
    assert evidence_budget(servers, page + 1) == 0
