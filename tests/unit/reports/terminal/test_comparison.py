"""A comparison on a terminal of 80 columns: figures, then the conclusion, then the next commands."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.console import Console

from wsgi_gauntlet.harness.events import Message, Progress, RoundFinished
from wsgi_gauntlet.harness.model import Candidate, ComparisonResult, RoundResult, SlotResult
from wsgi_gauntlet.reports.terminal.comparison import next_commands, print_comparison
from wsgi_gauntlet.reports.terminal.comparison_progress import ComparisonDisplay, describe_round, time_left
from wsgi_gauntlet.reports.terminal.live_display import LINE_SECONDS

from ....helpers.sample_comparison import comparison

HOSTILE = "\x1b[31m@name #1 \u202e[bold]|`"


def printed(made: ComparisonResult) -> list[str]:
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    print_comparison(made, Path("gauntlet-out"), console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_the_conclusion_is_last_and_every_figure_has_a_line() -> None:
    lines = printed(comparison({"capacity": 1.2, "p99": 1.5}))
    text = "\n".join(lines)
    row = next(each for each in lines if each.startswith("capacity"))
    assert row.split()[:2] == ["capacity", "faster"]
    assert "1.2" in row
    assert row.split()[-2:][0] == "12"
    assert "no difference above 5 %" in text
    end = lines[-7:]
    assert any("gunicorn@27.0.1 against gunicorn@23.0.0: " in each for each in end), end
    assert "gauntlet-out/report.html" in text
    assert lines[-1].strip().startswith("wsgi-gauntlet compare gunicorn@23.0.0 gunicorn@27.0.1 --seed 1")


@pytest.mark.parametrize(
    "factors", [{}, {"capacity": 900.0, "p99": 0.0002, "served": 0.0, "memory": 33.3}, {"p99": 1.03}]
)
def test_lines_fit_into_80_columns(factors: dict[str, float]) -> None:
    for number in (4, 6, 12):
        for line in printed(comparison(factors, number=number)):
            assert len(line) <= 80 or line.startswith("  wsgi-gauntlet"), line


def test_a_threshold_with_decimals_and_names_of_60_characters_fit_too() -> None:
    for line in printed(comparison({"served": 1.3}, threshold=0.125, servers=("a" * 60, "b" * 60))):
        assert len(line) <= 80 or line.startswith("  wsgi-gauntlet"), line
    lines = printed(comparison({}, threshold=0.125))
    head, row = (next(each for each in lines if each.startswith(name)) for name in ("figure", "capacity"))
    assert row.index("no difference above 12.5 %") == head.index("word")
    assert row[head.index("ratio [95 %]") - 1] == " "
    assert row[head.index("ratio [95 %]")].isdigit()


def test_figures_of_scenarios_stand_below_their_scenario() -> None:
    made = comparison({"capacity": 2.0}, number=6)
    judged = tuple(
        replace(each, figure=f"slow-headers/byte:{each.figure}", label=f"slow-headers/byte {each.label}")
        for each in made.judged
    )
    lines = printed(replace(made, judged=judged))
    place = lines.index("slow-headers/byte:")
    assert lines[place + 1].startswith("capacity ")
    assert lines.count("slow-headers/byte:") == 1


def test_more_rounds_are_advised_only_if_they_help() -> None:
    few = comparison({"capacity": 2.0}, number=4)
    commands = next_commands(few, Path("my out"))
    assert commands[0] == f"{few.command} --rounds 8"
    interrupted = next_commands(replace(few, finished=False), Path("my out"))
    assert interrupted[0].endswith("--out 'my out' --resume --rounds 8")
    decided = comparison({"capacity": 2.0})
    assert [each for each in next_commands(decided, None) if "--resume" in each] == []
    hopeless = replace(few, judged=tuple(replace(each, more_rounds=None) for each in few.judged))
    assert len(next_commands(hopeless, None)) == 1


def test_text_of_the_user_and_of_servers_cannot_act_on_the_terminal() -> None:
    made = comparison({}, number=6)
    broken = RoundResult(1, (SlotResult("A", valid=False, why=HOSTILE),))
    hostile = replace(
        made,
        candidates=(Candidate("A", HOSTILE, HOSTILE, HOSTILE, app=HOSTILE), made.candidates[1]),
        judged=tuple(replace(each, label=HOSTILE, text=HOSTILE, note=HOSTILE) for each in made.judged),
        rounds=(broken, *made.rounds),
        stopped=HOSTILE,
        command=HOSTILE,
    )
    text = "\n".join(printed(hostile))
    assert "\x1b[31m" not in text
    assert "\u202e" not in text
    assert "\\x1b[31m" in text


def display(clock: list[float]) -> tuple[ComparisonDisplay, io.StringIO]:
    file = io.StringIO()
    return ComparisonDisplay(Console(file=file, width=200), clock=lambda: clock[0]), file


def test_without_a_terminal_there_is_a_line_a_round_and_a_heartbeat() -> None:
    clock = [0.0]
    shown, file = display(clock)
    made = comparison({"capacity": 2.0}, number=6)
    shown.handle(Message("seed 1"))
    shown.handle(Progress("gunicorn", "round 1: closed loop"))
    shown.tick()
    assert file.getvalue() == "seed 1\n"
    clock[0] = LINE_SECONDS - 1
    shown.handle(Message("the log is not quiet"))
    clock[0] = LINE_SECONDS
    shown.tick()
    assert file.getvalue().endswith("not quiet\n")
    clock[0] += LINE_SECONDS - 1
    shown.tick()
    assert file.getvalue().endswith("gunicorn: round 1: closed loop\n")
    shown.handle(RoundFinished(made.rounds[-1], made, 4, 120.0))
    assert file.getvalue().splitlines()[-1].endswith("; 4 left, about 2 min")
    clock[0] += 100
    assert shown.status() == "6 rounds, 4 left, about 20 s  gunicorn: round 1: closed loop"


def test_the_line_of_a_round() -> None:
    made = comparison({"capacity": 2.0}, number=6)
    text = describe_round(RoundFinished(made.rounds[-1], made, 0, 0.0))
    assert text.startswith(f"round 6 ({made.rounds[-1].order}): capacity B/A ")
    invalid = RoundResult(3, (SlotResult("A", valid=False, why="busy"),))
    assert describe_round(RoundFinished(invalid, made, 1, 9.0)) == "round 3: invalid, measured again: busy"


@pytest.mark.parametrize(("seconds", "text"), [(0, "nearly done"), (40, "about 40 s"), (100, "about 2 min")])
def test_the_time_left(seconds: float, text: str) -> None:
    assert time_left(seconds) == text
