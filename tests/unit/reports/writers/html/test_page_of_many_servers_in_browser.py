"""The page of 56 servers with all cases and load in a browser: counts that do not depend on the speed of a machine.

benchmarks/report_page.py measures times and memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from .....helpers.report_browser import OpenPage, ReportBrowser
from .....helpers.sample_conformance import MANY_SERVERS

pytestmark = pytest.mark.browser

MAX_BYTES = 8_000_000
MAX_STATIC_ELEMENTS = 3000
MAX_ELEMENTS = 5000
MAX_TAB_STOPS = 150
MAX_PRINTED_PAGES = 25

ELEMENTS = "document.querySelectorAll('*').length"

CELLS_IN_VIEW = "document.querySelectorAll('.grid-body [role=gridcell]').length"


@pytest.fixture
def tab(reader: ReportBrowser, page_of_many: Path) -> Iterator[OpenPage]:
    """The open page. Its console stays empty."""
    opened = reader.open(page_of_many)
    yield opened
    assert opened.console_messages == []


def reached_by_tab(tab: OpenPage) -> int:
    """Press Tab until the focus leaves the page, and return the number of its stops."""
    tab.page.evaluate("document.activeElement.blur(); window.reached = new Set()")
    for count in range(MAX_ELEMENTS):
        tab.page.keyboard.press("Tab")
        is_new = tab.page.evaluate(
            "() => { const now = document.activeElement, size = reached.size; reached.add(now);"
            " return now !== document.body && reached.size > size; }"
        )
        if not is_new:
            return count
    raise AssertionError("Tab never leaves the page")


def test_it_has_few_bytes_and_few_elements_without_scripts(reader: ReportBrowser, page_of_many: Path) -> None:
    """All servers are on the first screen."""
    assert page_of_many.stat().st_size <= MAX_BYTES
    page = reader.open(page_of_many, scripts=False).page
    assert page.locator("*").count() <= MAX_STATIC_ELEMENTS
    assert page.locator("#scoreboard tbody tr").count() == MANY_SERVERS


def test_the_first_screen_has_few_elements_tab_stops_and_printed_pages(tab: OpenPage) -> None:
    """The stops are those of the Tab key, not of a selector."""
    assert tab.page.evaluate(ELEMENTS) <= MAX_ELEMENTS
    assert 10 < reached_by_tab(tab) <= MAX_TAB_STOPS
    printed = len(re.findall(rb"/Type\s*/Page\b", tab.page.pdf()))
    assert 1 <= printed <= MAX_PRINTED_PAGES


@pytest.mark.parametrize("address", ["#/conformance", "#/cells?rows=requirements"])
def test_conformance_has_few_elements_and_tab_stops(tab: OpenPage, address: str) -> None:
    tab.go(address)
    tab.wait_until(f"{CELLS_IN_VIEW} > 0")
    assert tab.page.evaluate(ELEMENTS) <= MAX_ELEMENTS
    assert 5 < reached_by_tab(tab) <= MAX_TAB_STOPS


def test_a_wide_grid_has_the_columns_in_view(tab: OpenPage) -> None:
    """Others come when the reader scrolls or goes there by key. The first column stays."""
    page = tab.page
    tab.go("#/cells?rows=requirements")
    tab.wait_until(f"{CELLS_IN_VIEW} > 0")
    row = "document.querySelector('.grid-row:nth-child(3)')"
    columns = f"[...{row}.children].map(each => Number(each.dataset.column))"
    first = page.evaluate(columns)
    assert first[:3] == [0, 1, 2]
    assert 10 < len(first) < 30
    page.evaluate("document.querySelector('.grid').scrollLeft = 2000")
    tab.wait_until(f"!{columns}.includes(1)")
    later = page.evaluate(columns)
    assert later == sorted(later)
    assert later[0] == 0
    assert len(later) < 30
    page.locator(".grid-body [tabindex='0']").focus()
    page.keyboard.press("End")
    assert page.evaluate("Number(document.activeElement.dataset.column)") == MANY_SERVERS
    tab.wait_until(f"{columns}.at(-1) === {MANY_SERVERS}")
    cell = page.evaluate("document.activeElement.getBoundingClientRect().right")
    head = page.evaluate("document.querySelector('.grid-head > :last-child').getBoundingClientRect().right")
    assert cell == pytest.approx(head, abs=3)
    assert page.evaluate("document.querySelectorAll('.grid-body [tabindex=\"0\"]').length") == 1
    page.keyboard.press("Home")
    assert page.evaluate("Number(document.activeElement.dataset.column)") == 0
    tab.wait_until(f"{columns}.includes(1)")


def test_a_key_that_finds_the_same_changes_no_cell(tab: OpenPage) -> None:
    page = tab.page
    tab.go("#/cells?rows=requirements")
    page.locator("#filter-q").fill("requirement-00")
    tab.wait_until(f"{CELLS_IN_VIEW} > 0")
    page.evaluate(
        "window.changes = 0; new MutationObserver((found) => { changes += found.length; })"
        ".observe(document.querySelector('.matrix'), { childList: true, subtree: true })"
    )
    page.locator("#filter-q").press("End")
    page.keyboard.press(" ")
    tab.settle()
    assert page.evaluate("changes") == 0
    page.keyboard.type("x")
    tab.wait_until("changes > 0")
