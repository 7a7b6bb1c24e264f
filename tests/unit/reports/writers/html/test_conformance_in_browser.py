"""The views about conformance in a browser: filters in the address, grids by keyboard, cells with their evidence."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import msgspec
import pytest

from wsgi_gauntlet.harness.model import (
    SCHEMA,
    AppEvent,
    CaseResult,
    ConnectionEvent,
    ConnectionEventKind,
    Evidence,
    HistoryPoint,
    Level,
    Results,
    Verdict,
)
from wsgi_gauntlet.harness.store.evidence_digest import with_digest
from wsgi_gauntlet.reports.writers.html import report_page

from .....helpers.report_browser import PHONE, WIDE, OpenPage, ReportBrowser
from .....helpers.sample_conformance import build_conformance

pytestmark = pytest.mark.browser

MAX_ELEMENTS = 5000

CELL = "#/cell/server-00/pep3333/environ/requirement-001/v1"

HISTORY = tuple(HistoryPoint(f"2026-11-0{day}", "server-00", f"1.{day}", 9 - day, 3, 50) for day in range(1, 5))


@pytest.fixture(scope="module")
def page_of_few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three servers, with a history."""
    file = tmp_path_factory.mktemp("few") / "report.html"
    file.write_text(report_page.render(msgspec.structs.replace(build_conformance(), history=HISTORY)), "utf-8")
    return file


@pytest.fixture
def tab(reader: ReportBrowser, page_of_few: Path) -> Iterator[OpenPage]:
    """The page of few servers. Its console stays empty, and it asks for nothing."""
    opened = reader.open(page_of_few, "#/conformance")
    yield opened
    assert opened.console_messages == []
    asked = {each.partition("#")[0] for each in opened.requested_urls if not each.startswith(("data:", "blob:"))}
    assert asked == {page_of_few.as_uri()}


def status(page: Any) -> str:
    """Return the line that counts what the matrix shows."""
    return str(page.locator(".conformance .status").inner_text())


def fragment(page: Any) -> str:
    """Return the fragment of the address."""
    return str(page.evaluate("decodeURIComponent(location.hash)"))


def elements(page: Any) -> int:
    """Return the number of elements of the page."""
    return int(page.evaluate("document.querySelectorAll('*').length"))


def tab_stops(page: Any, inside: str = "#view") -> int:
    """Return the number of elements that the Tab key reaches."""
    found = page.evaluate(
        """(inside) => [...document.querySelector(inside)
            .querySelectorAll("a[href], button, input, select, summary, [tabindex]")]
            .filter((each) => each.tabIndex >= 0 && each.checkVisibility()).length""",
        inside,
    )
    return int(found)


def focused(page: Any) -> str:
    """Return the label, or the text, of the element with the focus."""
    return str(page.evaluate("document.activeElement.ariaLabel ?? document.activeElement.textContent"))


def copied(tab: OpenPage, button: str) -> str:
    """Click a button that copies, and return what it copied."""
    tab.page.evaluate(
        """() => {
            window.copied = null;
            const clipboard = { writeText: async (text) => { window.copied = text; } };
            Object.defineProperty(navigator, "clipboard", { configurable: true, value: clipboard });
        }"""
    )
    tab.page.get_by_role("button", name=button).first.click()
    tab.page.wait_for_function("() => window.copied !== null")
    return str(tab.page.evaluate("window.copied"))


def test_variants_are_folded_into_one_cell(tab: OpenPage) -> None:
    """The first server breaks three of the ten variants of requirement 1; the other servers none."""
    page = tab.page
    cell = page.get_by_role("gridcell", name="pep3333/environ/requirement-001, server-00: fail, 3 of 10 variants")
    assert cell.inner_text() == "✗ 3/10"
    passed = page.get_by_role("gridcell", name="pep3333/environ/requirement-001, server-01: pass")
    assert passed.inner_text() == "✓"
    head = page.get_by_role("rowheader", name="pep3333/environ/requirement-001, must, 10 variants")
    assert page.get_by_role("rowheader", name="v3").count() == 0
    head.click()
    page.get_by_role("rowheader", name="v3", exact=True).first.wait_for()
    assert page.get_by_role("gridcell", name="pep3333/environ/requirement-001/v1, server-00: fail").inner_text() == "✗"
    head.click()
    assert page.get_by_role("rowheader", name="v3", exact=True).count() == 0


def test_the_first_screen_and_the_view_count_the_same(reader: ReportBrowser, tmp_path: Path) -> None:
    """One judged variant decides for a requirement, whatever the others are. The user's app is no server."""
    verdicts = {
        "http/a/some/one": Verdict.PASS, "http/a/some/two": Verdict.UNSUPPORTED, "http/a/some/three": Verdict.SKIPPED,
        "http/a/flaky/one": Verdict.FLAKY, "http/a/flaky/two": Verdict.PASS, "http/a/error/one": Verdict.ERROR,
        "http/a/error/two": Verdict.PASS, "http/a/info/one": Verdict.INFO, "http/a/info/two": Verdict.PASS,
        "http/a/broken": Verdict.FAIL, "own-app/http/app": Verdict.FAIL,
    }  # fmt: skip
    cells = tuple(CaseResult("a", case, Level.MUST, (), verdict) for case, verdict in verdicts.items())
    file = tmp_path / "report.html"
    file.write_text(report_page.render(Results(SCHEMA, {}, {}, cells)), "utf-8")
    tab = reader.open(file)
    text = tab.page.locator("#scoreboard .c-bar small").inner_text()
    assert text == "1 must · 0 should · of 3"
    tab.go("#/conformance")
    assert tab.page.locator(".bar-table .bar-text").inner_text() == text
    cell = tab.page.get_by_role("gridcell", name="http/a/some, a: pass, 1 of 3 variants")
    assert cell.inner_text() == "✓ 1/3", "a pass of some variants only has numbers"


def test_the_results_of_a_sentence_are_below_it(reader: ReportBrowser, sample_page: Path) -> None:
    """Also those of a sentence that a server breaks."""
    tab = reader.open(sample_page, "#/pep3333")
    tab.wait_until("document.querySelector('.pep li.broken .marks a')")
    places = tab.page.evaluate(
        """[...document.querySelectorAll(".pep li.broken")].flatMap((each) => {
            const bottom = each.querySelector(".quote").getBoundingClientRect().bottom;
            return [...each.querySelectorAll(".marks a")].map((one) => one.getBoundingClientRect().top >= bottom);
        })"""
    )
    assert places
    assert all(places)


def test_the_address_has_the_filter_and_back_undoes_it(tab: OpenPage) -> None:
    page = tab.page
    every = status(page)
    page.select_option("#filter-is", "fail")
    failing = status(page)
    page.select_option("#filter-tag", "security")
    secure = status(page)
    page.fill("#filter-q", "9112")
    assert fragment(page) == "#/cells?is=fail&tag=security&q=9112"
    assert len({every, failing, secure, status(page)}) == 4
    page.go_back()
    page.wait_for_function("expected => document.querySelector('.status').textContent === expected", arg=secure)
    page.go_back()
    page.wait_for_function("expected => document.querySelector('.status').textContent === expected", arg=failing)
    assert page.input_value("#filter-is") == "fail"
    assert page.input_value("#filter-tag") == ""


def test_the_address_alone_gives_the_filter(reader: ReportBrowser, page_of_few: Path) -> None:
    page = reader.open(page_of_few, "#/cells?is=fail&tag=security&q=9112&server=server-01").page
    assert page.input_value("#filter-q") == "9112"
    assert status(page).endswith("1 server")
    heads = page.locator(".conformance-grid [role=columnheader]").all_inner_texts()
    assert [each.split("\n")[0] for each in heads] == ["requirement", "server-01"]
    for cell in page.locator(".conformance-grid .v.fail").all():
        assert "server-01" in cell.get_attribute("aria-label")


def test_typing_keeps_the_focus_and_makes_one_entry_of_the_history(tab: OpenPage) -> None:
    page = tab.page
    before = page.evaluate("history.length")
    page.focus("#filter-q")
    page.keyboard.type("requirement-00")
    assert page.evaluate("document.activeElement.id") == "filter-q"
    assert page.evaluate("history.length") == before + 1
    page.keyboard.press("Escape")
    assert fragment(page) == "#/conformance"


def test_servers_that_disagree_come_first(tab: OpenPage) -> None:
    page = tab.page
    page.select_option("#filter-sort", "disagreement")
    rows = page.locator(".conformance-grid [role=row]:has([role=gridcell])")
    first = [each.get_attribute("class").split()[1] for each in rows.first.locator("[role=gridcell]").all()]
    assert len(set(first)) > 1
    assert page.locator(".area-head").count() == 0
    page.select_option("#filter-is", "differs")
    for row in rows.all():
        letters = {each.get_attribute("class").split()[1] for each in row.locator("[role=gridcell]").all()}
        assert len(letters & {"pass", "fail", "warn", "flaky"}) > 1


def test_columns_can_be_picked_and_sorted(tab: OpenPage) -> None:
    page = tab.page
    page.locator(".picker summary").click()
    page.locator(".picked").get_by_label("server-00").uncheck()
    assert fragment(page) == "#/cells?server=server-01+server-02"
    page.select_option("#filter-columns", "broken")
    heads = page.locator(".server-head span").all_inner_texts()
    assert sorted(heads) == ["server-01", "server-02"]
    counts = [int(each.split()[0]) for each in page.locator(".bar-text").all_inner_texts()]
    assert counts == sorted(counts)


def test_bars_have_their_denominators_and_follow_the_filter(tab: OpenPage) -> None:
    page = tab.page
    texts = page.locator(".bar-text").all_inner_texts()
    assert len(texts) == 3
    shown = page.evaluate("Number(document.querySelector('.status').textContent.split(' ')[0])")
    for each in texts:
        must, should, judged = (int(word) for word in each.split() if word.isdigit())
        assert must + should <= judged <= shown
    page.select_option("#filter-area", "http/host")
    assert page.locator(".bar-text").all_inner_texts() != texts


def test_the_grid_is_one_tab_stop_with_arrow_keys(tab: OpenPage) -> None:
    page = tab.page
    assert tab_stops(page, ".matrix") == 1
    page.locator(".matrix [tabindex='0']").focus()
    assert "pep3333/environ" in focused(page)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert focused(page).startswith("pep3333/environ/requirement-001, must, 10 variants")
    page.keyboard.press("Enter")
    assert "open" in focused(page)
    page.keyboard.press("ArrowRight")
    assert focused(page) == "pep3333/environ/requirement-001, server-00: fail, 3 of 10 variants"
    page.keyboard.press("Enter")
    page.locator("dialog .cell-title").wait_for()
    assert fragment(page) == CELL
    page.keyboard.press("Escape")
    page.locator("dialog").wait_for(state="detached")
    assert fragment(page) == "#/conformance"
    assert focused(page) == "pep3333/environ/requirement-001, server-00: fail, 3 of 10 variants"
    page.keyboard.press("Control+End")
    assert "server-02" in focused(page)
    assert tab_stops(page, ".matrix") == 1


def test_above_fifteen_servers_the_matrix_is_turned(reader: ReportBrowser, page_of_many: Path) -> None:
    """Areas are columns. One leads to its requirements, and a server to its own matrix."""
    page = reader.open(page_of_many, "#/conformance").page
    grid = page.get_by_role("grid", name="Servers and areas")
    assert grid.get_by_role("columnheader").count() == 2 + 6
    assert page.get_by_role("gridcell", name="server-00, http/host: ").first.inner_text().split()[1] == "of"
    page.get_by_role("gridcell", name="server-00, http/host: ").first.click()
    page.get_by_role("grid", name="Servers and the requirements of http/host").wait_for()
    assert fragment(page) == "#/cells?area=http/host"
    page.get_by_role("rowheader", name="server-03").first.click()
    page.get_by_role("grid", name="Requirements and servers").wait_for()
    assert fragment(page) == "#/cells?area=http/host&server=server-03"
    page.go_back()
    page.get_by_role("grid", name="Servers and the requirements of http/host").wait_for()


@pytest.mark.parametrize(
    "address",
    [
        "#/conformance", "#/cells?rows=requirements", "#/cells?area=http/host", "#/pep3333", "#/lint",
        "#/not-judged?is=flaky", "#/compare/server-00..server-01", CELL,
        "#/requirement/pep3333/environ/requirement-001",
    ],
)  # fmt: skip
def test_the_number_of_elements_does_not_explode(reader: ReportBrowser, page_of_many: Path, address: str) -> None:
    """Nor that of tab stops, also after scrolling."""
    tab = reader.open(page_of_many, address)
    page = tab.page
    page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert elements(page) < MAX_ELEMENTS
    assert tab_stops(page, "dialog" if address == CELL else "#view") < 150
    page.evaluate(
        """() => {
            const boxes = [document.scrollingElement, ...document.querySelectorAll(".grid")];
            for (const each of boxes) each.scrollTop = each.scrollHeight / 2;
            return new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
        }"""
    )
    assert elements(page) < MAX_ELEMENTS
    assert tab.console_messages == []


def test_a_cell_shows_its_verdict_and_evidence(tab: OpenPage) -> None:
    page = tab.page
    tab.page.evaluate("fragment => { location.hash = fragment; }", CELL)
    sheet = page.locator("dialog")
    sheet.locator(".cell-title").wait_for()
    assert sheet.locator(".cell-verdict").inner_text().startswith("✗ fail: the server broke a requirement")
    assert "400 Bad Request" in sheet.locator(".expected dd").inner_text()
    assert "\\u202e" in sheet.locator(".got dd").inner_text()
    assert "The environ parameter is a dictionary" in sheet.locator("blockquote").inner_text()
    rows = sheet.locator("ol.time > li").all_inner_texts()
    assert [each.split("\n")[2].split()[0] for each in rows] == ["connected", "sent", "called", "received", "end"]
    assert "GET /a HTTP/1.1\\r\\n" in rows[1]
    assert "1 field that the case did not look at" in sheet.locator(".app-events").inner_text()
    assert "restarted after @maintainer #1" in sheet.locator(".process").inner_text()
    assert "log line <b>" in sheet.locator("pre.log").inner_text()
    assert page.evaluate("window.hacked") is None


def test_bytes_are_text_hex_or_raw(tab: OpenPage) -> None:
    page = tab.page
    page.evaluate("fragment => { location.hash = fragment; }", f"{CELL}?bytes=hex")
    page.locator("dialog pre.hex").first.wait_for()
    dump = page.locator("dialog pre.hex").first.inner_text().split("\n")
    assert dump[0] == "00000000  47 45 54 20 2f 61 20 48  54 54 50 2f 31 2e 31 0d  |GET /a HTTP/1.1.|"
    assert dump[1] == "00000010  0a 48 6f 73 74 3a 20 78  0d 0a 0d 0a              |.Host: x....|"
    page.get_by_label("raw").check()
    assert fragment(page).endswith("?bytes=raw")
    literal = page.locator("dialog .raw pre").first.inner_text()
    assert literal == "b'GET /a HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n'"
    assert copied(tab, "Copy literal") == literal
    with page.expect_download() as download:
        page.get_by_role("button", name="Save 28 bytes").click()
    assert Path(download.value.path()).read_bytes() == b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
    page.get_by_label("text").check()
    assert fragment(page) == CELL


def test_a_pass_shows_its_digest_and_how_to_get_its_bytes(reader: ReportBrowser, tmp_path: Path) -> None:
    """The page and the issue. An odd byte of a status line acts in neither."""
    wire = (
        ConnectionEvent(1.0, 1, ConnectionEventKind.SENT, b"GET / HTTP/1.1\r\n\r\n"),
        ConnectionEvent(1.1, 1, ConnectionEventKind.RECEIVED, b"HTTP/1.1 200 \x9b<b>\r\n\r\nHTTP/1.1 200 \x9b<b>\r\n"),
    )
    evidence = Evidence(wire, (AppEvent(1.0, "called", 1, 1),), process=("restarted",))
    cell = with_digest(CaseResult("a", "http/a/b", Level.MUST, (), Verdict.PASS, evidence=evidence))
    file = tmp_path / "report.html"
    file.write_text(report_page.render(Results(SCHEMA, {}, {}, (cell,))), "utf-8")
    tab = reader.open(file, "#/cell/a/http/a/b")
    rows = tab.page.locator("dialog .digest > div").all_inner_texts()
    expected = {
        "Connections": "1", "Sent": "18 bytes", "Received": "40 bytes", "App": "1 call, 1 app event",
        "Status lines": "HTTP/1.1 200 \\x9b<b> (2 times)",
        "SHA-256": f"{sha256(wire[0].data + wire[1].data).hexdigest()} of these bytes, in their order",
    }  # fmt: skip
    assert dict(each.split("\n") for each in rows) == expected
    assert tab.page.locator("dialog pre.command").inner_text() == "wsgi-gauntlet replay a http/a/b"
    assert "--keep-evidence all" in tab.page.locator("dialog").inner_text()
    assert tab.page.locator("dialog .process").inner_text() == "restarted"
    issue = copied(tab, "Copy as issue")
    assert all(f"{name}: {text}" in issue for name, text in expected.items())
    assert tab.console_messages == []


def test_an_issue_keeps_server_text_inside_of_code(tab: OpenPage) -> None:
    """No backticks of the server ends the block, so that nothing is a mention, an issue, a link or markup."""
    tab.page.evaluate("fragment => { location.hash = fragment; }", CELL)
    tab.page.locator("dialog .cell-title").wait_for()
    issue = copied(tab, "Copy as issue")
    assert issue.startswith("### `server-00` fails `pep3333/environ/requirement-001/v1`\n")
    assert "wsgi-gauntlet replay server-00 pep3333/environ/requirement-001/v1" in issue
    outside = []
    opened = ""
    for text in issue.split("\n"):
        ticks = text[: len(text) - len(text.lstrip("`"))]
        if opened:
            opened = "" if text == opened else opened
        elif len(ticks) >= 3:
            opened = ticks
        else:
            outside.append(text)
    assert opened == ""
    rest = "\n".join(outside)
    for hostile in ("@maintainer", "#1", "<img", "evil.example", "\u202e"):
        assert hostile not in rest
    assert "@maintainer" in issue
    assert "\u202e" not in issue


def test_the_replay_command_and_the_link_are_copied(tab: OpenPage) -> None:
    tab.page.evaluate("fragment => { location.hash = fragment; }", CELL)
    tab.page.locator("dialog .cell-title").wait_for()
    assert copied(tab, "Copy replay") == "wsgi-gauntlet replay server-00 pep3333/environ/requirement-001/v1"
    assert copied(tab, "Copy link").endswith(CELL)


def test_a_cell_leads_to_those_near_it(tab: OpenPage) -> None:
    page = tab.page
    page.evaluate("fragment => { location.hash = fragment; }", CELL)
    page.locator("dialog .after").wait_for()
    assert page.locator("dialog .after").inner_text() == "pep3333/environ/requirement-001/v2 →"
    page.locator("dialog .after").click()
    page.wait_for_function("() => document.querySelector('dialog .cell-title').textContent.endsWith('/v2')")
    page.locator("dialog").get_by_role("link", name="server-01").first.click()
    page.wait_for_function("() => document.querySelector('dialog .cell-server').textContent.startsWith('server-01')")
    page.go_back()
    page.wait_for_function("() => document.querySelector('dialog .cell-server').textContent.startsWith('server-00')")
    assert page.locator("dialog .cells").first.locator("a").count() == 10


def test_cells_without_a_verdict_are_grouped_by_reason(tab: OpenPage) -> None:
    page = tab.page
    tab.go("#/not-judged")
    groups = page.locator(".verdict-group h2").all_inner_texts()
    assert [each.split()[-1] for each in groups] == ["flaky", "error", "skipped", "unsupported"]
    page.locator(".reason summary").first.click()
    page.locator(".reason-cells a").first.click()
    page.locator("dialog .cell-title").wait_for()
    assert page.locator("dialog .cell-verdict").inner_text().startswith("~ flaky")


def test_a_count_of_lint_lists_its_cells(tab: OpenPage) -> None:
    tab.go("#/lint")
    link = tab.page.locator(".lint-table td a").first
    count = int(link.inner_text())
    link.click()
    tab.page.locator(".found-cells li").first.wait_for()
    assert tab.page.locator(".found-cells li").count() == count
    assert "kind=missing-date" in fragment(tab.page)


def test_two_servers_are_compared_by_requirement(tab: OpenPage) -> None:
    tab.go("#/compare")
    page = tab.page
    page.select_option("#compare-0", "server-00")
    page.select_option("#compare-1", "server-01")
    page.locator(".compare-table").first.wait_for()
    assert fragment(page) == "#/compare/server-00..server-01"
    row = page.locator(".compare-table tr", has_text="pep3333/environ/requirement-001")
    assert row.locator("td").first.inner_text() == "✗ 3/10 fail"
    row.get_by_role("button", name="3 of 10 variants differ").click()
    assert row.locator("ul.variants li").count() == 3


def test_a_requirement_lists_every_server_with_its_variants(tab: OpenPage) -> None:
    tab.go("#/requirement/pep3333/environ/requirement-001")
    rows = tab.page.locator(".requirement-table tbody tr")
    assert rows.count() == 3
    assert rows.first.locator("th a").inner_text() == "server-00"
    assert rows.first.locator(".marks a").count() == 10
    assert tab_stops(tab.page, ".requirement-table") == 1


def test_the_sentences_of_the_pep_come_in_its_order(tab: OpenPage) -> None:
    tab.go("#/pep3333")
    titles = tab.page.locator(".pep h2").all_inner_texts()
    assert len(titles) == 26
    assert titles[0] == "Preface for Readers of PEP 333"
    tab.page.select_option("#pep-is", "unchecked")
    tab.page.wait_for_function("() => document.querySelectorAll('.pep h2').length < 26")
    assert "is=unchecked" in fragment(tab.page)


def test_a_sentence_has_the_verdict_of_each_server(reader: ReportBrowser, tmp_path: Path) -> None:
    """The worst of its cases. Up and down lead to other sentences, and the whole list is one tab stop."""
    cases = {"environ/positional-call": "✓✗", "environ/called-once": "✓✓", "environ/callable-class": "✗✓"}
    cells = tuple(
        CaseResult(f"server-{place}", f"pep3333/{name}", Level.MUST, (), Verdict.PASS if sign == "✓" else Verdict.FAIL)
        for name, signs in cases.items()
        for place, sign in enumerate(signs)
    )
    file = tmp_path / "report.html"
    file.write_text(report_page.render(Results(SCHEMA, {}, {}, cells)), "utf-8")
    page = reader.open(file, "#/pep3333?is=broken").page
    page.locator(".pep .marks a").first.wait_for()
    first, second, third, *_ = (each.locator("a").all_inner_texts() for each in page.locator(".marks").all())
    assert first == ["✓ server-0", "✗ server-1"]
    assert second == third == ["✗ server-0", "✓ server-1"]
    assert page.locator(".marks .said").first.inner_text() == "1 fail, 1 pass (2 cases)"
    # Each section has its summary and a link.
    assert tab_stops(page, ".pep") == 1 + 2 * page.locator(".pep h2").count()
    place = "[...document.querySelectorAll('.pep li')].indexOf(document.activeElement.closest('li'))"
    page.locator(".pep .marks a").first.focus()
    page.keyboard.press("ArrowDown")
    assert page.evaluate(place) == 1
    page.keyboard.press("ArrowUp")
    assert page.evaluate(place) == 0
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert focused(page) == "server-1: fail, 1 of 2 cases"
    page.keyboard.press("Enter")
    page.locator("dialog .cell-title").wait_for()
    assert fragment(page) == "#/cell/server-1/pep3333/environ/positional-call"


def test_the_history_has_a_chart_and_its_table(tab: OpenPage) -> None:
    tab.go("#/history")
    assert tab.page.locator(".history svg.chart").count() == 1
    rows = tab.page.locator(".history tbody tr").all_inner_texts()
    assert [each.split("\t")[:3] for each in rows] == [
        [f"2026-11-0{day}", f"1.{day}", str(9 - day)] for day in range(1, 5)
    ]


@pytest.mark.parametrize(("size", "scheme"), [(WIDE, "light"), (WIDE, "dark"), (PHONE, "dark")])
def test_the_views_are_accessible(reader: ReportBrowser, page_of_few: Path, size: tuple[int, int], scheme: Any) -> None:
    found = {}
    tab = reader.open(page_of_few, size=size, scheme=scheme)
    for address in (
        "#/conformance", "#/cells?rows=servers", "#/cells?rows=servers&area=http/host", "#/pep3333",
        "#/not-judged?is=flaky", "#/lint?kind=missing-date", "#/compare", "#/compare/server-00..server-01",
        "#/requirement/pep3333/environ/requirement-001", "#/history", CELL, f"{CELL}?bytes=hex",
    ):  # fmt: skip
        tab.show(address)
        if violations := tab.violations():
            found[address] = violations
        assert tab.page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert found == {}


def test_on_a_telephone_the_sections_of_the_pep_open_on_demand(reader: ReportBrowser, sample_page: Path) -> None:
    page = reader.open(sample_page, "#/pep3333", size=(360, 800)).page
    page.locator(".pep summary").first.wait_for()
    assert page.locator(".pep details[open]").count() == 0
    section = page.locator(".pep details", has=page.locator("li.broken")).first
    assert "broken by a server" in section.locator("summary").inner_text()
    assert not section.locator("li").first.is_visible()
    section.locator("summary").click()
    section.locator("li.broken .marks a").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
