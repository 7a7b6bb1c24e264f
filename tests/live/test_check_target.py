"""Conformance of a server that somebody else started: the verdicts are those of a server that the harness starts."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import trio

from wsgi_gauntlet.harness import session
from wsgi_gauntlet.harness.config import Configuration
from wsgi_gauntlet.harness.conformance.selection import Selection
from wsgi_gauntlet.harness.errors import EXIT_ERROR, EXIT_USAGE, TargetRefused
from wsgi_gauntlet.harness.events import CaseFinished, Event, EventHandler, Message, ignore_event
from wsgi_gauntlet.harness.model import Results, Verdict
from wsgi_gauntlet.harness.replay.app_extractor import standalone_source
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.ports import leased_port
from wsgi_gauntlet.harness.server.process import procfs
from wsgi_gauntlet.harness.server.remote import attachment, proof
from wsgi_gauntlet.harness.server.remote.target import Target
from wsgi_gauntlet.harness.server.temp_dirs import reference_app_sources

from ..helpers.journal_text import journal_text
from ..helpers.page_content import page_content
from ..helpers.requirements import installed
from ..helpers.verdict_differences import differences

pytestmark = pytest.mark.live

TOKEN = "open-sesame"

COMMAND = (sys.executable, "-c", "from wsgi_gauntlet.harness.cli.main import main; main()")

CASES = (
    "http/host/missing",
    "http/framing/desync",
    "http/request-line/absolute-form-hosts",
    "pep3333/body/block-by-block",
    "pep3333/close/once-on-success",
    "pep3333/content-length/two-lengths",
    "pep3333/environ/server-address",
    "pep3333/environ/process-for-scheme",
    "pep3333/input/eof-at-content-length",
)
"""Cases with every kind of result: pass, fail, a barrier, and a setup that only the harness can make."""


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="g-") as name:
        (Path(name) / "gauntlet_target.py").write_text(standalone_source(reference_app_sources(), "standalone"))
        yield Path(name)


@contextmanager
def gunicorn(folder: Path, target: Target, *options: str, store: str = "store") -> Iterator[subprocess.Popen[bytes]]:
    """Serve the printed app with gunicorn, as somebody else would."""
    installed(planning.plan("gunicorn"))
    command = [sys.executable, "-m", "gunicorn", "--bind", target.authority, "--no-control-socket", *options]
    environment = {**os.environ, "WSGI_GAUNTLET_TOKEN": TOKEN, "WSGI_GAUNTLET_STORE": str(folder / store)}
    with (folder / "log").open("ab") as log:
        server = subprocess.Popen(
            [*command, "gauntlet_target:application"],
            cwd=folder,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        until = time.monotonic() + 60
        while True:
            assert server.poll() is None, (folder / "log").read_text()
            try:
                trio.run(proof.resolve_and_verify, target, TOKEN)
                break
            except TargetRefused:
                assert time.monotonic() < until, (folder / "log").read_text()
        yield server
    finally:
        server.terminate()
        server.wait()


@contextmanager
def somewhere(folder: Path, *options: str) -> Iterator[Target]:
    with leased_port() as port, gunicorn(folder, target := Target("127.0.0.1", port), *options):
        yield target


def check(
    folder: Path,
    target: Target | None,
    handle: EventHandler = ignore_event,
    cases: Sequence[str] = CASES,
    token: str = TOKEN,
) -> tuple[Results, int]:
    options = session.RunOptions(
        servers=() if target else ("gunicorn:sync",),
        target=f"http://{target}" if target else None,
        token=token if target else "",
        cases=Selection(prefixes=tuple(cases)),
        out=folder / ("target-run" if target else "run"),
    )
    results, _, code = session.run(options, Configuration(), handle)
    return results, code


def test_gunicorn_by_hand_gets_the_verdicts_of_gunicorn(folder: Path) -> None:
    started, started_code = check(folder, None)
    assert {Verdict.PASS, Verdict.FAIL} <= {cell.verdict for cell in started.conformance}
    with somewhere(folder, "--workers", "2") as target:
        two_workers, code = check(folder, target)
    assert code == started_code
    assert token_is_nowhere(folder / "target-run")
    found = differences(started, two_workers)
    assert not found.changed + found.missing + found.added
    assert [cell.case for cell in found.unsupported] == [
        "pep3333/environ/process-for-path",
        "pep3333/environ/process-for-scheme",
    ]
    (server,) = two_workers.servers.values()
    assert server.name == f"target ({target})"
    assert server.conditions["requests at a time"] == "several"

    with somewhere(folder) as target:
        one_worker, _ = check(folder, target)
    found = differences(started, one_worker)
    assert not found.changed + found.missing + found.added
    reasons = {cell.case.split("/")[1]: cell.actual for cell in found.unsupported}
    assert set(reasons) == {"body", "environ"}
    assert "one request at a time" in reasons["body"]


def token_is_nowhere(run: Path) -> bool:
    return TOKEN not in journal_text(run) and TOKEN not in page_content(run / "report.html")


def test_a_target_that_ends_during_the_check_is_not_blamed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attachment, "RETURN_SECONDS", 1.0)
    with leased_port() as port, gunicorn(folder, target := Target("127.0.0.1", port)) as server:

        def end_it(event: Event) -> None:
            if isinstance(event, CaseFinished) and server.poll() is None:
                server.kill()
                os.killpg(server.pid, 9)
                server.wait()

        results, code = check(folder, target, end_it)
    verdicts = [cell.verdict for cell in results.conformance]
    assert code == EXIT_ERROR
    assert verdicts.count(Verdict.ERROR) > 5
    assert not any(verdict.blames_server for verdict in verdicts[1:])
    assert any("has not responded" in cell.actual for cell in results.conformance)


def test_processes_without_a_common_folder_are_refused(folder: Path) -> None:
    """Two servers share a port, as two containers behind one address do."""
    with ExitStack() as stack, leased_port() as port:
        target = Target("127.0.0.1", port)
        for number in range(2):
            stack.enter_context(gunicorn(folder, target, "--reuse-port", store=f"store{number}"))
        # Until now the first one may have answered in place of the second one.
        until, in_a_row = time.monotonic() + 60, 0
        while len(procfs.listening_inodes(port)) < 2 or in_a_row < 10:
            assert time.monotonic() < until, (folder / "log").read_text()
            try:
                trio.run(proof.resolve_and_verify, target, TOKEN)
                in_a_row += 1
            except TargetRefused:
                in_a_row = 0
        with pytest.raises(TargetRefused, match="several containers or machines") as refused:
            check(folder, target)
    assert refused.value.exit_code == EXIT_USAGE


def test_another_version_and_another_token_are_refused(folder: Path) -> None:
    with somewhere(folder) as target:
        with pytest.raises(TargetRefused, match="another token"):
            check(folder, target, token="wrong")
        assert not (folder / "target-run").exists()
    app = folder / "gauntlet_target.py"
    app.write_text(app.read_text().replace("def app_version():\n", 'def app_version():\n    return "0"\n'))
    with somewhere(folder) as target, pytest.raises(TargetRefused, match="another version of the test app"):
        check(folder, target)


def test_the_command_replays_a_case_on_a_target(folder: Path) -> None:
    with somewhere(folder, "--workers", "2") as target:
        done = subprocess.run(
            [*COMMAND, "replay", "--target", f"http://{target}", "http/host/missing"],
            env={**os.environ, "WSGI_GAUNTLET_TOKEN": TOKEN},
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
        )
    assert done.returncode == 1, done.stderr
    assert "fail" in done.stdout
    assert "your server, with app:application" in done.stdout


def test_a_message_says_what_one_worker_means(folder: Path) -> None:
    messages: list[str] = []

    def listen(event: Event) -> None:
        if isinstance(event, Message):
            messages.append(event.text)

    with somewhere(folder) as target:
        check(folder, target, listen, cases=["http/host/missing"])
    assert any("one request at a time" in each for each in messages)
