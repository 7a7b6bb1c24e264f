"""The terminal shows the progress, is never left in disorder, and never obeys a server."""

from __future__ import annotations

import io
import re
import threading
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from wsgi_gauntlet.harness.events import CaseFinished, Message, Progress, ScenarioFinished, StageStarted
from wsgi_gauntlet.harness.model import SCHEMA, CaseResult, Grade, Level, Results, ScenarioResult, Step, Verdict
from wsgi_gauntlet.reports.terminal import live_display, progress
from wsgi_gauntlet.reports.terminal.progress import ProgressDisplay
from wsgi_gauntlet.reports.terminal.summary import summary

from ....helpers.sample_results import HOSTILE_TEXT, build

SHOW_CURSOR = "\x1b[?25h"


class Clock:
    """A clock whose time the test sets."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


class WatchedOutput(io.StringIO):
    """A file that says when a word has been written to it."""

    def __init__(self, word: str) -> None:
        super().__init__()
        self.word, self.heard = word, threading.Event()

    def write(self, text: str) -> int:
        """Write, and look for the word."""
        if self.word in text:
            self.heard.set()
        return super().write(text)


def _plain(width: int = 80) -> tuple[Console, io.StringIO]:
    file = io.StringIO()
    return Console(file=file, width=width, force_terminal=False, no_color=True), file


def _check(verdict: Verdict) -> CaseResult:
    return CaseResult("waitress", "http/host/missing", Level.MUST, (), verdict)


@pytest.mark.parametrize("verbose", [False, True])
def test_plain_lines_tell_the_course_of_a_run(verbose: bool) -> None:
    """Stages and messages are printed; cells are only counted, unless the user wants every cell of load."""
    console, file = _plain()
    clock = Clock()
    with ProgressDisplay(console, clock=clock, verbose=verbose) as shown:
        shown.handle(Message("uwsgi is not here"))
        shown.handle(StageStarted("check", 2))
        shown.handle(CaseFinished(_check(Verdict.PASS)))
        shown.handle(CaseFinished(_check(Verdict.FAIL)))
        clock.now += 75
        shown.handle(StageStarted("load", 3))
        shown.handle(ScenarioFinished(ScenarioResult("waitress", "classroom", Grade.UNAFFECTED, 0.999)))
        shown.handle(
            ScenarioFinished(
                ScenarioResult("wsgiref", "throughput", Grade.MEASURED, 1.0, steps=(Step(8, rate=1234.0), Step(64)))
            )
        )
        shown.handle(
            ScenarioFinished(ScenarioResult("wsgiref", "classroom", Grade.INVALID, 0.2, note="the generator was late"))
        )
    assert file.getvalue().replace("\u00a0", " ").splitlines() == [
        "uwsgi is not here",
        "check: 2 cells",
        "check: 2 of 2 cells in 1:15; ✗ 1 fail",
        "load: 3 cells",
        *[
            "✓ waitress in classroom: unaffected, 99.9 % answered",
            "· wsgiref in throughput: measured, 1,234/s at best",
            "? wsgiref in classroom: invalid. the generator was late",
        ]
        * verbose,
        "load: 3 of 3 cells in 0:00",
    ]


def test_a_quiet_log_gets_a_sign_of_life() -> None:
    """Each 15 s, with what is going on; not before, and not twice."""
    console, file = _plain(200)
    clock = Clock()
    shown = ProgressDisplay(console, clock=clock)
    shown.handle(StageStarted("check", 10))
    shown.handle(Progress("uwsgi", "http/framing/desync", 0.4))
    shown.handle(Progress("waitress", "restarting"))
    shown.tick()
    clock.now += live_display.LINE_SECONDS - 0.1
    shown.handle(Progress("uwsgi", "http/framing/desync", 0.4))
    shown.handle(Progress("waitress", "restarting"))
    shown.tick()
    clock.now += 0.1
    shown.tick()
    shown.tick()
    assert file.getvalue().splitlines() == [
        "check: 10 cells",
        "0:15  check 0/10  waitress: restarting; uwsgi: http/framing/desync 40 %",
    ]
    clock.now += progress.STALE_SECONDS
    shown.tick()
    assert file.getvalue().splitlines()[-1] == "0:35  check 0/10"


def test_the_heartbeat_beats_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though the run's own loop says nothing at all."""
    monkeypatch.setattr(live_display, "LINE_SECONDS", 0.0)
    file = WatchedOutput("getting ready")
    with ProgressDisplay(Console(file=file, width=80, force_terminal=False)):
        assert file.heard.wait(30)
    assert threading.active_count() == 1 or not any(each.name == "heartbeat" for each in threading.enumerate())


def test_a_closed_log_ends_the_heartbeat_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever read the log has gone; the run goes on."""
    monkeypatch.setattr(live_display, "LINE_SECONDS", 0.0)
    file = io.StringIO()
    with ProgressDisplay(Console(file=file, width=80, force_terminal=False)) as shown:
        beat = shown._heartbeat
        assert beat is not None
        file.close()
        beat.join(30)
        assert not beat.is_alive()


@pytest.mark.parametrize("error", [None, KeyboardInterrupt, RuntimeError])
def test_the_terminal_is_restored(error: type[BaseException] | None) -> None:
    """Also when the run ends by Ctrl-C or breaks."""
    file = io.StringIO()
    console = Console(file=file, width=80, force_terminal=True)

    def run() -> None:
        with ProgressDisplay(console) as shown:
            shown.handle(StageStarted("check", 10))
            shown.handle(Progress("waitress", "http/host/missing", 0.5))
            shown.handle(Message("one line"))
            if error:
                raise error

    if error:
        with pytest.raises(error):
            run()
    else:
        run()
    text = file.getvalue()
    assert "one line" in text
    assert text.rindex(SHOW_CURSOR) > text.rindex("\x1b[?25l")


def test_bars_show_each_server() -> None:
    """What it is at, and how far; within the width."""
    console = Console(file=io.StringIO(), width=80, force_terminal=True)
    shown = ProgressDisplay(console, clock=Clock())
    shown.handle(StageStarted("check", 10))
    for number in range(20):
        shown.handle(Progress(f"server-{number}", "http/framing/desync " * 5, 0.5))
    shown.handle(Progress("server-19", "done", 1.0))
    shown.handle(CaseFinished(_check(Verdict.FAIL)))
    with console.capture() as captured:
        console.print(shown._render())
    text = captured.get()
    assert "1/10" in text
    assert "✗ 1" in text
    assert "server-18" in text
    assert "server-19" not in text
    assert len(text.splitlines()) == 1 + 12


def test_a_servers_words_neither_move_the_cursor_nor_colour_the_text() -> None:
    """Escapes are written out, markup is not read."""
    console, file = _plain(400)
    with ProgressDisplay(console) as shown:
        shown.handle(Message(HOSTILE_TEXT))
        shown.handle(StageStarted(HOSTILE_TEXT, 1))
        shown.handle(Progress(HOSTILE_TEXT, HOSTILE_TEXT, 0.1))
        shown.handle(ScenarioFinished(ScenarioResult(HOSTILE_TEXT, HOSTILE_TEXT, Grade.ERROR, note=HOSTILE_TEXT)))
    text = file.getvalue()
    assert "[bold red]not markup[/]" in text
    assert not set(text) & {chr(value) for value in (*range(10), *range(11, 32))}
    assert "\ud800" not in text


@pytest.mark.parametrize("width", [80, 40, 120])
def test_the_tables_fit(results: Results, width: int) -> None:
    """At 80 columns nothing is folded; at fewer it still is all there."""
    console, file = _plain(width)
    summary(results, Path("gauntlet-out"), console, verbose=True)
    text = file.getvalue()
    assert max(map(len, text.splitlines())) <= width
    if width >= 80:
        assert re.search(r"nginx\+gunicorn:sync +1 +3 +1 +66  1 info, 2 unsupported", text), text
        assert "✗ collapsed at 9" in text
        assert "\n  xdg-open gauntlet-out/report.html\n" in text
        assert "wsgiref is invalid: the generator sent 14.2 of 20.0 requests a second" in text
        assert "http/framing/te-and-cl [security]" in text


def test_the_summary_of_an_interrupted_or_empty_run() -> None:
    """Says so first."""
    console, file = _plain()
    summary(build(finished=False), None, console)
    assert "Interrupted: these are the results so far." in file.getvalue()[:100]
    console, file = _plain()
    summary(Results(SCHEMA, {}, {}), None, console)
    assert "No cell of this run has a result" in file.getvalue()


def test_many_failures_are_cut(results: Results) -> None:
    """The page has them all."""
    checks = tuple(CaseResult("a", f"http/host/case-{number}", Level.MUST, (), Verdict.FAIL) for number in range(100))
    console, file = _plain()
    summary(Results(SCHEMA, {}, results.servers, checks), None, console, verbose=True)
    assert "… and 70 more cases in the report" in file.getvalue()


def test_no_color_is_kept(results: Results, monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR takes the colours and leaves the text."""
    monkeypatch.setenv("NO_COLOR", "1")
    file = io.StringIO()
    summary(results, None, Console(file=file, width=80, force_terminal=True), verbose=True)
    assert "\x1b[31m" not in file.getvalue()
    assert "collapsed" in file.getvalue()


@pytest.mark.parametrize("server", ["wsgiref", "nginx:unix+gunicorn:gthread[workers=2,threads=8]"])
def test_the_figures_of_load_are_whole_at_80_columns(server: str) -> None:
    """On a line of their own, that is there before them; the bar stays where it is when the next server comes."""
    console = Console(file=io.StringIO(), width=80, force_terminal=True)
    shown = ProgressDisplay(console, clock=Clock())
    shown.handle(StageStarted("load", 10))

    def drawn() -> list[str]:
        with console.capture() as captured:
            console.print(shown._render())
        return re.sub(r"\x1b\[[0-9;]*m", "", captured.get()).splitlines()

    shown.handle(Progress(server, "slow-headers/first-byte", 0.0))
    before = drawn()
    shown.handle(
        Progress(server, "slow-headers/first-byte: during: 2,048 slow clients, 97 % answered, p99 ≥ 5.0 s", 0.5)
    )
    during = drawn()
    assert len(before) == len(during) == 3
    assert "slow-headers/first-byte" in during[1]
    assert during[2].strip() == "during: 2,048 slow clients, 97 % answered, p99 ≥ 5.0 s"
    shown.handle(Progress(server, "", 1.0))
    assert len(drawn()) == 2
    shown.handle(Progress("uwsgi", "mixed: during: 8 slow clients", 0.5))
    after = drawn()
    assert after[1].index("mixed") == during[1].index("slow-headers")


def test_the_time_left_is_shown_when_it_is_known() -> None:
    """In the log and beside the bar; not before the first cells."""
    console, file = _plain()
    clock = Clock()
    shown = ProgressDisplay(console, clock=clock)
    shown.handle(StageStarted("check", 100))
    live = Console(file=io.StringIO(), width=80, force_terminal=True)

    def drawn() -> str:
        with live.capture() as captured:
            live.print(shown._render())
        return captured.get()

    clock.now += 15
    shown.tick()
    assert "left" not in file.getvalue() + drawn()
    for _ in range(10):
        clock.now += 1.5
        shown.handle(CaseFinished(_check(Verdict.PASS)))
    shown.tick()
    assert file.getvalue().splitlines()[-1] == "0:30  check 10/100  about 4 min left"
    assert "about 4 min left" in drawn()


WIDE_NAME = "伺服器" * 10
LONG_NAME = "nginx+gunicorn:gthread@27.0.1[workers=16,threads=32,timeout=90]"[:60]


@pytest.mark.parametrize("width", [80, 60])
@pytest.mark.parametrize("name", [LONG_NAME, WIDE_NAME])
@pytest.mark.parametrize("stage", ["check", "load"])
def test_progress_fits(width: int, name: str, stage: str) -> None:
    """Every line of the log and of the live display, also with large numbers and many signs."""
    console, file = _plain(width)
    clock = Clock()
    shown = ProgressDisplay(console, clock=clock)
    shown.handle(StageStarted(stage, 73_192))
    for number in range(50):
        clock.now += 900
        for verdict in Verdict:
            shown.handle(CaseFinished(_check(verdict)))
        shown.handle(Progress(f"{name}-{number}", "slow-headers/first-byte: during: 2,048 slow clients " * 3, 0.5))
        shown.tick()
    live = Console(file=io.StringIO(), width=width, force_terminal=True)
    with live.capture() as captured:
        live.print(shown._render())
    drawn = re.sub(r"\x1b\[[0-9;]*m", "", captured.get())
    for line in [*file.getvalue().splitlines(), *drawn.splitlines()]:
        assert cell_len(line) <= width, line
    assert " h left" in drawn
    assert len(drawn.splitlines()) == (2 if stage == "check" else 3)
