"""The race on the terminal: who is left, why the others went, and the time left."""

from __future__ import annotations

import io
import threading

from rich.console import Console

from wsgi_gauntlet.harness.events import (
    CandidateEliminated,
    Message,
    Progress,
    ServerFailed,
    StageStarted,
    TrialFinished,
)
from wsgi_gauntlet.harness.model.recommendation import Elimination, FigureId, Stage, Trial
from wsgi_gauntlet.harness.recommendation.figures import figure
from wsgi_gauntlet.reports.terminal.search_progress import SearchDisplay, describe_trial

FIGURES = (
    figure(FigureId.CAPACITY, 412.3),
    figure(FigureId.P99_AT_PEAK, None),
    figure(FigureId.GOODPUT_AMONG_SLOW, 0.25),
    figure(FigureId.MEMORY, 85e6),
    figure(FigureId.CPU, 0.001),
)


def display() -> tuple[SearchDisplay, io.StringIO, list[float]]:
    out, now = io.StringIO(), [0.0]
    return SearchDisplay(Console(file=out, width=200), clock=lambda: now[0]), out, now


def test_a_trial_is_one_line_with_its_figures() -> None:
    found = describe_trial(Trial("gunicorn", Stage.SCREENING, figures=FIGURES))
    assert found == "screening: gunicorn: capacity 412/s, users served beside slow clients 25 %, memory 85.0 MB"
    other = describe_trial(Trial("gunicorn", Stage.RELOAD, figures=(figure(FigureId.RELOAD_LOSSES, 3.0),)))
    assert other == "reload: gunicorn: requests lost at reloads 3"
    assert describe_trial(Trial("gunicorn", Stage.RELOAD)) == "reload: gunicorn: no figure"


def test_an_invalid_trial_and_one_that_rules_out_say_why() -> None:
    assert "invalid, it does not count: busy" in describe_trial(Trial("a", Stage.FINALS, valid=False, why="busy"))
    assert describe_trial(Trial("a", Stage.FINALS, ruled_out="It lies.")) == "finals: a: It lies."


def test_the_status_has_the_race_the_time_and_the_activity() -> None:
    shown, out, now = display()
    assert shown.status() == "getting ready"
    shown.handle(StageStarted("recommend", 12))
    shown.handle(Progress("gunicorn", "closed loop, 8 connections"))
    assert shown.status() == "12 in the race, gunicorn: closed loop, 8 connections"
    shown.handle(TrialFinished(Trial("gunicorn", Stage.SCREENING, figures=FIGURES), 12, 60.0))
    now[0] = 20.0
    assert shown.status() == "12 in the race, about 40 s  gunicorn: closed loop, 8 connections"
    shown.handle(CandidateEliminated(Elimination("waitress", Stage.SCREENING, "It is slower."), 11))
    assert shown.status().startswith("11 in the race")
    assert "out: waitress: It is slower. 11 left" in out.getvalue()
    shown.handle(CandidateEliminated(Elimination("uwsgi", Stage.START, "It cannot serve the app: refused"), 10))
    assert "out: uwsgi: It cannot serve the app: refused. 10 left" in out.getvalue()


def test_a_bar_shows_how_much_of_the_time_is_used() -> None:
    shown, _, now = display()
    assert shown.share_of_time() is None
    now[0] = 15.0
    shown.handle(TrialFinished(Trial("gunicorn", Stage.SCREENING), 12, 45.0))
    assert shown.share_of_time() == 0.25
    now[0] = 100.0
    assert shown.share_of_time() == 1.0
    console = Console(file=io.StringIO(), width=60, force_terminal=True, color_system=None)
    console.print(shown._render())
    (line,) = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert line.startswith("\u2501" * 12 + " 12 in the race, nearly done")


class ReadingFile(io.StringIO):
    """A file that reads the status in another thread while it is written to, as the thread does that draws."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: SearchDisplay | None = None
        self.finished: list[bool] = []

    def write(self, text: str) -> int:
        """Write, and read the status meanwhile."""
        if self.shown is not None and "no news" in text:
            reader = threading.Thread(target=self.shown.status, daemon=True)
            reader.start()
            reader.join(timeout=10)
            self.finished.append(not reader.is_alive())
        return super().write(text)


def test_a_line_on_a_terminal_is_not_printed_with_the_lock_that_drawing_needs() -> None:
    """Else the thread that draws waits for the one that prints, and this one for the first, for ever."""
    file = ReadingFile()
    with SearchDisplay(Console(file=file, width=80, force_terminal=True, color_system=None)) as shown:
        file.shown = shown
        shown.handle(Message("no news"))
        file.shown = None
    assert file.finished
    assert all(file.finished)


def test_text_of_servers_cannot_move_the_cursor() -> None:
    shown, out, _ = display()
    shown.handle(Message("a\x1b[2Jb"))
    shown.handle(ServerFailed("x", "y\rz"))
    shown.handle(CandidateEliminated(Elimination("w\x1b", Stage.START, "no\nyes"), 1))
    shown.handle(TrialFinished(Trial("n\x07", Stage.START, ruled_out="r\x1b[1m"), 1, 1.0))
    assert not set(out.getvalue()) & {"\x1b", "\r", "\x07"}
    assert len(out.getvalue().splitlines()) == 4
