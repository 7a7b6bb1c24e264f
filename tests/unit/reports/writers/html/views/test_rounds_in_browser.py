"""The view of comparisons in a browser: readable, accessible, and safe with hostile names."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from wsgi_gauntlet.harness.model import Candidate, ComparisonResult
from wsgi_gauntlet.harness.store.merge import merge
from wsgi_gauntlet.reports.writers.html import report_page

from ......helpers.report_browser import PHONE, WIDE, ReportBrowser, Scheme
from ......helpers.sample_comparison import comparison, results
from ......helpers.sample_results import build

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=window.hit=1>\u202e@name #1 =1+1"


def page_of(made: ComparisonResult, folder: Path) -> Path:
    file = folder / "report.html"
    file.write_text("".join(report_page.render(results(made))), "utf-8")
    return file


@pytest.mark.parametrize(("size", "scheme"), [(WIDE, "light"), (PHONE, "dark")])
def test_every_figure_and_round_is_shown_and_axe_finds_nothing(
    reader: ReportBrowser, tmp_path: Path, size: tuple[int, int], scheme: Scheme
) -> None:
    made = comparison({"capacity": 2.0, "p99": 1.5}, {"memory": 3.0})
    opened = reader.open(page_of(made, tmp_path), "#/rounds", size=size, scheme=scheme)
    opened.wait_for_route("#/rounds")
    page = opened.page
    text = page.inner_text("#view")
    assert "gunicorn@27.0.1 against gunicorn@23.0.0: faster: capacity" in text
    assert page.locator("#view tbody").nth(0).locator("tr").count() == len(made.judged)
    assert page.locator("#view tbody").nth(1).locator("tr").count() == len(made.rounds)
    assert page.locator("#view svg:visible").count() == 4
    assert page.locator("nav a[data-view=rounds][aria-current=page]").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert opened.violations() == []
    assert opened.console_messages == []


def test_the_address_of_a_pair_shows_its_comparisons(reader: ReportBrowser, tmp_path: Path) -> None:
    made = results(comparison({}, number=6), comparison({}, number=6, seed=2, servers=("uwsgi", "waitress")))
    file = tmp_path / "report.html"
    file.write_text("".join(report_page.render(made)), "utf-8")
    for fragment, shown in (
        ("#/compare/uwsgi..waitress", ["uwsgi (0.0)"]),
        ("#/compare/waitress..uwsgi", ["uwsgi (0.0)"]),
        ("#/rounds/gunicorn@23.0.0..gunicorn@27.0.1", ["gunicorn@23.0.0 (0.0)"]),
        ("#/compare/uwsgi..nothing", ["gunicorn@23.0.0 (0.0)", "uwsgi (0.0)"]),
        ("#/compare", ["gunicorn@23.0.0 (0.0)", "uwsgi (0.0)"]),
    ):
        opened = reader.open(file, fragment)
        opened.wait_for_route(fragment)
        heads = opened.page.locator("#view h2").all_inner_texts()
        assert [each.partition(" · ")[0] for each in heads] == [f"A {each}" for each in shown]
        assert opened.page.locator("#view .note").count() == (1 if "nothing" in fragment else 0)


def test_a_pair_of_a_run_leads_to_its_comparison_in_rounds(reader: ReportBrowser, tmp_path: Path) -> None:
    made = comparison({}, number=6, servers=("waitress", "wsgiref"))
    file = tmp_path / "report.html"
    file.write_text("".join(report_page.render(merge([build(loads=False), results(made)]))), "utf-8")
    for pair, links in (("waitress..wsgiref", 1), ("waitress..gunicorn:sync", 0)):
        opened = reader.open(file, f"#/compare/{pair}")
        opened.wait_for_route(f"#/compare/{pair}")
        assert opened.page.inner_text("#view h1") == " and ".join(pair.split(".."))
        assert opened.page.locator("#view a[href^='#/rounds/']").count() == links


@pytest.mark.parametrize("policy", [True, False])
def test_names_of_servers_and_reasons_do_nothing(reader: ReportBrowser, tmp_path: Path, policy: bool) -> None:
    made = comparison({"capacity": 2.0}, number=6)
    hostile = replace(
        made,
        candidates=(Candidate("A", HOSTILE, HOSTILE, HOSTILE, app=HOSTILE), made.candidates[1]),
        judged=tuple(replace(each, label=HOSTILE, text=HOSTILE, note=HOSTILE) for each in made.judged),
        stopped=HOSTILE,
        command=HOSTILE,
    )
    opened = reader.open(page_of(hostile, tmp_path), "#/rounds", policy=policy)
    opened.wait_for_route("#/rounds")
    assert opened.page.locator("#view img").count() == 0
    assert opened.page.evaluate("window.hit") is None
    assert "<img src=x" in opened.page.inner_text("#view")
    assert "\u202e" not in opened.page.content()
