"""Load on a server that somebody else started, as a user would start it: the printed app file, a token, any server."""

from __future__ import annotations

import ast
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
import trio

from wsgi_gauntlet.harness import registry, session
from wsgi_gauntlet.harness.config import Configuration
from wsgi_gauntlet.harness.errors import TargetRefused, Unsupported
from wsgi_gauntlet.harness.events import Event, ScenarioFinished, ignore_event
from wsgi_gauntlet.harness.load import context as context_module
from wsgi_gauntlet.harness.load import runner
from wsgi_gauntlet.harness.load.generator.loop import LoopOptions
from wsgi_gauntlet.harness.load.generator.process_pool import parallel_closed_loop
from wsgi_gauntlet.harness.load.workload import ReferencePage, verify_request
from wsgi_gauntlet.harness.model import Grade, Outcome, ScenarioResult
from wsgi_gauntlet.harness.replay.app_extractor import standalone_source
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.ports import leased_port
from wsgi_gauntlet.harness.server.remote import proof, remote_server
from wsgi_gauntlet.harness.server.remote.target import Target, parse_target
from wsgi_gauntlet.harness.server.temp_dirs import reference_app_sources

from ..helpers.journal_text import journal_text
from ..helpers.page_content import page_content
from ..helpers.preloaded_program import run_preloaded
from ..helpers.requirements import installed
from ..helpers.runs import run_scenarios
from ..helpers.scenario_runs import make_context

pytestmark = pytest.mark.live

TOKEN = "open-sesame"


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="g-") as name:
        (Path(name) / "gauntlet_target.py").write_text(standalone_source(reference_app_sources(), "standalone"))
        yield Path(name)


@contextmanager
def started(folder: Path, target: Target, token: str = TOKEN, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Serve the printed app with waitress, as somebody else would."""
    installed(planning.plan("waitress"))
    where = f"--unix-socket={target.path}" if target.path else f"--listen={target.authority}"
    environment = {**os.environ, "WSGI_GAUNTLET_TOKEN": token}
    server = subprocess.Popen(
        [sys.executable, "-m", "waitress", where, *options, "gauntlet_target:application"],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        until = time.monotonic() + 60
        while True:
            try:
                trio.run(proof.resolve_and_verify, target, token or TOKEN)
            except TargetRefused as refused:
                if "cannot be reached" not in str(refused):
                    break
                assert time.monotonic() < until
                time.sleep(0.05)
            else:
                break
        yield server
    finally:
        server.kill()
        server.wait()


@contextmanager
def somewhere(folder: Path, token: str = TOKEN) -> Iterator[Target]:
    with leased_port() as port, started(folder, Target("127.0.0.1", port), token):
        yield Target("127.0.0.1", port)


def measured(target: Target, folder: Path, scenario: str, *, token: str = TOKEN, **parameters: float) -> ScenarioResult:
    call = session.RunOptions(
        scenarios=(scenario,),
        target=f"http://{target}" if target.host else f"http+unix://{target.path.replace('/', '%2F')}",
        token=token,
        out=folder / "out",
        load_options=runner.LoadOptions(**parameters),  # type: ignore[arg-type]
    )
    results, _, code = session.run(call, Configuration(), ignore_event)
    (cell,) = results.load
    (server,) = results.servers.values()
    assert server.title == "a server that somebody else started"
    assert code in (0, 3)
    assert token not in journal_text(folder / "out")
    assert token not in page_content(folder / "out" / "report.html")
    return cell


def test_the_printed_app_needs_nothing_of_the_harness_and_runs_on_python_3_8() -> None:
    source = standalone_source(reference_app_sources(), "standalone")
    tree = ast.parse(source, feature_version=(3, 8))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert {name.name for name in node.names} <= sys.stdlib_module_names
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            assert (node.module or "").split(".")[0] in sys.stdlib_module_names
    assert "1 << 30" in source


def test_a_target_is_loaded_and_named_as_one(folder: Path) -> None:
    with somewhere(folder) as target:
        cell = measured(target, folder, "slow-headers/byte", clients=4, duration=0.5)
    assert cell.server == f"target ({target})"
    assert cell.goodput is not None
    assert cell.goodput > 0.5
    assert cell.cost is None
    assert cell.conditions["started by"] == "somebody else"
    assert cell.conditions["workers"] == "unknown"


def test_a_target_on_a_unix_socket(folder: Path) -> None:
    target = Target(path=str(folder / "s.sock"))
    with started(folder, target):
        cell = measured(target, folder, "throughput", clients=2, duration=0.5)
    assert cell.grade in (Grade.MEASURED, Grade.INVALID)
    # A busy machine may leave the last request of a connection on its way for long.
    assert cell.goodput is not None
    assert cell.goodput > 0.9
    assert not any(each.outcomes[name] for each in cell.phases for name in (Outcome.WRONG, Outcome.ERROR))


def test_a_target_below_a_prefix(folder: Path) -> None:
    with leased_port() as port:
        target = parse_target(f"http://127.0.0.1:{port}/shop/load")
        with started(folder, target, TOKEN, "--url-prefix=/shop/load"):
            cell = measured(target, folder, "throughput", clients=1, duration=0.5)
    assert all(each.outcomes[Outcome.OK] for each in cell.phases)
    assert not any(each.outcomes[name] for each in cell.phases for name in (Outcome.WRONG, Outcome.ERROR))


def test_what_does_not_prove_itself_is_refused_before_anything_is_sent(folder: Path) -> None:
    with somewhere(folder, "") as target, pytest.raises(TargetRefused, match="without a token"):
        measured(target, folder, "throughput")
    with somewhere(folder) as target, pytest.raises(TargetRefused, match="another token than yours"):
        measured(target, folder, "throughput", token="other")
    assert not (folder / "out").exists()


def test_on_the_command_line_a_refusal_is_one_line_and_exit_code_2(folder: Path) -> None:
    def said(*words: str, token: str | None = None) -> str:
        environment = {name: value for name, value in os.environ.items() if name != "WSGI_GAUNTLET_TOKEN"}
        if token is not None:
            environment["WSGI_GAUNTLET_TOKEN"] = token
        done = run_preloaded(["load", *words], folder, environment)
        assert done.returncode == 2
        assert done.stdout == ""
        assert len(done.stderr.splitlines()) == 1, done.stderr
        return done.stderr

    with somewhere(folder) as target:
        url = f"http://{target}"
        assert "WSGI_GAUNTLET_TOKEN" in said("--target", url)
        assert "another token" in said("--target", url, "--token", "x", token=TOKEN)
        assert "another token" in said("--target", url, token="x")
        assert "cannot be combined" in said("--target", url, "gunicorn", token=TOKEN)
        assert "--app cannot be combined" in said("--target", url, "--app", "x:y", token=TOKEN)
        assert "--command cannot be combined" in said("--target", url, "--command", "x {port}", token=TOKEN)
        assert "needs --app" in said("--target", url, "--path", "/x", token=TOKEN)
        assert "--target" in said("--token", TOKEN)


def plan_of(target: Target) -> Plan:
    return remote_server.target_plan(target, trio.run(proof.resolve_and_verify, target, TOKEN), TOKEN)


def test_the_proof_is_taken_anew_and_the_run_goes_on_in_good_order(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context_module, "TARGET_RECHECK_SECONDS", 0.2)
    throughput = registry.scenario("throughput")
    with leased_port() as port:
        target = Target("127.0.0.1", port)
        with started(folder, target) as server:
            plan = plan_of(target)

            def end_server(event: Event) -> None:
                if isinstance(event, ScenarioFinished):
                    server.kill()
                    server.wait()

            load_options = runner.LoadOptions(clients=1, duration=0.5)
            found = trio.run(run_scenarios, folder, [(plan, throughput)] * 3, load_options, end_server)
    cells = found.scenarios
    assert [cell.grade for cell in cells[1:]] == [Grade.ERROR]
    assert cells[0].grade is Grade.MEASURED
    assert "cannot be reached" in cells[1].note
    assert found.failed == [cells[1].note]


def test_a_target_that_dies_under_load_is_reported_and_not_blamed(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(context_module, "TARGET_RECHECK_SECONDS", 0.2)
    with leased_port() as port:
        target = Target("127.0.0.1", port)
        with started(folder, target) as server:
            ctx = make_context("classroom", plan_of(target), folder)

            async def scenario() -> None:
                async with ctx.server():
                    server.send_signal(signal.SIGKILL)
                    await trio.to_thread.run_sync(server.wait)

            trio.run(scenario)
    cell = ctx.with_target_status(ScenarioResult(ctx.plan.name, "x", Grade.COLLAPSED, goodput=0.2, note="as measured"))
    assert (cell.grade, cell.goodput) == (Grade.ERROR, 0.2)
    assert "no longer" in cell.note or "did not prove itself again" in cell.note
    assert cell.note.endswith("as measured")


def test_a_target_that_only_falls_silent_keeps_its_figures(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context_module, "TARGET_RECHECK_SECONDS", 0.3)
    with leased_port() as port:
        target = Target("127.0.0.1", port)
        with started(folder, target) as server:
            ctx = make_context("classroom", plan_of(target), folder)

            async def scenario() -> None:
                async with ctx.server():
                    server.send_signal(signal.SIGSTOP)
                    monkeypatch.setattr(proof, "RESPONSE_TIMEOUT", 0.1)  # not before: it must prove itself first

            trio.run(scenario)
    cell = ctx.with_target_status(ScenarioResult(ctx.plan.name, "x", Grade.NOT_RECOVERED, note="as measured."))
    assert cell.grade is Grade.NOT_RECOVERED
    assert "did not respond within" in cell.note
    assert msgspec.structs.replace(cell, note="") == ScenarioResult(ctx.plan.name, "x", Grade.NOT_RECOVERED)


def test_generators_in_other_processes_are_given_the_proof(folder: Path) -> None:
    with somewhere(folder) as target:

        async def run_generators() -> int:
            address = await proof.resolve_and_verify(target, TOKEN)
            page = await verify_request(address, ReferencePage(), "abc", 100)
            found = await parallel_closed_loop(address, page, LoopOptions(2), 0.2, processes=2)
            return found.ok

        assert trio.run(run_generators) > 0


def test_nothing_of_a_target_can_be_controlled(folder: Path) -> None:
    with somewhere(folder) as target:
        plan = plan_of(target)

        async def look() -> None:
            async with make_context("classroom", plan, folder).server() as running:
                assert running.alive
                assert (running.ended, running.log_since(0)) == ("", "")
                for act in (running.restart, running.reload, running.restart_in_place):
                    with pytest.raises(Unsupported, match="somebody else started this server"):
                        await act()
                for see in (running.processes, running.server_processes, running.front_processes):
                    with pytest.raises(Unsupported, match="somebody else started this server"):
                        see()

        trio.run(look)
