"""The stored results of the sample report keep the evidence, which the results.json of a run does not have."""

from __future__ import annotations

import lzma
from pathlib import Path

from docs.site_generator import sample
from wsgi_gauntlet.harness.model import SCHEMA, CaseResult, Evidence, Level, ServerInfo, Verdict
from wsgi_gauntlet.harness.registry import load_results
from wsgi_gauntlet.harness.store.journal import CheckLine, Journal, ServerLine, StartLine


def test_joined_runs_are_stored_with_their_evidence(tmp_path: Path) -> None:
    for name in ("one", "two"):
        with Journal.open(tmp_path / name) as book:
            book.write(StartLine(SCHEMA, {}, {}, {}))
            book.write(ServerLine(ServerInfo(name, "A server", available=True)))
            evidence = Evidence(log=f"{name} runs in {tmp_path / name}")
            book.write(CheckLine(CaseResult(name, "x/y/z", Level.MUST, (), Verdict.FAIL, evidence=evidence)))
    (tmp_path / sample.STORED).parent.mkdir(parents=True)
    sample.store([tmp_path / "one", tmp_path / "two"], tmp_path)
    (tmp_path / "results.json").write_bytes(lzma.decompress((tmp_path / sample.STORED).read_bytes()))
    found = load_results(tmp_path / "results.json")
    assert list(found.servers) == ["one", "two"]
    assert [each.evidence.log.partition(" in ")[0] for each in found.conformance] == ["one runs", "two runs"]
    assert str(tmp_path) not in (tmp_path / "results.json").read_text()
