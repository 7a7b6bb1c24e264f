"""A recommendation on a terminal of 80 columns: figures, the race, and the answer at the end."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from msgspec.structs import replace
from rich.cells import cell_len
from rich.console import Console

from wsgi_gauntlet.harness.model.recommendation import (
    Answer,
    Elimination,
    MeasuredFigure,
    PasteFile,
    Recommendation,
    Stage,
)
from wsgi_gauntlet.reports.terminal.recommendation import MAX_OUT, print_recommendation

from ....helpers.hostile_texts import HOSTILE_TEXTS
from ....helpers.sample_recommendation import CONDITIONS, EQUAL, SLOW, WINNER, recommendation, renamed


def printed(found: Recommendation, folder: Path | None = Path("gauntlet-out")) -> list[str]:
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    print_recommendation(found, folder, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue().splitlines()


def test_the_answer_comes_after_the_figures_and_the_race() -> None:
    lines = printed(recommendation())
    starts = (
        "Asked: ",
        "candidate",
        "Out of the race",
        "Use ",
        "Why: ",
        "Runner-up: ",
        "Not distinguished: ",
        "Start it:",
    )
    places = [next(place for place, each in enumerate(lines) if each.startswith(start)) for start in starts]
    assert places == sorted(places)
    assert lines[-1] == "  gunicorn -c gunicorn.conf.py 'shop:create_app()'"
    assert "The report: gauntlet-out/report.html" in lines
    assert "Files to paste: gunicorn.conf.py, Procfile" in lines
    assert "    visit 7 of user anna: the page greets bob" in lines


def test_a_long_name_has_a_line_of_its_own_above_its_figures() -> None:
    lines = printed(recommendation())
    assert lines[lines.index(WINNER) + 1].split()[0] == "412/s"
    (short,) = [each for each in lines if each.startswith(f"{EQUAL} ") and "405" in each]
    assert short.split()[-2:] == ["58.0\u00a0MB"] or short.endswith("58.0\u00a0MB")


def test_a_winner_behind_a_proxy_has_the_commands_of_both() -> None:
    proxy = PasteFile(WINNER, "shop.conf", "server {}\n", "", "sudo systemctl restart nginx")
    found = replace(recommendation(), files=(*recommendation().files, proxy))
    assert printed(found)[-3:] == [
        "Start it:", "  gunicorn -c gunicorn.conf.py 'shop:create_app()'", "  sudo systemctl restart nginx",
    ]  # fmt: skip


def test_of_many_that_left_those_with_evidence_are_shown() -> None:
    found = recommendation()
    gone = tuple(Elimination(f"server-{each}", Stage.FINALS, "slower") for each in range(MAX_OUT))
    lines = printed(replace(found, eliminated=(*gone, *found.eliminated)))
    assert "    visit 7 of user anna: the page greets bob" in lines


def test_a_figure_that_was_not_measured_is_a_dash() -> None:
    found = recommendation()
    unknown = tuple(replace(each, goodput_alone=MeasuredFigure(None, why="no time")) for each in found.figures)
    (row,) = [each for each in printed(replace(found, figures=unknown)) if each.startswith(f"{SLOW} ")]
    assert [each for each in row.split(" ") if each][3] == "–"
    assert "not" not in row


def test_every_line_fits_into_80_columns() -> None:
    found = recommendation()
    for each in (found, replace(found, finished=False, stopped="word " * 60), renamed(found, "word " * 40)):
        for line in printed(each):
            command = line.startswith(("  gunicorn", "  word"))
            assert command or cell_len(line) <= 80, line


def test_of_many_that_left_the_others_are_counted() -> None:
    gone = tuple(Elimination(f"server-{each}", Stage.SCREENING, "slower") for each in range(MAX_OUT + 3))
    assert "… and 3 more in the report" in printed(replace(recommendation(), eliminated=gone))


@pytest.mark.parametrize("answer", [Answer.NONE_HOLDS, Answer.NOT_DECIDED])
def test_without_a_winner_no_command_follows(answer: Answer) -> None:
    found = replace(recommendation(), answer=answer, winner="", runner_up="", headline="", reasons=())
    lines = printed(found)
    assert "Start it:" not in lines
    assert any(each.startswith(("No server meets", "The search has no answer")) for each in lines)


def test_an_empty_search_is_a_question_and_its_missing_answer() -> None:
    lines = printed(Recommendation(CONDITIONS, ()), None)
    assert lines[-1] == "The search has no answer."
    assert not any(each.startswith("candidate") for each in lines)


def test_an_invalid_figure_is_named_and_no_number_stands_for_it() -> None:
    (row,) = [each for each in printed(recommendation()) if each.startswith("granian[workers=2] ")]
    assert row.split()[1:3] == ["invalid", "–"]
    (slow,) = [each for each in printed(recommendation()) if each.startswith(f"{SLOW} ")]
    assert "120/s" in slow


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_no_text_acts_on_the_terminal(text: str) -> None:
    shown = "\n".join(printed(renamed(recommendation(), text)))
    assert not {"\x1b", "\x07", "\u202e", "\r", "\x9b"} & set(shown)
