"""The page in a real browser: state is the address, all works by keyboard, and nothing that a server sent runs."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

from wsgi_gauntlet.reports.writers.html import report_page
from wsgi_gauntlet.reports.writers.html.view import views

from .....helpers.hostile_sample import hostile_results
from .....helpers.report_browser import PHONE, WIDE, OpenPage, ReportBrowser, Scheme
from .conftest import write_page

pytestmark = pytest.mark.browser

MAX_ELEMENTS_AT_LOAD = 5000
MAX_TAB_STOPS = 150

TAB_STOPS = """[...document.querySelectorAll('a[href], button, input, select, summary, [tabindex]')].filter(
    (each) => each.tabIndex >= 0 && each.checkVisibility({ visibilityProperty: true })).length"""

LOOKED_AT = (
    "#/",
    "#/slow-clients",
    "#/load/classroom",
    "#/conformance",
    "#/cell/pyuwsgi/http/framing/te-and-cl",
    "#/requirement/http/framing/te-and-cl",
    "#/compare/gunicorn:sync..nginx+gunicorn:sync",
    "#/not-judged",
    "#/pep3333",
    "#/method",
    "#/search?q=host",
    "#/nothing",
)
"""Views in which axe-core looks for barriers."""


@pytest.fixture
def tab(reader: ReportBrowser, sample_page: Path) -> Iterator[OpenPage]:
    """The page of the sample, wide and light. Its console stays empty."""
    opened = reader.open(sample_page)
    yield opened
    assert opened.console_messages == []


def focused(page: Any) -> str:
    """Return the text of the element with the focus."""
    return str(page.evaluate("document.activeElement.textContent.trim()"))


def routes() -> list[str]:
    """Return the fragment of each view, of a search, and of wrong ones."""
    shown = [f"#/{route}" for each in views() if not each.in_sheet for route in (each.address, *each.routes)]
    return ["#/", *shown, "#/search?q=is:fail", "#/nothing", "#/cell/x/y", "#/load/x", "#/compare/x..y", "#columns"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wrong_and_nobody_is_asked(reader: ReportBrowser, sample_page: Path, scheme: Scheme) -> None:
    """No message on the console and no request but for the file itself, in every view."""
    tab = reader.open(sample_page, scheme=scheme)
    for each in routes():
        tab.page.evaluate("fragment => { location.hash = fragment; }", each)
        tab.settle()
    assert tab.console_messages == []
    assert {each for each in tab.requested_urls if not each.startswith("data:,")} == {sample_page.as_uri()}


@pytest.mark.parametrize("policy", [True, False], ids=["policy", "no-policy"])
def test_what_a_server_sent_does_not_run(reader: ReportBrowser, hostile_page: Path, policy: bool) -> None:
    """In no view, and not because of the policy alone: the page makes text of it."""
    tab = reader.open(hostile_page, policy=policy)
    places = tab.page.evaluate("document.querySelectorAll('script[data-block]').length")
    for each in routes():
        tab.page.evaluate("fragment => { location.hash = fragment; }", each)
        tab.settle()
        tab.page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
        assert tab.page.evaluate("window.hacked") is None
        assert (
            tab.page.evaluate("document.querySelectorAll('iframe, img, object, embed, textarea, [onload]').length") == 0
        )
        assert tab.page.evaluate("document.querySelectorAll('script').length") == places + 1
        assert tab.page.evaluate("document.querySelectorAll('a[href^=javascript], a[href^=data]').length") == 0
        shown = tab.page.evaluate("document.body.innerText")
        assert not {"\x1b", "\u202e", "\x00", "\u2028"} & set(shown)
    assert [each for each in tab.requested_urls if not each.startswith(("data:,", "file:"))] == []


def test_without_scripts_the_page_is_complete(reader: ReportBrowser, sample_page: Path) -> None:
    tab = reader.open(sample_page, scripts=False)
    assert tab.page.locator("h1:visible").inner_text().startswith("7 of 8 WSGI servers measured")
    assert tab.page.locator("#scoreboard tbody tr:visible").count() == 8
    assert tab.page.locator("noscript p").is_visible()
    assert tab.page.locator("#search").is_hidden()
    assert tab.page.locator("#score-tools").is_hidden()
    tab.page.locator("summary").first.click()
    assert tab.page.locator(".broken-lists details li:visible").count() > 2


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_every_figure_of_the_scoreboard_is_visible(
    reader: ReportBrowser, sample_page: Path, size: tuple[int, int]
) -> None:
    """Also on a phone: the strip, the share, p99, security and the bar. Nothing scrolls sideways."""
    tab = reader.open(sample_page, size=size)
    row = tab.page.locator("#scoreboard tbody tr").first
    for each in (
        ".c-name a",
        ".pill",
        ".c-strip svg",
        ".c-served b",
        ".c-served small",
        ".c-security b",
        ".c-bar svg",
        ".c-bar small",
    ):
        box = row.locator(each).bounding_box()
        assert box is not None, each
        assert box["width"] > 5, each
        assert box["x"] >= 0, each
        assert box["x"] + box["width"] <= size[0], each
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= size[0]


def test_the_page_has_few_elements_and_tab_stops(tab: OpenPage) -> None:
    assert tab.page.evaluate("document.querySelectorAll('*').length") <= MAX_ELEMENTS_AT_LOAD
    assert tab.page.evaluate(TAB_STOPS) <= MAX_TAB_STOPS
    assert tab.page.evaluate("document.querySelectorAll('#scoreboard [tabindex=\"0\"]').length") == 1


def test_a_view_has_an_address_and_back_works(tab: OpenPage) -> None:
    """The overview comes back with its scroll position and its focus, and the title follows."""
    page = tab.page
    overview = page.title()
    link = page.locator("a[href='#columns']")
    link.focus()
    page.evaluate("scrollTo(0, 300)")
    tab.wait_until("history.state?.scroll === 300")
    page.evaluate("document.querySelector('nav a[data-view=method]').click()")
    tab.wait_for_route("#/method")
    assert page.url.endswith("#/method")
    assert page.title() == f"How it was measured · {overview}"
    assert page.locator("h1:visible").all_inner_texts() == ["How it was measured"]
    assert focused(page) == "How it was measured"
    assert page.evaluate("scrollY") == 0
    assert page.locator("nav a[aria-current=page]").inner_text() == "Method"
    page.go_back()
    tab.wait_for_route("#/")
    tab.wait_until("scrollY === 300")
    assert page.title() == overview
    assert focused(page) == "how these columns are made"
    page.go_forward()
    tab.wait_for_route("#/method")


def test_a_link_from_another_page_opens_its_view(reader: ReportBrowser, sample_page: Path) -> None:
    tab = reader.open(sample_page, "#/method")
    assert tab.page.locator("h1:visible").all_inner_texts() == ["How it was measured"]
    assert reader.open(sample_page, "#/nothing").page.locator("h1:visible").inner_text() == "No such view"
    rules = reader.open(sample_page, "#columns")
    rules.wait_until("scrollY > 0")
    assert rules.page.locator("#columns").is_visible()


def test_an_anchor_of_an_older_page_leads_to_its_view(reader: ReportBrowser, sample_page: Path) -> None:
    tab = reader.open(sample_page, "#environment")
    assert tab.page.evaluate("location.href").endswith("#/method")
    assert tab.page.locator("h1:visible").inner_text() == "How it was measured"
    tab = reader.open(sample_page, "#cell--pyuwsgi--http-host-missing")
    assert tab.page.evaluate("location.href").endswith("#/cell/pyuwsgi/http/host/missing")


def test_a_rule_is_one_click_away(tab: OpenPage) -> None:
    tab.page.locator(".pill").first.click()
    tab.wait_until("location.hash.startsWith('#rule-')")
    rule = tab.page.locator(tab.page.evaluate("location.hash"))
    assert rule.is_visible()
    box = rule.bounding_box()
    assert box is not None
    assert 0 <= box["y"] < WIDE[1]


def test_search_by_keyboard(tab: OpenPage) -> None:
    """`/` focuses, typing shows results, Enter goes to the first one, and Esc clears and returns."""
    page = tab.page
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "search"
    page.keyboard.type("te-obf")
    tab.wait_for_route("#/search")
    assert page.url.endswith("#/search?q=te-obf")
    tab.wait_until("document.querySelector('#results h1').textContent === 'Search: te-obf'")
    assert page.locator("#results [role=status]").inner_text() == "1 of 75 requirements"
    page.keyboard.press("Enter")
    assert focused(page) == "http/framing/te-obfuscated"
    page.locator("#search").focus()
    page.keyboard.press("Escape")
    tab.wait_for_route("#/")
    assert page.locator("#search").input_value() == ""
    assert page.locator("#overview").is_visible()
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement === document.body")


def test_a_search_is_one_entry_of_the_history(tab: OpenPage) -> None:
    page = tab.page
    page.locator("#search").focus()
    page.keyboard.type("is:fail host")
    tab.wait_until("location.hash === '#/search?q=is%3Afail+host'")
    page.go_back()
    tab.wait_for_route("#/")
    page.go_forward()
    tab.wait_for_route("#/search")
    assert page.locator("#search").input_value() == "is:fail host"
    assert page.locator("#results ul.found a").first.inner_text().startswith("http/host/")


def test_a_slash_in_a_field_is_a_letter(tab: OpenPage) -> None:
    tab.page.locator("#search").focus()
    tab.page.keyboard.type("http/host")
    assert tab.page.locator("#search").input_value() == "http/host"


def names(page: Any) -> list[str]:
    """Return the servers of the scoreboard in their order."""
    found: list[str] = page.locator("#scoreboard tbody th a").all_inner_texts()
    return found


def test_the_scoreboard_is_sorted_by_its_address(tab: OpenPage) -> None:
    """And the figures of a row stay together."""
    page = tab.page
    before = names(page)
    page.get_by_role("button", name="security", exact=True).click()
    tab.wait_until("document.querySelector('[data-sort=security]').getAttribute('aria-pressed') === 'true'")
    assert page.url.endswith("#/?sort=security")
    figures = [int(each) for each in page.locator(".c-security b").all_inner_texts()]
    assert figures == sorted(figures)
    assert sorted(names(page)) == sorted(before)
    assert page.locator("th[aria-sort]").inner_text() == "Security musts broken"
    page.get_by_role("button", name="name", exact=True).click()
    tab.wait_until("location.hash === '#/?sort=name'")
    tab.wait_until("document.querySelector('[data-sort=name]').getAttribute('aria-pressed') === 'true'")
    assert names(page) == sorted(before)
    page.get_by_role("button", name="users served").click()
    tab.wait_until("location.hash === '#/'")
    tab.wait_until("document.querySelector('[data-sort=served]').getAttribute('aria-pressed') === 'true'")
    assert names(page) == before


def test_the_scoreboard_is_one_tab_stop(tab: OpenPage) -> None:
    page = tab.page
    page.get_by_role("button", name="Link to this view").focus()
    page.keyboard.press("Tab")
    first = focused(page)
    assert first == names(page)[0]
    page.keyboard.press("ArrowDown")
    assert focused(page) == names(page)[1]
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.classList.contains('pill')")
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement.classList.contains('c-rate')")
    page.keyboard.press("Control+Home")
    assert focused(page) == first
    page.keyboard.press("Tab")
    assert focused(page) == "how these columns are made"
    page.keyboard.press("Shift+Tab")
    assert focused(page) == first


def test_the_scoreboard_is_copied_and_saved(reader: ReportBrowser, sample_page: Path) -> None:
    tab = reader.open(sample_page)
    page = tab.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy as Markdown").click()
    tab.wait_until("document.getElementById('toast').textContent === 'Copied the scoreboard'")
    copied = page.evaluate("navigator.clipboard.readText()").splitlines()
    assert copied[0].startswith("| server | as run | in short |")
    assert len(copied) == 2 + 8
    assert copied[2].startswith("| `nginx+gunicorn:sync` | `1.31.3 + 27.0.1 · 2 workers, 4 threads` | `holds up` |")
    with page.expect_download() as saved:
        page.get_by_role("button", name="CSV").click()
    rows = list(csv.reader(Path(saved.value.path()).read_text("utf-8").splitlines()))
    assert saved.value.suggested_filename == "scoreboard.csv"
    assert [row[0] for row in rows[1:]] == names(page)
    with page.expect_download() as picture:
        page.get_by_role("button", name="PNG").click()
    assert picture.value.suggested_filename == "scoreboard.png"
    data = Path(picture.value.path()).read_bytes()
    assert data.startswith(b"\x89PNG")
    width = int.from_bytes(data[16:20], "big")
    assert width == 2 * page.evaluate("Math.ceil(document.getElementById('scoreboard').getBoundingClientRect().width)")
    assert tab.console_messages == []


def test_a_new_failure_can_be_replayed_reported_and_linked(reader: ReportBrowser, tmp_path: Path) -> None:
    """With a baseline the first screen begins with it. All that a server sent is code in the issue."""
    tab = reader.open(write_page(hostile_results(), tmp_path))
    page = tab.page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    change = page.locator(".change").first
    assert change.is_visible()
    case, server = change.get_attribute("data-case"), change.get_attribute("data-server")

    def copied(button: str) -> str:
        change.get_by_role("button", name=button).click()
        tab.wait_until("document.getElementById('toast').textContent.startsWith('Copied')")
        found: str = page.evaluate("navigator.clipboard.readText()")
        page.evaluate("document.getElementById('toast').textContent = ''")
        return found

    assert copied("Copy replay") == change.locator(".replay").inner_text()
    assert "replay" in change.locator(".replay").inner_text()
    link = copied("Copy link")
    assert link.startswith(page.url.partition("#")[0] + "#/cell/")
    issue = copied("Copy as issue")
    assert f"| `case` | `{case}` |" in issue
    assert f"| `server` | `{server}` |" in issue
    shown = MarkdownIt("commonmark", {"html": True}).enable("table").render(issue)
    assert not {"<img", "<script", "<svg", "<a "} & set(re.findall(r"<\w+ ?", shown))
    change.locator("h3 a").click()
    page.locator("dialog.sheet").wait_for(state="visible")
    assert page.locator("dialog.sheet h1, dialog.sheet h2").first.inner_text() == case
    page.keyboard.press("Escape")
    tab.wait_until("location.hash === '#/' || location.hash === ''")
    assert tab.console_messages == []


def test_light_and_dark(reader: ReportBrowser, sample_page: Path) -> None:
    """As the system has it, and as the button says. Charts follow."""
    colours = {}
    ask = """[[document.documentElement, "backgroundColor"], [document.querySelector(".s-good"), "stroke"]].map(
        ([element, name]) => getComputedStyle(element)[name])"""
    schemes: tuple[Scheme, Scheme] = ("light", "dark")
    for scheme in schemes:
        colours[scheme] = reader.open(sample_page, scheme=scheme).page.evaluate(ask)
    assert colours["light"][0] != colours["dark"][0]
    assert colours["light"][1] != colours["dark"][1]
    tab = reader.open(sample_page, scheme="dark")
    tab.page.locator("#theme").click()
    assert tab.page.evaluate(ask) == colours["light"]
    tab.page.reload()
    tab.wait_until("document.documentElement.dataset.theme === 'light'")
    tab.page.locator("#theme").click()
    assert tab.page.evaluate(ask) == colours["dark"]
    assert tab.console_messages == []


def test_a_broken_block_says_what_to_do(reader: ReportBrowser, sample_page: Path, tmp_path: Path) -> None:
    """The static page stays, and the reader is sent to the file with the data."""
    file = tmp_path / "broken.html"
    file.write_text(sample_page.read_text("utf-8").replace('data-block="index">', 'data-block="index">AAAA'), "utf-8")
    context = reader.browser.new_context()
    reader.contexts.append(context)
    page = context.new_page()
    page.goto(file.as_uri())
    page.wait_for_selector("[role=alert]")
    assert "results.json" in page.locator("[role=alert]").inner_text()
    assert page.locator("#scoreboard").is_visible()


def test_the_first_screen_prints_on_few_pages(reader: ReportBrowser, sample_page: Path) -> None:
    tab = reader.open(sample_page)
    data = tab.page.pdf(format="A4")
    assert data.count(b"/Type /Page\n") + data.count(b"/Type /Page ") + data.count(b"/Type /Page/") <= 25
    assert tab.console_messages == []


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_violation_of_wcag(reader: ReportBrowser, sample_page: Path, scheme: Scheme, size: tuple[int, int]) -> None:
    """axe-core's rules of WCAG 2.2 AA and its best practices, in each view."""
    tab = reader.open(sample_page, size=size, scheme=scheme)
    found = {}
    for fragment in LOOKED_AT:
        tab.show(fragment)
        tab.page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
        found[fragment] = tab.violations()
    assert {fragment: each for fragment, each in found.items() if each} == {}


def test_a_barrier_is_found(reader: ReportBrowser, sample_page: Path) -> None:
    """axe-core sees the page: a button without a name, and text that is hard to read."""
    tab = reader.open(sample_page, scheme="dark")
    tab.page.evaluate(
        """() => {
            const text = document.createElement("p");
            text.textContent = "hard to read";
            text.style.color = "#333";
            document.getElementById("overview").append(document.createElement("button"), text);
        }"""
    )
    assert {each.partition(":")[0] for each in tab.violations()} == {"button-name", "color-contrast"}


def test_every_view_has_few_elements_and_tab_stops(tab: OpenPage) -> None:
    for fragment in LOOKED_AT:
        tab.show(fragment)
        assert tab.page.evaluate("document.querySelectorAll('*').length") <= MAX_ELEMENTS_AT_LOAD, fragment
        assert tab.page.evaluate(TAB_STOPS) <= MAX_TAB_STOPS, fragment


@pytest.mark.parametrize("page", ["sample_page", "hostile_page"])
def test_every_view_scrolls_in_one_direction_on_a_phone(
    reader: ReportBrowser, request: pytest.FixtureRequest, page: str
) -> None:
    """Wide tables scroll in their own boxes, and long words break."""
    tab = reader.open(request.getfixturevalue(page), size=PHONE)
    for each in routes():
        tab.page.evaluate("fragment => { location.hash = fragment; }", each)
        tab.settle()
        assert tab.page.evaluate("document.documentElement.scrollWidth") <= PHONE[0], each


@pytest.mark.parametrize("size", [WIDE, (1000, 800), PHONE])
def test_the_navigation_is_one_line_and_shows_the_view(
    reader: ReportBrowser, sample_page: Path, size: tuple[int, int]
) -> None:
    """It scrolls where it has no room."""
    page = reader.open(sample_page, "#/method", size=size).page
    assert page.evaluate("document.querySelector('nav ul').offsetHeight") <= 45
    nav, link = (page.locator(each).bounding_box() for each in ("nav", "nav a[aria-current]"))
    assert nav is not None
    assert link is not None
    assert nav["x"] <= link["x"]
    assert link["x"] + link["width"] <= nav["x"] + nav["width"]
    if size == WIDE:
        assert page.evaluate("document.querySelector('header').offsetHeight") <= 50


def test_the_name_of_a_server_does_not_touch_its_word(reader: ReportBrowser, sample_page: Path) -> None:
    page = reader.open(sample_page, size=PHONE).page
    for row in page.locator("#scoreboard tbody tr").all():
        name, word = (row.locator(each).bounding_box() for each in ("th", ".pill"))
        assert name is not None
        assert word is not None
        assert name["x"] + name["width"] <= word["x"]


def test_the_shell_names_its_limit() -> None:
    assert report_page.MAX_STATIC_ELEMENTS < MAX_ELEMENTS_AT_LOAD
