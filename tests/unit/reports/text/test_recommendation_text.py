"""A recommendation in words, and its section of summary.md."""

from __future__ import annotations

import pytest
from markdown_it import MarkdownIt
from msgspec.structs import replace

from wsgi_gauntlet.harness.model.recommendation import (
    Answer,
    CandidateFigures,
    CaseCell,
    Cell,
    Change,
    Elimination,
    FigureId,
    InvalidMeasurement,
    MeasuredFigure,
    NotDistinguished,
    PasteFile,
    Reason,
    Recommendation,
    RecommendationCandidate,
    Stage,
    Trial,
)
from wsgi_gauntlet.harness.recommendation.figures import figure
from wsgi_gauntlet.reports.analysis.headline import headline
from wsgi_gauntlet.reports.analysis.key_findings import key_findings
from wsgi_gauntlet.reports.text import recommendation_text as words
from wsgi_gauntlet.reports.text.labels import NO_BREAK_SPACE
from wsgi_gauntlet.reports.writers import markdown

from ....helpers.hostile_texts import HOSTILE_TEXTS
from ....helpers.sample_recommendation import (
    ABSENT,
    CONDITIONS,
    EQUAL,
    GUNICORN_FILE,
    LATE,
    MIXED,
    RUNNER_UP,
    SLOW,
    WINNER,
    recommendation,
    renamed,
    results,
)

RENDERER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def plain(text: str) -> str:
    return text.replace(NO_BREAK_SPACE, " ")


def test_every_figure_and_stage_has_words() -> None:
    assert set(words.FIGURES) == set(FigureId)
    assert set(words.STAGES) == set(Stage)
    for each in FigureId:
        assert words.describe_value(each, 1.0)
        assert words.FIGURES[each].meaning.endswith(".")


@pytest.mark.parametrize(
    ("which", "figure", "text", "spread"),
    [
        (FigureId.CAPACITY, None, "–", "not measured"),
        (FigureId.CAPACITY, MeasuredFigure(812.0, n=5, low=790, high=830), "812/s", "790/s to 830/s, n = 5"),
        (FigureId.CAPACITY, MeasuredFigure(812.0, n=1, bound=True), "≥ 812/s", "n = 1"),
        (FigureId.P99_AT_PEAK, MeasuredFigure(0.03, n=2, n_invalid=1), "30 ms", "n = 2, 1 invalid"),
        (FigureId.GOODPUT_ALONE, MeasuredFigure(0.9996, n=1), "99.96 %", "n = 1"),
        (FigureId.MEMORY, MeasuredFigure(0.0, n=1), "0 bytes", "n = 1"),
        (FigureId.MEMORY, MeasuredFigure(2e9, n=1), "2.0 GB", "n = 1"),
        (FigureId.MUST_BROKEN, MeasuredFigure(3.0, n=1), "3", "n = 1"),
        (FigureId.CPU, MeasuredFigure(None, n_invalid=2, why="busy"), "invalid", "2 invalid, busy"),
        (FigureId.RELOAD_LOSSES, MeasuredFigure(None, why="no reload"), "not measured", "no reload"),
    ],
)
def test_a_figure_in_words(which: FigureId, figure: MeasuredFigure | None, text: str, spread: str) -> None:
    assert plain(words.describe_figure(which, figure)) == text
    assert plain(words.describe_spread(which, figure)) == spread


def test_what_the_user_asked_for() -> None:
    assert plain(words.describe_question(recommendation())) == (
        "shop:create_app(), traffic of shop.toml, 60/s at the peak, p99 of at most 300 ms, 40 users, 8 slow clients, "
        "at most 512.0 MB of memory, 2 cores"
    )
    bare = replace(CONDITIONS, peak=0.0, p99_limit=0.0, users=0, slow_clients=0, memory_limit=0, cores=0, traffic="")
    assert words.describe_question(Recommendation(bare, ())) == "shop:create_app(), page /, no slow clients"


def test_candidates_are_in_the_order_of_the_answer() -> None:
    found = recommendation()
    assert words.ordered_names(found) == [WINNER, RUNNER_UP, EQUAL, SLOW, LATE, MIXED, ABSENT]
    assert [words.describe_place(found, each) for each in words.ordered_names(found)] == [
        "recommended", "runner-up", "not distinguished", "out: screening", "out: screening", "out: correct answers",
        "out: start",
    ]  # fmt: skip
    assert words.describe_place(replace(found, not_distinguished=()), EQUAL) == "finalist"
    assert words.describe_place(replace(found, not_distinguished=(), finalists=()), EQUAL) == "in the race"


def test_a_runner_up_that_left_the_race_is_still_the_runner_up() -> None:
    found = replace(recommendation(), runner_up=SLOW)
    assert words.describe_place(found, SLOW) == "runner-up"
    assert words.ordered_names(found).count(SLOW) == 1


def test_names_that_the_search_does_not_know_do_not_fail() -> None:
    found = replace(recommendation(), winner="gone", eliminated=(Elimination("lost", Stage.FINALS, ""),), candidates=())
    assert words.ordered_names(found) == ["gone", RUNNER_UP, WINNER, EQUAL, "lost"]
    assert words.describe_candidate(found, "gone") == ""
    assert words.describe_elimination(found.eliminated[0]) == "No reason is known."
    assert markdown.render(results(found))


@pytest.mark.parametrize(
    ("answer", "winner", "headline_text", "shown"),
    [
        (Answer.RECOMMENDED, WINNER, "Take it.", "Take it"),
        (Answer.RECOMMENDED, WINNER, "", f"Use {WINNER}"),
        (Answer.NONE_HOLDS, "", "", "No server meets your requirements"),
        (Answer.NOT_DECIDED, "", "", "The search has no answer"),
    ],
)
def test_the_headline_is_the_answer(answer: Answer, winner: str, headline_text: str, shown: str) -> None:
    found = replace(recommendation(), answer=answer, winner=winner, headline=headline_text)
    assert headline(results(found)).text == words.title(found) == shown


def test_every_part_of_the_answer_is_a_finding() -> None:
    topics = [each.topic for each in key_findings(results())]
    assert topics[:5] == ["Recommendation", "Why", "Runner-up", "Not distinguished", "Would change"]
    (first, *rest) = key_findings(results(Recommendation(CONDITIONS, ())))
    assert first.text.startswith("The search has no answer. The search is not finished.")
    assert [each.topic for each in rest] == ["Not available"]


def test_sentences_name_their_candidate_and_end_once() -> None:
    found = replace(
        recommendation(),
        not_distinguished=(NotDistinguished("a", "nothing distinguishes them"), NotDistinguished("b", "b is equal.")),
        what_would_change=(Change("twice the users.", "the answer stays"), Change("", "")),
    )
    assert [each.text for each in words.not_distinguished(found)] == ["a: nothing distinguishes them.", "b is equal."]
    assert words.changes(found)[0].text == "Twice the users: the answer stays."


def test_an_answer_without_a_valid_round_says_so() -> None:
    without = replace(recommendation(), rounds=0, invalid=())
    (text,) = words.warnings(without)
    assert text.startswith("The finals have no valid round. The answer rests on the short trials of the screening")
    (other,) = words.warnings(replace(without, finalists=()))
    assert other.startswith("There were no finals. The answer rests on")
    assert words.warnings(replace(without, candidates=without.candidates[:1])) == []
    assert words.warnings(replace(without, answer=Answer.NOT_DECIDED)) == []


@pytest.mark.parametrize("hostile", HOSTILE_TEXTS)
def test_what_was_not_measured_is_a_part_of_the_answer(hostile: str) -> None:
    found = replace(recommendation(), not_measured=("The budget has no time for wsgiref.", hostile))
    first, second = words.not_measured(found)
    assert first.text == "The budget has no time for wsgiref."
    assert "\n" not in second.text
    assert "\x1b" not in second.text
    assert "### Not measured" in markdown.render(results(found))
    assert words.not_measured(recommendation()) == []


def test_warnings_say_what_does_not_count() -> None:
    (disturbed,) = words.warnings(recommendation())
    assert disturbed.startswith(
        "3 measurements did not count; no server is to blame: the generator was late by 31 ms; "
    )
    reasons = [f"reason {chr(ord('a') + each)}" for each in range(5)]
    invalid = tuple(InvalidMeasurement("a", Stage.SCREENING, each) for each in reasons)
    found = replace(recommendation(), finished=False, stopped="Ctrl-C", invalid=invalid)
    unfinished, stopped, disturbed = words.warnings(found)
    assert "not finished" in unfinished
    assert stopped == "The search ended early: Ctrl-C."
    assert disturbed.endswith("reason a; reason b; reason c; and 2 more.")
    assert words.warnings(replace(recommendation(), invalid=())) == []


def test_measured_are_those_with_a_value() -> None:
    found = recommendation()
    usual = words.describe_search(found)
    none = CandidateFigures(WINNER, capacity=MeasuredFigure(None, n_invalid=1))
    invalid = replace(found, figures=(none,), trials=())
    assert "0 measured" in words.describe_search(invalid)
    trial = Trial(WINNER, Stage.SCREENING, figures=(figure(FigureId.CAPACITY, 5.0),))
    assert "1 measured" in words.describe_search(replace(invalid, figures=(), trials=(trial, trial)))
    resumed = plain(words.describe_search(replace(found, seconds=1082.0)))
    assert "in several calls, the last with a budget of 10 min" in resumed
    assert "several calls" not in usual


def test_figures_of_two_kinds_are_said_to_be_so() -> None:
    found = recommendation()
    assert found.rounds
    assert words.about_figures(found).startswith("Finalists have the figures of the finals, the others")
    assert words.about_figures(found) in markdown.render(results(found))
    assert words.about_figures(replace(found, rounds=0)) == ""
    only = tuple(each for each in found.figures if each.candidate in found.finalists)
    assert words.about_figures(replace(found, figures=only)) == ""


def test_a_change_has_only_figures_that_were_measured() -> None:
    cells = (Cell(WINNER, FigureId.CAPACITY), Cell(WINNER, FigureId.GOODPUT_AMONG_SLOW))
    figures = (CandidateFigures(WINNER, capacity=MeasuredFigure(5.0, n=1)),)
    changed = replace(recommendation(), figures=figures, what_would_change=(Change("twice", "No.", WINNER, cells),))
    assert [each.cells for each in words.changes(changed)] == [cells[:1]]


def test_small_rates_are_not_0() -> None:
    asked = replace(CONDITIONS, peak=1 / 60)
    assert "0.0/s" not in plain(words.describe_question(Recommendation(asked, ())))


def test_who_left_with_evidence_comes_first_and_then_the_last_one() -> None:
    ordered = [each.candidate for each in words.ordered_eliminations(recommendation())]
    assert ordered == [MIXED, SLOW, LATE, ABSENT]


def test_all_figures_of_a_long_sentence_are_in_summary_md() -> None:
    found = recommendation()
    cells = tuple(Cell(each.candidate, FigureId.CAPACITY) for each in found.figures for _ in range(4))
    text = plain(markdown.render(results(replace(found, reasons=(Reason("All were fast.", cells),)))))
    assert f"(`{plain(words.describe_cells(found, cells))}`)" in text
    assert len(words.describe_cells(found, cells)) > 300


def test_of_a_long_name_both_ends_stay_and_names_stay_different() -> None:
    folder = "/srv/" + "deep/" * 40
    first, second = (words.name(f"{folder}{each}.py") for each in ("one", "two"))
    assert first != second
    assert first.startswith("/srv/deep/")
    assert first.endswith("/one.py")
    assert len(first) == words.MAX_NAME_CHARACTERS
    assert words.name("a" * words.MAX_NAME_CHARACTERS) == "a" * words.MAX_NAME_CHARACTERS


def test_the_runner_up_rests_on_its_measured_figures() -> None:
    found = recommendation()
    sentence, _ = words.runner_up(found)
    assert {each.candidate for each in sentence.cells} == {RUNNER_UP}
    assert [each.figure for each in sentence.cells] == list(words.RUNNER_UP_FIGURES)
    unknown, _ = words.runner_up(replace(found, figures=()))
    assert unknown.cells == ()
    assert words.runner_up(replace(found, runner_up="")) == []


def test_the_commands_that_start_the_winner_are_those_of_its_server_and_its_proxy() -> None:
    files = (
        PasteFile(WINNER, "serve_shop.py", "", "/srv/serve_shop.py"),
        PasteFile(WINNER, "gunicorn.conf.py", "", "", "gunicorn -c gunicorn.conf.py"),
        PasteFile(WINNER, "shop.service", "", "", "sudo systemctl enable --now shop"),
        PasteFile(WINNER, "shop.conf", "", "", "sudo systemctl restart nginx"),
        PasteFile(RUNNER_UP, "waitress.sh", "", "", "waitress-serve"),
    )
    found = replace(recommendation(), files=files)
    assert words.start_commands(found) == ["gunicorn -c gunicorn.conf.py", "sudo systemctl restart nginx"]
    assert words.start_commands(replace(found, files=())) == []


def test_commands_and_paths_in_summary_md_are_never_cut() -> None:
    path, start = "/srv/" + "a" * 400, "gunicorn " + "b" * 2000
    found = replace(
        recommendation(),
        files=(PasteFile(WINNER, "x.py", "x = 1\n", path, start),),
        conditions=replace(CONDITIONS, command=f"wsgi-gauntlet recommend --servers {'c' * 2000}"),
    )
    text = markdown.render(results(found))
    assert f"`{path}`" in text
    assert f"`{start}`" in text
    assert f"{'c' * 2000} --budget 600s --seed 4711`" in text


def test_the_command_repeats_the_search_with_its_budget_and_its_seed_once() -> None:
    found = recommendation()
    assert words.repeat_command(found).endswith("--peak 60/s --budget 600s --seed 4711")
    given = replace(found.conditions, command="wsgi-gauntlet recommend --seed 9 --budget 1h")
    assert words.repeat_command(replace(found, conditions=given)) == "wsgi-gauntlet recommend --seed 9 --budget 1h"
    before = replace(found.conditions, command="wsgi-gauntlet recommend --before 'python fill.py --seed 3'")
    assert words.repeat_command(replace(found, conditions=before)).endswith("' --budget 600s --seed 4711")
    assert words.repeat_command(replace(found, conditions=replace(found.conditions, command=""))) == ""


def test_columns_without_any_figure_are_left_out() -> None:
    figures = (CandidateFigures("a", capacity=MeasuredFigure(1.0, n=1)),)
    found = Recommendation(CONDITIONS, (RecommendationCandidate("a", "a"),), figures=figures)
    assert words.table_heads(found) == ["candidate", "as it ran", "place", "capacity"]
    assert words.table_rows(found) == [["a", "", "in the race", "1/s"]]


def test_summary_md_has_the_answer_first_and_the_files() -> None:
    text = plain(markdown.render(results()))
    assert text.startswith("# Use ")
    places = [text.index(each) for each in ("## Recommendation", "### Why", "### Runner-up", "### Files to paste")]
    assert places == sorted(places)
    blocks = [each.content for each in RENDERER.parse(text) if each.markup.startswith("```")]
    assert blocks[0] == GUNICORN_FILE
    assert "(`gunicorn:gthread[workers=2,threads=8]: capacity 412/s, p99 at the peak 34 ms`)" in text
    assert "visit 7 of user anna" in text


@pytest.mark.parametrize("text", ["", "`", "```", "~~~", "a ```` b\n```\n# head\n", "\u202e\x1b[31m\r", "\n\n"])
def test_nothing_in_a_file_ends_its_block(text: str) -> None:
    tokens = RENDERER.parse(f"a\n\n{words.fenced(text)}\nb\n")
    blocks = [each.markup[:3] for each in tokens if not each.type.startswith("paragraph")]
    assert blocks == ["", "```", ""]
    assert not {"\u202e", "\x1b", "\r"} & set(words.fenced(text))


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_texts_of_servers_and_apps_add_no_markup(text: str) -> None:
    """As many headings, items, rows and blocks of code as if every text were one word."""
    shapes = []
    for each in (text, "word"):
        tokens = RENDERER.parse(markdown.render(results(renamed(recommendation(), each))))
        shapes.append([token.type for token in tokens])
        inline = [child.type for token in tokens for child in (token.children or ())]
        assert not {"link_open", "image", "html_inline", "s_open"} & set(inline), each
        assert "html_block" not in shapes[-1]
    assert shapes[0] == shapes[1]


def test_a_file_is_left_out_whole_or_not_at_all() -> None:
    found = recommendation()
    huge = PasteFile(WINNER, "huge.conf", "x = 1\n" * 300_000)
    text = markdown.render(results(replace(found, files=(*found.files[:1], huge))))
    assert len(text.encode()) <= markdown.GITHUB_LIMIT_BYTES
    assert "huge.conf" not in text
    assert [each.content for each in RENDERER.parse(text) if each.markup.startswith("```")] == [GUNICORN_FILE]


def test_a_command_to_paste_has_its_end() -> None:
    command = f"/srv/{'long-folder/' * 60}bin/python serve_shop.py shop:app"
    found = recommendation()
    text = markdown.render(results(replace(found, files=(PasteFile(WINNER, "start.sh", "x\n", command, command),))))
    assert text.count(f"`{command}`") == 2


def test_broken_cases_are_listed_up_to_a_number() -> None:
    cases = tuple(CaseCell(WINNER, f"http/framing/case-{number}") for number in range(words.MAX_CASES_LISTED + 2))
    found = replace(recommendation(), reasons=(Reason("It breaks 22 requirements.", cases=cases),))
    text = markdown.render(results(found))
    assert "  - `http/framing/case-0`\n" in text
    assert f"case-{words.MAX_CASES_LISTED - 1}`" in text
    assert f"case-{words.MAX_CASES_LISTED}`" not in text
    assert "  - 2 more are in report.html\n" in text
    (sentence,) = words.reasons(found)
    assert words.describe_evidence(found, sentence).endswith(f"case-{words.MAX_CASES_LISTED - 1}, 2 more")


def test_what_the_checks_found_is_said_of_the_runner_up() -> None:
    first, second = words.runner_up(recommendation())
    assert first.text.startswith(RUNNER_UP)
    assert second.text.startswith("It breaks 4 of 281 requirements")
    assert [each.case for each in second.cases] == ["http/framing/te-and-cl", "http/host/invalid/empty"]
