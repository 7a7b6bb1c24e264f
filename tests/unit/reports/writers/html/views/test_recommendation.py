"""The data of the view of a recommendation, and the other pages that show one."""

from __future__ import annotations

import json
import re

import jsonschema
import pytest
from markupsafe import escape
from msgspec.structs import replace

from wsgi_gauntlet.harness.model import SCHEMA, Results
from wsgi_gauntlet.harness.model.recommendation import Elimination, PasteFile, Recommendation, Stage
from wsgi_gauntlet.harness.public_results import PrivateNames, publish
from wsgi_gauntlet.harness.store.merge import merge
from wsgi_gauntlet.reports.text import recommendation_text as words
from wsgi_gauntlet.reports.writers import json as json_writer
from wsgi_gauntlet.reports.writers.html.report_page import render
from wsgi_gauntlet.reports.writers.html.view import views
from wsgi_gauntlet.reports.writers.html.views.recommendation import VIEW
from wsgi_gauntlet.reports.writers.pages.static_pages import static_pages

from ......helpers.hostile_texts import HOSTILE_TEXTS
from ......helpers.sample_recommendation import (
    CONDITIONS,
    GUNICORN_FILE,
    LATE,
    RUNNER_UP,
    SLOW,
    WINNER,
    recommendation,
    renamed,
    results,
)
from ......helpers.sample_results import build


def data_of(found: Recommendation) -> dict[str, object]:
    data = VIEW.block(results(found))
    assert data is not None
    return json.loads(json.dumps(data))  # type: ignore[no-any-return]


def test_a_run_without_a_recommendation_has_no_view() -> None:
    assert VIEW.block(Results(SCHEMA, {}, {})) is None


def test_it_is_the_first_view() -> None:
    assert views()[0].name == "recommendation"


def test_every_figure_of_a_sentence_is_a_cell_of_the_table() -> None:
    shown = data_of(recommendation())
    rows = {row["name"]: {cell["figure"]: cell for cell in row["cells"]} for row in shown["rows"]}  # type: ignore[attr-defined]
    cells = [cell for part in shown["parts"] for one in part["sentences"] for cell in one["cells"]]  # type: ignore[attr-defined]
    assert len(cells) == 15
    for each in cells:
        assert each["text"].endswith(rows[each["candidate"]][each["figure"]]["text"])
    assert rows[LATE]["capacity"] == {
        "figure": "capacity", "text": "invalid", "spread": "2 invalid, the generator was late",
    }  # fmt: skip
    assert rows[SLOW]["reload_losses"]["spread"] == ""
    heads = [each["figure"] for each in shown["heads"]]  # type: ignore[attr-defined]
    assert all([*cells_of_row] == heads for cells_of_row in rows.values())


def test_a_broken_requirement_names_its_cells() -> None:
    shown = data_of(recommendation())
    sentences = [one for part in shown["parts"] for one in part["sentences"]]  # type: ignore[attr-defined]
    assert [each["cases"] for each in sentences if each["cases"]] == [
        [
            {"server": RUNNER_UP, "case": case, "text": case}
            for case in ("http/framing/te-and-cl", "http/host/invalid/empty")
        ]
    ]
    assert "http/framing/te-and-cl, http/host/invalid/empty)" in static_pages(results())["index.html"]


def test_a_file_is_there_as_it_is_and_as_it_is_shown() -> None:
    first = data_of(recommendation())["files"][0]  # type: ignore[index]
    assert first["text"] == first["shown"] == GUNICORN_FILE
    odd = replace(recommendation(), files=(PasteFile(WINNER, "a/b.conf", "a\u202eb\ud800\r\n"),))
    file = data_of(odd)["files"][0]  # type: ignore[index]
    assert file["text"] == "a\u202eb\\ud800\r\n"
    assert file["shown"] == "a\\u202eb\\ud800\\r\n"
    assert render(results(odd))


def test_an_empty_search_is_shown() -> None:
    shown = data_of(Recommendation(CONDITIONS, ()))
    assert (shown["rows"], shown["charts"], shown["parts"], shown["files"]) == ([], [], [], [])
    assert "The search has no answer" in render(results(Recommendation(CONDITIONS, ())))


def test_the_page_without_scripts_has_the_answer_and_the_files() -> None:
    page = render(results())
    shown = page[: page.index('<script type="text/plain"')]
    assert "<h1>Use gunicorn:gthread[workers=2,threads=8]: it serves 412/s, 6.9 times your peak</h1>" in shown
    assert "Take it if more slow clients come" in shown
    assert "threads = 8  # the app waits for its database" in shown
    assert "#/recommendation" in shown
    assert "#/recommendation" not in render(build(loads=False)).partition('<script type="text/plain"')[0]


def test_the_static_pages_have_the_answer_the_charts_and_the_files() -> None:
    pages = static_pages(results())
    index = pages["index.html"]
    for text in ("Take it if more slow clients come", "threads = 8", "All candidates", "Out of the race"):
        assert text in index
    assert "charts/recommendation-memory.svg" in index
    found = results().recommendation
    assert found is not None
    evidence = [text for each in found.eliminated for text in words.evidence(each)]
    assert evidence
    for text in (*evidence, words.repeat_command(found), *(each.reason for each in found.invalid)):
        assert f"{escape(text)}<" in index
    assert "Requirements of PEP 3333 and HTTP that it breaks." in index
    assert "charts/recommendation-p99-narrow.svg" in pages


@pytest.mark.parametrize("text", HOSTILE_TEXTS)
def test_no_text_is_markup(text: str) -> None:
    made = results(renamed(recommendation(), text))
    for page in (render(made), static_pages(made)["index.html"]):
        bare = re.sub(r"<style>.*?</style>|<script type=\"module\">.*?</script>", "", page, flags=re.DOTALL)
        assert "<script>hacked" not in bare
        assert "<img src=x" not in bare
        assert not {"\u202e", "\x1b", "\x9b"} & set(page)


def test_results_with_a_recommendation_keep_the_schema_and_come_back() -> None:
    document = json.loads(json_writer.render(results()))
    jsonschema.Draft202012Validator(json_writer.schema()).validate(document)
    assert document["recommendation"]["winner"] == WINNER
    assert document["recommendation"]["files"][0]["text"] == GUNICORN_FILE


def test_a_merged_run_keeps_its_recommendation_and_has_it_first() -> None:
    merged = merge([results(), build(loads=False)])
    assert merged.recommendation == recommendation()
    page = render(merged)
    assert page.index('data-view="recommendation"') < page.index('data-view="conformance"')


def test_public_results_have_no_names_and_keys_still_match() -> None:
    private = PrivateNames({"/srv/shop": "FILES"}, {"waitress": "USER"})
    found = publish(results(), private).recommendation
    assert found is not None
    assert found.files[0].install_path == "FILES/gunicorn.conf.py"
    names = {each.name for each in found.candidates}
    assert {found.winner, found.runner_up, *found.finalists} <= names
    assert {each.candidate for each in found.figures} <= names
    assert {cell.candidate for each in found.reasons for cell in each.cells} <= names
    assert {one.server for each in found.about_runner_up for one in each.cases} == {found.runner_up}


def test_a_long_command_and_evidence_are_whole_and_bounded_on_the_static_pages() -> None:
    path = "/shop/" + "x" * 900
    conditions = replace(CONDITIONS, command=f"wsgi-gauntlet recommend --app <b>{path}</b>")
    out = Elimination("a", Stage.CORRECTNESS, "It mixes up users.", evidence=("<script>",) * 500)
    found = Recommendation(conditions, (), eliminated=(out,))
    index = static_pages(results(found))["index.html"]
    assert f"&lt;b&gt;{path}&lt;/b&gt; --budget 600s --seed 4711</code>" in index
    assert index.count("<code>&lt;script&gt;</code>") == words.MAX_EVIDENCE_LINES
