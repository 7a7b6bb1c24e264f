"""The GitHub actions check a real server. The runner of GitHub is a fake one."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.helpers.github_runner import ROOT, FakeRunner
from tests.helpers.http_server import serving_http
from wsgi_gauntlet.harness import registry

pytestmark = pytest.mark.live

JOIN = ROOT / ".github" / "actions" / "join"
BROKEN, PASSED = "http/request-line/http09", "http/responses/head-status/list"
NO_ARTIFACTS: dict[str, list[object]] = {"artifacts": []}


@contextmanager
def github(results: bytes | None) -> Iterator[str]:
    """Serve the API of GitHub, with an artifact of the branch main if `results` is given; yield its address."""
    archive = io.BytesIO()
    if results is not None:
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("results.json", results)
    run = {"id": 5, "repository_id": 1, "head_repository_id": 1, "head_branch": "main"}
    listing = {"artifacts": [{"id": 3, "expired": False, "workflow_run": run}]} if results else NO_ARTIFACTS

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.headers["Authorization"] == "Bearer the-token"
            data = archive.getvalue() if self.path.endswith("/3/zip") else json.dumps(listing).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Stay silent."""

    with serving_http(Handler) as address:
        yield address


def test_a_check_annotates_summarizes_and_uploads_and_a_baseline_accepts(tmp_path: Path) -> None:
    with github(None) as address:
        runner = FakeRunner(tmp_path, {"GITHUB_API_URL": address})
        assert runner.use(ROOT, servers="wsgiref", select=f"{BROKEN}\n{PASSED}", fail_on="") == 1
        assert "::error title=" in runner.stdout
        assert BROKEN in runner.summary
        uploaded = {each.name for each in (runner.artifacts / "wsgi-gauntlet").iterdir()}
        assert uploaded == {"report.html", "results.json", "summary.md", "junit.xml", "run.jsonl.zst"}
        found = registry.load_results(runner.artifacts / "wsgi-gauntlet").conformance
        assert next(each for each in found if each.case == BROKEN).evidence.wire
        assert not list(runner.workspace.iterdir())

        entry = (
            f'[[server]]\nname = "wsgiref"\n[[server.expected]]\ncase = "{BROKEN}"\nverdict = "fail"\nreason = "old"\n'
        )
        (runner.workspace / "known.toml").write_text(entry)
        assert runner.use(ROOT, servers="wsgiref", select=BROKEN, baseline="known.toml", arguments="--public") == 0
        uploaded = {each.name for each in (runner.artifacts / "wsgi-gauntlet").iterdir()}
        assert uploaded == {"report.html", "results.json", "summary.md", "junit.xml"}


def test_parts_are_joined_and_compared_with_the_base_branch(tmp_path: Path) -> None:
    runner = FakeRunner(tmp_path)
    for shard in ("1/2", "2/2"):
        runner.new_job()
        assert runner.use(ROOT, servers="wsgiref", select=f"{BROKEN} {PASSED}", shard=shard) == 0, runner.stdout
        assert not runner.summary
    assert {each.name for each in runner.artifacts.iterdir()} == {"wsgi-gauntlet-part-1", "wsgi-gauntlet-part-2"}

    runner.new_job()
    with github(None) as address:
        runner.environment = {"GITHUB_API_URL": address}
        assert runner.use(JOIN, shards="2") == 1
    results = (runner.artifacts / "wsgi-gauntlet" / "results.json").read_bytes()
    cells = {each["case"]: each for each in json.loads(results)["conformance"]}
    assert {case: cell["verdict"] for case, cell in cells.items()} == {BROKEN: "fail", PASSED: "pass"}
    assert cells[BROKEN]["evidence"]["wire"]
    assert BROKEN in runner.summary

    runner.new_job()
    with github(results) as address:
        runner.environment = {"GITHUB_API_URL": address}
        assert runner.use(JOIN, shards="2", fail_on="must") == 0, runner.stdout
    assert "compared with the last run of main" in runner.stdout

    runner.new_job()
    with github(results.replace(b'"fail"', b'"pass"')) as address:
        runner.environment = {"GITHUB_API_URL": address}
        assert runner.use(JOIN, shards="2", fail_on="must") == 1
        assert runner.use(JOIN, shards="3") == 2
    assert "2 of 3 parts have results" in runner.stdout


def test_hostile_inputs_start_nothing(tmp_path: Path) -> None:
    runner = FakeRunner(tmp_path)
    hostile = "$(touch pwned) `touch pwned` ; touch pwned\n::error::x"
    assert runner.use(ROOT, servers=hostile, select=PASSED, shard="1/1") == 2
    assert not list(runner.workspace.iterdir())
    assert "\n::error::x" not in runner.stdout
