"""Exit codes, scratch folders, options, and the signals that end a run."""

import io
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from rich.console import Console

from wsgi_gauntlet.harness import exit_codes, registry, session
from wsgi_gauntlet.harness.baseline.session import open_baseline
from wsgi_gauntlet.harness.config import Configuration
from wsgi_gauntlet.harness.conformance.selection import Selection, Shard
from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.events import (
    CaseFinished,
    Event,
    Message,
    ScenarioFinished,
    ServerFailed,
    ServerStarted,
    ignore_event,
)
from wsgi_gauntlet.harness.load.options import LoadOptions
from wsgi_gauntlet.harness.load.thresholds import apply_thresholds
from wsgi_gauntlet.harness.model import (
    SCHEMA,
    CaseResult,
    Evidence,
    Exclusion,
    Grade,
    Level,
    Results,
    ScenarioResult,
    ServerInfo,
    Verdict,
)
from wsgi_gauntlet.harness.server import planning, temp_dirs
from wsgi_gauntlet.harness.server.temp_dirs import RunFolders
from wsgi_gauntlet.harness.shutdown_signals import shutdown_signals
from wsgi_gauntlet.harness.store import journal
from wsgi_gauntlet.harness.store.journal import CheckLine, Journal, StartLine, StopLine
from wsgi_gauntlet.harness.store.merge import merge
from wsgi_gauntlet.harness.store.run_parts import PartsReport, inspect_parts
from wsgi_gauntlet.harness.traffic.model import Sequence, Step, Traffic
from wsgi_gauntlet.reports.terminal.summary import summary
from wsgi_gauntlet.reports.writers import markdown


def results(*cells: Verdict | Grade, goodput: float = 1.0) -> Results:
    checks = tuple(CaseResult("s", str(n), Level.MUST, (), v) for n, v in enumerate(cells) if isinstance(v, Verdict))
    loads = tuple(ScenarioResult("s", str(n), g, goodput=goodput) for n, g in enumerate(cells) if isinstance(g, Grade))
    return Results(SCHEMA, {}, {}, checks, loads)


@pytest.mark.parametrize(
    ("measured", "code"),
    [
        (results(Verdict.PASS, Verdict.WARN, Verdict.FLAKY, Grade.COLLAPSED), 0),
        (results(Verdict.FAIL, Verdict.ERROR, Grade.INVALID), 1),
        (results(Verdict.ERROR, Grade.INVALID), 4),
        (results(Grade.ERROR, Grade.INVALID), 4),
        (results(Grade.INVALID, Grade.UNAFFECTED), 3),
        (results(Grade.UNAFFECTED, goodput=0.5), 1),
    ],
)
def test_exit_codes(measured: Results, code: int) -> None:
    loads = tuple(apply_thresholds({"goodput": 0.9}, each) for each in measured.load)
    measured = msgspec.structs.replace(measured, load=loads)
    assert exit_codes.exit_code(measured, interrupted=False, failed_to_start=False) == code


def test_an_interruption_and_a_server_that_did_not_start_come_first() -> None:
    measured = results(Verdict.FAIL)
    assert exit_codes.exit_code(measured, interrupted=True, failed_to_start=True) == 130
    assert exit_codes.exit_code(measured, interrupted=False, failed_to_start=True) == 4


def test_scratch_is_private_and_gone_and_clears_after_the_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    (tmp_path / f"{temp_dirs.SCRATCH_PREFIX}{gone.pid}-left").mkdir()
    (tmp_path / f"{temp_dirs.SCRATCH_PREFIX}{gone.pid}-link").symlink_to(tmp_path / "nowhere")
    (tmp_path / f"{temp_dirs.SCRATCH_PREFIX}{os.getpid()}-mine").mkdir()
    (tmp_path / f"{temp_dirs.SCRATCH_PREFIX}else").mkdir()
    with temp_dirs.scratch_folder() as scratch:
        assert scratch.stat().st_mode & 0o777 == 0o700
        assert {path.name for path in tmp_path.iterdir()} == {
            scratch.name,
            f"{temp_dirs.SCRATCH_PREFIX}{os.getpid()}-mine",
            f"{temp_dirs.SCRATCH_PREFIX}else",
        }
    assert not scratch.exists()


def test_options_replace_only_the_parameters_that_a_scenario_has() -> None:
    scenario = registry.scenario("throughput")
    assert LoadOptions().parameters(scenario) == scenario.smoke
    options = LoadOptions(full=True, clients=9, rate=2.0, other_parameters={"size": "10"})
    found = options.parameters(scenario).values()
    # `throughput` has no rate.
    assert found == {**scenario.full.values(), "clients": 9, "size": 10}


def test_a_scenario_that_says_little_in_a_short_time_is_asked_for() -> None:
    def chosen(**call: object) -> set[str]:
        return {each.id for each in session.select_scenarios(session.RunOptions(**call))}  # type: ignore[arg-type]

    everything = {each.id for each in registry.scenarios()}
    asked = {each.id for each in registry.scenarios() if each.full_only}
    assert "soak" in asked
    assert "claims/shield" in asked
    assert chosen(scenarios=()) == everything - asked
    assert chosen(scenarios=("soak",)) == {"soak"}
    assert chosen(scenarios=(), load_options=LoadOptions(full=True)) == everything
    assert "soak" not in chosen(scenarios=(), cases=Selection())
    assert "soak" in chosen(scenarios=(), cases=Selection(), load_options=LoadOptions(full=True))


def test_each_server_comes_a_second_time_as_its_documentation_advises() -> None:
    names = ("waitress", "gunicorn:sync", "gunicorn:gthread[threads=3]", "nginx+gunicorn", "gunicorn:sync[tuned]")
    plans = session.plan_servers(session.RunOptions(servers=names, tuned=True), Configuration())
    assert [each.name for each in plans] == [
        *("waitress", "gunicorn:sync"),
        *("gunicorn:gthread[threads=3]", "gunicorn:gthread[threads=3,tuned]"),
        *("nginx+gunicorn", "nginx+gunicorn[tuned]", "gunicorn:sync[tuned]"),
    ]
    tuned = {each.name: each.app_plan.settings for each in plans}
    assert tuned["gunicorn:gthread[threads=3,tuned]"].threads == 3  # what is written goes before advice
    assert (tuned["gunicorn:sync[tuned]"].workers or 1) > 1
    assert tuned["waitress"].threads is None


def test_an_error_of_the_handler_loses_no_result(tmp_path: Path) -> None:
    def handle(_event: Event) -> None:
        raise BrokenPipeError("the terminal was closed")

    with Journal.open(tmp_path / "run") as run_journal:
        run_journal.write(StartLine(SCHEMA, {}, {}, {}))
        recorder = session._Recorder(run_journal, handle, open_baseline(None, (), update=False), {})
        recorder._update(ServerInfo("s", "S", True))
        recorder.record(ServerStarted("s", "serve"))
        recorder.record(CaseFinished(CaseResult("s", "a", Level.MUST, (), Verdict.PASS)))
        recorder.record(ScenarioFinished(ScenarioResult("s", "b", Grade.MEASURED)))
        recorder.record(ServerFailed("s", "it ended"))
        stored = journal.read(run_journal.folder)
    assert isinstance(recorder.handler_error, BrokenPipeError)
    assert [each.case for each in stored.conformance] == ["a"]
    assert [each.scenario for each in stored.load] == ["b"]
    assert stored.servers["s"] == ServerInfo("s", "S", False, command="serve", why="it ended")
    assert recorder.failed == {"s"}


@pytest.mark.parametrize(("option", "key", "kept"), [
    ("", "notable", False), ("", "all", True), ("notable", "all", False), ("all", "notable", True),
])  # fmt: skip
def test_the_option_says_which_evidence_is_kept_then_the_configuration(
    tmp_path: Path, option: str, key: str, kept: bool
) -> None:
    """The event has what the journal has."""
    keep_all = session._keeps_all_evidence(session.RunOptions(keep_evidence=option), Configuration(keep_evidence=key))
    passed = CaseResult("s", "a", Level.MUST, (), Verdict.PASS, evidence=Evidence(log="a line"))
    with Journal.open(tmp_path / "run") as run_journal:
        run_journal.write(StartLine(SCHEMA, {}, {}, {}))
        baseline = open_baseline(None, (), update=False)
        recorder = session._Recorder(run_journal, ignore_event, baseline, {}, keep_all_evidence=keep_all)
        recorder._update(ServerInfo("s", "S", True))
        event = recorder.record(CaseFinished(passed))
        (stored,) = journal.read(run_journal.folder).conformance
    assert isinstance(event, CaseFinished)
    assert event.cell == stored
    assert (stored.evidence.log == "a line", stored.evidence.digest is None) == (kept, kept)


@pytest.mark.parametrize("ignored", [False, True])
def test_nohup_keeps_a_run_alive(ignored: bool) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
    try:
        assert (signal.SIGHUP in shutdown_signals()) is not ignored
    finally:
        signal.signal(signal.SIGHUP, before)


INTERRUPTED_RUN = """
import os, signal, sys, trio
from wsgi_gauntlet.harness import session
from wsgi_gauntlet.harness.events import Message

class Recorder:
    handler_error = None
    def pass_on(self, event):
        print(event.text, flush=True)

class Session(session._Session):
    async def _run_cells(self, events):
        os.kill(os.getpid(), signal.Signals[sys.argv[1]])
        try:
            await trio.sleep_forever()
        finally:
            if len(sys.argv) > 2:
                os.kill(os.getpid(), signal.Signals[sys.argv[2]])

signal.signal(signal.SIGINT, signal.default_int_handler)
run = Session(session.RunOptions(), session._RemainingCells([], {}, frozenset(), []), Recorder(), None)
try:
    run.run_until_interrupted()
finally:
    print(run.interrupted)
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_the_run_and_a_second_ctrl_c_the_program(name: str) -> None:
    command = [sys.executable, "-c", INTERRUPTED_RUN, name]
    once = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (once.returncode, once.stdout.split()[-1]) == (0, "True"), once.stderr
    assert once.stdout.startswith("interrupted: stopping the servers")
    twice = subprocess.run([*command, "SIGINT"], capture_output=True, text=True, check=False)
    assert twice.returncode != 0
    assert twice.stderr.rstrip().endswith("KeyboardInterrupt")


def test_a_folder_is_no_interpreter(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").write_text("")
    with pytest.raises(ConfigurationError, match=r"is a folder; name the interpreter in it: .*/bin/python"):
        session.interpreter(str(tmp_path))
    with pytest.raises(ConfigurationError, match="no such program"):
        session.interpreter(str(tmp_path / "bin"))


def test_a_run_is_resumed_only_with_the_same_inputs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session._Session, "run_until_interrupted", lambda _session: None)
    monkeypatch.setattr(session, "write_outputs", lambda *_arguments: None)
    first = session.RunOptions(servers=("waitress",), scenarios=("throughput",), out=tmp_path / "out")

    def call(options: session.RunOptions) -> None:
        session.run(options, Configuration(), lambda _event: None)

    call(first)
    again = replace(first, resume=True, servers=("waitress", "gunicorn"))
    call(again)
    with pytest.raises(ConfigurationError, match="had another value for --app-path; "):
        call(replace(again, load_options=LoadOptions(page="/cart")))
    traffic = Traffic((Sequence("visit", (Step("home", "GET", "/"),)),))
    with pytest.raises(ConfigurationError, match="had another value for the content of --traffic; "):
        call(replace(again, load_options=LoadOptions(traffic=traffic)))
    call(replace(first, load_options=LoadOptions(page="/cart")))


def test_x_stops_at_what_ends_the_run_with_1_and_at_nothing_else(tmp_path: Path) -> None:
    messages: list[str] = []

    def handle(event: Event) -> None:
        if isinstance(event, Message):
            messages.append(event.text)

    good = ScenarioResult("s", "churn", Grade.COLLAPSED, goodput=1.0)
    with Journal.open(tmp_path / "run") as run_journal:
        run_journal.write(StartLine(SCHEMA, {}, {}, {}))
        recorder = session._Recorder(run_journal, handle, open_baseline(None, (), update=False), {"goodput": 0.9})
        recorder._update(ServerInfo("s", "S", True))
        cells = session._RemainingCells([], {}, frozenset({("s", "a")}), [])
        run = session._Session(session.RunOptions(exitfirst=True), cells, recorder, RunFolders(tmp_path, tmp_path))
        for verdict in (Verdict.PASS, Verdict.WARN, Verdict.FLAKY, Verdict.ERROR):
            run._handle_event(CaseFinished(CaseResult("s", "a", Level.MUST, (), verdict)))
        run._handle_event(CaseFinished(CaseResult("s", "of another shard", Level.MUST, (), Verdict.FAIL)))
        run._handle_event(ScenarioFinished(good))
        assert not run.stopped
        run._handle_event(ScenarioFinished(msgspec.structs.replace(good, goodput=0.5)))
        assert run.stopped
        assert run.incomplete
        assert run._scope.cancel_called
        # What other servers finished at the same time is kept, and the message comes once.
        run._handle_event(CaseFinished(CaseResult("s", "a", Level.MUST, (), Verdict.FAIL)))
        run_journal.write(StopLine())
        stored = journal.read(run_journal.folder)
    assert messages == ["stopped at the first failure: s churn; --resume continues the run"]
    assert [each.verdict for each in stored.conformance] == [Verdict.FAIL]
    assert (stored.stopped, stored.finished) == (True, False)
    shown = io.StringIO()
    summary(stored, console=Console(file=shown, width=100))
    assert "Stopped at the first failure: these are the results so far." in shown.getvalue()
    assert "> **This run stopped at its first failure.**" in markdown.render(stored)


def test_what_is_left_out_is_in_the_results_and_the_reports(tmp_path: Path) -> None:
    excluded = (Exclusion("http/tls", "--exclude", 12), Exclusion("slow-read", "pyproject.toml", 0, 1))
    messages: list[Event] = []
    with Journal.open(tmp_path / "run") as run_journal:
        run_journal.write(StartLine(SCHEMA, {}, {}, {}))
        run_journal.write(journal.ServerLine(ServerInfo("s", "S", True)))
        run_journal.write(CheckLine(CaseResult("s", "a/b/c", Level.MUST, (), Verdict.PASS)))
        session._write_excluded(excluded, None, run_journal, messages.append)
        stored = journal.read(run_journal.folder)
        assert stored.excluded == excluded
        text = "left out: 12 cases and 1 scenario (http/tls, slow-read)"
        assert messages == [Message(text)]
        # A run that goes on without the option leaves nothing out.
        session._write_excluded((), stored, run_journal, messages.append)
        assert journal.read(run_journal.folder).excluded == ()
        assert len(messages) == 1
    assert merge([stored, stored]).excluded == excluded
    shown = io.StringIO()
    summary(stored, console=Console(file=shown, width=100))
    assert "Left out: 12 cases and 1 scenario (http/tls, slow-read)." in shown.getvalue()
    assert "left out: 12 cases and 1 scenario" in markdown.render(stored)


def test_a_server_that_nobody_named_and_that_cannot_import_the_app_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    plans = session.plan_servers(session.RunOptions(servers=("waitress", "gunicorn")), Configuration())
    monkeypatch.setattr(planning, "own_interpreter_fault", lambda plan: "no flask" if plan.name == "gunicorn" else "")
    messages: list[Event] = []
    assert session._keep_those_that_run_the_app(plans, messages.append) == plans[:1]
    assert messages == [Message("gunicorn is left out: no flask")]


def test_parts_of_a_load_are_the_whole_and_know_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str]] = []
    monkeypatch.setattr(
        session._Session,
        "run_until_interrupted",
        lambda self: asked.extend((plan.name, scenario.id) for plan, scenario in self.cells.loads),
    )
    monkeypatch.setattr(session, "write_outputs", lambda *_arguments: None)
    whole = session.RunOptions(servers=("waitress", "wsgiref"), scenarios=("slow-headers",))

    def part(number: int, options: session.RunOptions = whole) -> Results:
        out = tmp_path / f"{number}-{options.load_options.duration}"
        made = replace(options, shard=Shard(number, 3), out=out)
        return session.run(made, Configuration(), lambda _event: None)[0]

    parts = {str(number): part(number) for number in (1, 2, 3)}
    shared = sorted(asked)
    asked.clear()
    session.run(replace(whole, out=tmp_path / "whole"), Configuration(), lambda _event: None)
    assert shared == sorted(asked)
    assert inspect_parts(parts) == PartsReport()

    other = part(3, replace(whole, load_options=LoadOptions(duration=7)))
    found = inspect_parts({**parts, "3": other})
    assert "3 (part 3/3) and 1 (part 1/3) are parts of different runs: they differ in the parameters" in found.mixed
    assert inspect_parts({**parts, "3": part(3, replace(whole, servers=("wsgiref", "waitress[threads=2]")))}).mixed


def test_a_part_without_a_cell_of_load_is_refused(tmp_path: Path) -> None:
    options = session.RunOptions(
        servers=("wsgiref",), scenarios=("throughput",), shard=Shard(1, 9), out=tmp_path / "out"
    )
    with pytest.raises(ConfigurationError, match="no cell is left by --shard 1/9: there is nothing to run"):
        session.run(options, Configuration(), lambda _event: None)
    assert not (tmp_path / "out").exists()
