"""The view of a recommendation in a browser: readable, accessible, its files copied, and safe with hostile texts."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from wsgi_gauntlet.harness.model import Verdict
from wsgi_gauntlet.harness.model.recommendation import CaseCell, Reason, Recommendation
from wsgi_gauntlet.reports.writers.html import report_page

from ......helpers.report_browser import PHONE, WIDE, ReportBrowser, Scheme
from ......helpers.sample_recommendation import GUNICORN_FILE, SLOW, WINNER, recommendation, renamed, results
from ......helpers.sample_results import build

pytestmark = pytest.mark.browser

HOSTILE = "<img src=x onerror=window.hit=1>\u202e@name #1 `=1+1"


def page_of(folder: Path, found: Recommendation | None = None) -> Path:
    file = folder / "report.html"
    file.write_text("".join(report_page.render(results(found))), "utf-8")
    return file


@pytest.mark.parametrize(("size", "scheme"), [(WIDE, "light"), (PHONE, "dark")])
def test_the_answer_is_readable_and_axe_finds_nothing(
    reader: ReportBrowser, tmp_path: Path, size: tuple[int, int], scheme: Scheme
) -> None:
    opened = reader.open(page_of(tmp_path), "#/recommendation", size=size, scheme=scheme)
    opened.wait_for_route("#/recommendation")
    page = opened.page
    assert page.inner_text("#view h1").startswith(f"Use {WINNER}")
    assert page.locator("nav a[data-view]").nth(1).inner_text() == "Recommendation"
    assert page.locator("#view .race tbody tr").count() == 7
    assert page.locator("#view svg:visible").count() == 3
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert opened.violations() == []
    opened.go("#/")
    opened.settle()
    assert opened.violations() == []
    assert opened.console_messages == []


def test_a_figure_of_a_sentence_leads_to_its_cell(reader: ReportBrowser, tmp_path: Path) -> None:
    opened = reader.open(page_of(tmp_path), "#/recommendation")
    opened.wait_for_route("#/recommendation")
    opened.page.locator("#view .figures a", has_text=f"of {SLOW}").first.click()
    opened.wait_until("document.activeElement.matches('td.target')")
    assert opened.page.evaluate("document.activeElement.textContent").startswith("41")
    assert opened.page.evaluate("document.activeElement.closest('tr').cells[0].textContent").startswith(SLOW)
    box = opened.page.locator("td.target").bounding_box()
    assert 0 <= box["y"] <= WIDE[1]
    address = opened.page.evaluate("location.hash")
    again = reader.open(tmp_path / "report.html", address)
    again.wait_until("document.activeElement.matches('td.target')")


def test_a_broken_case_leads_to_its_evidence(reader: ReportBrowser, tmp_path: Path) -> None:
    made = build(loads=False)
    cell = next(each for each in made.conformance if each.verdict is Verdict.FAIL)
    reason = Reason("It breaks 1 of 9 requirements.", cases=(CaseCell(cell.server, cell.case),))
    file = tmp_path / "report.html"
    found = replace(recommendation(), reasons=(reason,), about_runner_up=())
    file.write_text("".join(report_page.render(replace(made, recommendation=found))), "utf-8")
    opened = reader.open(file, "#/recommendation")
    opened.wait_for_route("#/recommendation")
    opened.page.get_by_text("1 broken case").click()
    opened.page.get_by_role("link", name=cell.case, exact=True).first.click()
    opened.page.locator('section.cell[data-verdict="fail"]').wait_for()
    assert opened.console_messages == []


@pytest.mark.parametrize("tail", ["capacity/nobody", "nothing/x", "capacity", "%ff/%"])
def test_the_address_of_no_figure_shows_the_view(reader: ReportBrowser, tmp_path: Path, tail: str) -> None:
    opened = reader.open(page_of(tmp_path), f"#/recommendation/{tail}")
    opened.wait_for_route("#/recommendation")
    assert opened.page.locator("#view .race").count() == 1
    assert opened.page.locator("td.target").count() == 0
    assert opened.console_messages == []


def test_a_file_is_copied_and_saved_as_it_is(reader: ReportBrowser, tmp_path: Path) -> None:
    opened = reader.open(page_of(tmp_path), "#/recommendation")
    opened.wait_for_route("#/recommendation")
    page = opened.page
    page.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    page.get_by_role("button", name=f"Copy gunicorn.conf.py for {WINNER}").click()
    opened.wait_until("window.copied !== undefined")
    assert page.evaluate("window.copied") == GUNICORN_FILE
    with page.expect_download() as download:
        page.get_by_role("button", name=f"Save gunicorn.conf.py for {WINNER}").click()
    assert download.value.suggested_filename == "gunicorn.conf.py"
    assert Path(download.value.path()).read_text("utf-8") == GUNICORN_FILE


@pytest.mark.parametrize("policy", [True, False])
def test_texts_of_servers_and_apps_do_nothing(reader: ReportBrowser, tmp_path: Path, policy: bool) -> None:
    opened = reader.open(page_of(tmp_path, renamed(recommendation(), HOSTILE)), "#/recommendation", policy=policy)
    opened.wait_for_route("#/recommendation")
    assert opened.page.locator("#view img").count() == 0
    assert opened.page.evaluate("window.hit") is None
    assert "<img src=x" in opened.page.inner_text("#view")
    assert "\u202e" not in opened.page.content()


def test_an_empty_search_is_shown(reader: ReportBrowser, tmp_path: Path) -> None:
    opened = reader.open(page_of(tmp_path, Recommendation(recommendation().conditions, ())), "#/recommendation")
    opened.wait_for_route("#/recommendation")
    assert opened.page.inner_text("#view h1") == "The search has no answer"
    assert opened.violations() == []
    assert opened.console_messages == []
