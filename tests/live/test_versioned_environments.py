"""Versions beside each other and over releases, on real servers: one from a folder of wheels, and gunicorn's own."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from wsgi_gauntlet.harness import session
from wsgi_gauntlet.harness.cli.main import cli
from wsgi_gauntlet.harness.config import Configuration
from wsgi_gauntlet.harness.conformance.selection import Selection
from wsgi_gauntlet.harness.errors import EnvironmentUnavailable
from wsgi_gauntlet.harness.events import ignore_event
from wsgi_gauntlet.harness.server.environments import versioned

from ..helpers.page_content import page_content
from ..helpers.requirements import fail_or_skip
from ..helpers.wheel_index import isolated_environment_locks, tiny_server_installed

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

SCHEME = "pep3333/environ/url-scheme"


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with tiny_server_installed(tmp_path, monkeypatch):
        yield


@pytest.mark.usefixtures("tiny")
def test_a_history_tells_what_was_fixed_and_what_does_not_run(tmp_path: Path) -> None:
    """One release breaks a requirement, one does not start, one cannot be installed: each is a row.

    The same environments then serve versions beside each other.
    """
    arguments = ["history", "tiny", "--select", SCHEME, "--out", str(tmp_path / "run"), "--json", "--verbose"]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.stderr
    assert "tiny: 1.0, 2.0, 3.0, 4.0" in result.stderr
    assert "2.0 fixed" in result.stderr
    assert f"✗ → ✓ {SCHEME}" in result.stderr
    assert "3.0 was not checked: did not start" in result.stderr
    assert "4.0 was not checked: tinyserver==4.0 cannot be installed" in result.stderr
    found = json.loads(result.stdout)["servers"]
    assert [found[f"tiny@{each}"]["available"] for each in ("1.0", "2.0", "3.0", "4.0")] == [True, True, False, False]
    assert "view/history: " in page_content(tmp_path / "run" / "report.html")
    call = session.RunOptions(servers=("tiny@1.0", "tiny@2.0"), cases=Selection((SCHEME,)), out=tmp_path / "beside")
    results, _, code = session.run(call, Configuration(), ignore_event)
    verdicts = {each.server: each.verdict.value for each in results.conformance if each.case == SCHEME}
    assert code == 1
    assert verdicts == {"tiny@1.0": "fail", "tiny@2.0": "pass"}
    assert {name: info.version for name, info in results.servers.items()} == {"tiny@1.0": "1.0", "tiny@2.0": "2.0"}


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["tiny", "--since", "6"], "tinyserver has no final release from 6 on; the newest is 5.0rc1"),
        (["tiny", "--since", "x"], "--since x: this is not a version"),
        (["tiny@1.0"], "names version 1.0"),
        (["own.py"], "an adapter file has no releases"),
        (["wsgiref"], "wsgiref has no history here"),
    ],
)
def test_a_history_that_cannot_be_is_one_line(arguments: list[str], says: str) -> None:
    result = CliRunner().invoke(cli, ["history", *arguments])
    assert says in str(result.exception)


@pytest.fixture
def gunicorn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """20.1.0 of it in a cache of the test's own, from a real package index."""
    monkeypatch.setenv("WSGI_GAUNTLET_CACHE", str(tmp_path / "the cache"))
    with isolated_environment_locks(monkeypatch):
        try:
            versioned.made(
                versioned.EnvironmentSpec(sys.executable, "gunicorn", "20.1.0"), "gunicorn@20.1.0", ignore_event
            )
        except EnvironmentUnavailable as problem:
            fail_or_skip(f"no package index: {problem}")
        yield


@pytest.mark.usefixtures("gunicorn")
def test_releases_of_gunicorn(tmp_path: Path) -> None:
    """20.1.0, of 2021, takes a chunk's size with a plus in front; later ones refuse it (CVE-2024-1135's family).

    What the newest are, and whether all of those start, is for their makers to say.
    """
    call = session.RunOptions(
        servers=("gunicorn@20.1.0", "gunicorn"),
        cases=Selection(("http/chunked/size-syntax/plus",)),
        out=tmp_path / "run",
    )
    results, _, _ = session.run(call, Configuration(), ignore_event)
    assert results.servers["gunicorn@20.1.0"].version == "20.1.0"
    assert {each.server: each.verdict.value for each in results.conformance} == {
        "gunicorn@20.1.0": "fail",
        "gunicorn": "pass",
    }
    arguments = ["history", "gunicorn", "--last", "2", "--select", "http/chunked/size-syntax/plus", "--json"]
    result = CliRunner().invoke(cli, [*arguments, "--out", str(tmp_path / "history")])
    assert result.exit_code in (0, 4), result.stderr  # 4 where neither of them starts
    found = json.loads(result.stdout)["servers"]
    assert len(found) == 2
    assert [name for name, info in found.items() if info["available"] and name != f"gunicorn@{info['version']}"] == []
