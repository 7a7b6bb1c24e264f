"""The page in a real browser: nothing asked for, nothing broken, nothing that a server sent runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest

from wsgi_gauntlet.harness.model import (
    SCHEMA,
    CaseResult,
    Claim,
    ClaimVerdict,
    Grade,
    Level,
    Results,
    ScenarioResult,
    ServerInfo,
    Verdict,
)
from wsgi_gauntlet.reports.writers.html import report_page

from .....helpers.requirements import program
from .....helpers.sample_scenarios import build_scenarios

pytestmark = pytest.mark.browser

WIDE, PHONE = (1280, 900), (390, 844)


@dataclass
class OpenPage:
    """An open page, what it said on its console and whom it asked."""

    page: Any
    console_messages: list[str] = field(default_factory=list)
    requested_urls: list[str] = field(default_factory=list)


@dataclass
class Browser:
    """Opens the report as a reader would."""

    browser: Any
    address: str
    contexts: list[Any] = field(default_factory=list)

    def open(
        self,
        size: tuple[int, int] = WIDE,
        scheme: Literal["light", "dark"] = "light",
        fragment: str = "",
        *,
        scripts: bool = True,
    ) -> OpenPage:
        """Open the page; everything that it says or asks from then on is kept."""
        context = self.browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, java_script_enabled=scripts
        )
        self.contexts.append(context)
        tab = OpenPage(context.new_page())
        tab.page.on("console", lambda message: tab.console_messages.append(message.text))
        tab.page.on("pageerror", lambda error: tab.console_messages.append(str(error)))
        tab.page.on("request", lambda request: tab.requested_urls.append(request.url))
        tab.page.goto(self.address + fragment)
        return tab


@pytest.fixture(scope="module")
def chromium(results: Results, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Debian's chromium with the sample's page on disk; no test needs the network."""
    from playwright.sync_api import sync_playwright

    executable = program("chromium", "chromium-browser", "google-chrome", package="chromium")
    file: Path = tmp_path_factory.mktemp("page") / "report.html"
    file.write_text(report_page.render(results), "utf-8")
    with sync_playwright() as playwright:
        # Without a sandbox, because CI's containers run as root and allow no user namespaces; the page is our own.
        browser = playwright.chromium.launch(
            executable_path=executable, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        try:
            yield Browser(browser, file.as_uri())
        finally:
            browser.close()


@pytest.fixture
def reader(chromium: Browser) -> Iterator[Browser]:
    """The browser; what a test opened is closed after it."""
    yield chromium
    for each in chromium.contexts:
        each.close()
    chromium.contexts.clear()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wrong_and_nobody_is_asked(reader: Browser, scheme: Literal["light", "dark"]) -> None:
    """No message on the console, no request but for the file itself, also after everything was opened."""
    tab = reader.open(scheme=scheme)
    tab.page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    tab.page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    tab.page.wait_for_function("document.readyState === 'complete'")
    assert tab.console_messages == []
    assert [each for each in tab.requested_urls if each not in (reader.address, "data:,")] == []


def test_what_a_server_sent_does_not_run(reader: Browser) -> None:
    """Every cell open, and still no script, picture, frame or handler of a server's."""
    tab = reader.open()
    tab.page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    assert tab.page.evaluate("window.hacked") is None
    assert tab.page.evaluate("document.querySelectorAll('main iframe, main img, main script').length") == 0
    assert tab.page.evaluate("document.title") == "8 WSGI servers through the gauntlet · wsgi-gauntlet"


@pytest.mark.parametrize("scripts", [True, False])
def test_the_matrix_leads_to_its_cells(reader: Browser, scripts: bool) -> None:
    """A sign is clicked, and the cell with its time line is in view; without scripts only what it came to."""
    tab = reader.open(scripts=scripts)
    assert tab.page.locator("noscript p").count() == (0 if scripts else 1)
    for sign in ("fail", "pass", "flaky"):
        link = tab.page.locator(f"#matrix a.v.{sign}").first
        target = (link.get_attribute("href") or "").removeprefix("#")
        link.click()
        cell = tab.page.locator(f"[id='{target}']")
        cell.wait_for(state="visible")
        if scripts:
            cell.locator("ol.time").wait_for(state="visible")
            assert "sent" in cell.locator("ol.time").inner_text()
        box = cell.bounding_box()
        assert box is not None
        assert -40 <= box["y"] < WIDE[1]


def test_a_link_from_another_page_opens_the_cell(reader: Browser) -> None:
    """The address of one cell can be mailed around."""
    tab = reader.open(fragment="#cell--waitress--http-host-missing")
    tab.page.locator("#cell--waitress--http-host-missing").wait_for(state="visible")


@pytest.mark.parametrize("size", [WIDE, PHONE])
def test_charts_are_there_to_see(reader: Browser, size: tuple[int, int]) -> None:
    """Each has a size, something drawn in it, and words for who cannot see it."""
    tab = reader.open(size)
    charts = tab.page.locator("svg.chart")
    assert charts.count() == 8 + 6
    for number in range(charts.count()):
        chart = charts.nth(number)
        box = chart.bounding_box()
        assert box is not None
        assert box["width"] > 150
        assert box["height"] > 50
        assert chart.locator("path, text").count() > 5
        assert chart.get_attribute("aria-label")


def test_light_and_dark_differ(reader: Browser) -> None:
    """As the system has it, and as the button says; text stands out from its ground in both."""
    grounds = {}
    ask = "getComputedStyle(document.body).backgroundColor"
    for scheme in ("light", "dark"):
        tab = reader.open(scheme=scheme)
        grounds[scheme] = tab.page.evaluate(ask)
        assert tab.page.evaluate("getComputedStyle(document.body).color") != grounds[scheme]
    assert grounds["light"] != grounds["dark"]
    tab = reader.open(scheme="dark")
    tab.page.locator("#theme").click()
    assert tab.page.evaluate(ask) == grounds["light"]
    tab.page.locator("#theme").click()
    assert tab.page.evaluate(ask) == grounds["dark"]
    assert tab.console_messages == []


@pytest.mark.parametrize("opened", [False, True])
def test_a_phone_never_scrolls_sideways(reader: Browser, opened: bool) -> None:
    """Wide tables scroll in their own boxes, also with every cell open."""
    tab = reader.open(PHONE)
    if opened:
        tab.page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    assert tab.page.locator("#matrix .box.tall").evaluate("each => each.scrollWidth > each.clientWidth")


def test_the_matrix_can_be_narrowed(reader: Browser) -> None:
    """To the cases that some server breaks, and to words; the heads stay where they are."""
    tab = reader.open()
    rows = tab.page.locator("tr.case:visible")
    every = rows.count()
    tab.page.select_option("#show", "broken")
    broken = rows.count()
    tab.page.fill("#find", "framing security")
    found = rows.count()
    assert every == 76
    assert 0 < found < broken < every
    assert tab.page.locator("#shown").inner_text() == f"{found} of 76 cases"
    tab.page.fill("#find", "")
    tab.page.select_option("#show", "flaky")
    assert rows.count() == tab.page.locator("tr.case:has(a.v.flaky)").count() > 0
    tab.page.select_option("#show", "")
    box = tab.page.locator("#matrix .box.tall")
    box.evaluate("each => { each.scrollTop = 900; }")
    top = box.bounding_box()
    head = tab.page.locator("#matrix thead th").first.bounding_box()
    assert abs(head["y"] - top["y"]) < 3


@pytest.fixture(scope="module")
def loaded(chromium: Browser, tmp_path_factory: pytest.TempPathFactory) -> Browser:
    """The same browser with the page of every scenario on ten servers."""
    file: Path = tmp_path_factory.mktemp("loaded") / "report.html"
    file.write_text(report_page.render(build_scenarios()), "utf-8")
    return Browser(chromium.browser, file.as_uri())


@pytest.mark.parametrize(("size", "scheme"), [(WIDE, "light"), (PHONE, "dark")])
def test_every_scenario_on_ten_servers(
    loaded: Browser, size: tuple[int, int], scheme: Literal["light", "dark"]
) -> None:
    """No word of a server's runs, nothing scrolls sideways, the overview's figures change and lead to their cells."""
    tab = loaded.open(size, scheme)
    page = tab.page
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert page.locator("#overview a.o").count() == 27 * 10
    assert page.locator("#overview .o .figure:visible").count() > 0
    page.check("#view-dropped")
    assert page.locator("#overview .o .figure:visible").count() == 0
    assert page.locator("#overview .o .dropped:visible").count() > 0
    link = page.locator("#overview a.o").nth(25)
    target = (link.get_attribute("href") or "").removeprefix("#")
    link.click()
    page.locator(f"[id='{target}']").wait_for(state="visible")
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert page.evaluate("window.hacked") is None
    assert tab.console_messages == []
    page.context.close()


LONG = "behind nginx:unix[unbuffered]+gunicorn:gthread[workers=4,threads=2,keep-alive=2,timeout=30]: 100 % in time."

NOT_INSTALLED = (
    "Django is not installed for /usr/bin/python3.11; get it with: /usr/bin/python3.11 -m pip install Django"
)

CUT_OFF = """found => [...document.querySelectorAll(found)].filter(each => {
    const at = each.getBoundingClientRect(), box = each.closest('.box').getBoundingClientRect();
    return !at.width || at.left < box.left || at.right > box.right || each.scrollWidth > each.clientWidth + 1;
}).map(each => each.textContent)"""


def unusual_results() -> Results:
    """Three versions, a framework that is not there beside one that is, and claims with long figures."""
    verdicts = {"gunicorn@20.1.0": Verdict.FAIL, "gunicorn@21.2.0": Verdict.PASS, "gunicorn@22.0.0": Verdict.FAIL}
    checks = []
    for server, verdict in verdicts.items():
        checks.append(CaseResult(server, "http/a-family-of-cases/one-with-quite-a-long-name", Level.MUST, (), verdict))
        for name in ("head", "moved"):
            checks.append(
                CaseResult(
                    server, f"frameworks/django/{name}", Level.MUST, (), Verdict.UNSUPPORTED, "", "", NOT_INSTALLED
                )
            )
            checks.append(CaseResult(server, f"frameworks/flask/{name}", Level.MUST, (), Verdict.PASS))
    claims = (Claim("nginx shields a server from slow clients", ClaimVerdict.HELD, "a rule", LONG),)
    servers = {name: ServerInfo(name, name, True, name.partition("@")[2]) for name in verdicts}
    loads = (ScenarioResult("gunicorn@22.0.0", "claims/shield", Grade.MEASURED, claims=claims),)
    return Results(SCHEMA, {}, servers, tuple(checks), loads)


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_nothing_long_is_cut_off(reader: Browser, tmp_path: Path, size: tuple[int, int]) -> None:
    """Figures, what a version changed, and the reason why there is nothing of a framework."""
    file = tmp_path / "report.html"
    file.write_text(report_page.render(unusual_results()), "utf-8")
    page = reader.open(size).page
    page.goto(file.as_uri())
    why = "#matrix .area td.why" if size is WIDE else "#matrix .area small.why"
    assert page.evaluate(f"document.querySelector('{why}').textContent") == NOT_INSTALLED
    for found in ("#claims td:last-child", "#history .versions tbody td:last-child", why):
        assert page.evaluate(CUT_OFF, found) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_could_not_be_judged_has_not_the_colour_of_a_pass(
    reader: Browser, tmp_path: Path, scheme: Literal["light", "dark"]
) -> None:
    file = tmp_path / "report.html"
    file.write_text(report_page.render(unusual_results()), "utf-8")
    page = reader.open(scheme=scheme).page
    page.goto(file.as_uri())
    shown = page.evaluate("""[...document.querySelectorAll('#matrix .area')].map(row => {
        const style = getComputedStyle(row.querySelectorAll('td')[0]);
        return [row.querySelector('a').textContent, style.color, style.fontWeight];
    })""")
    by_area = {area: look for area, *look in shown}
    assert by_area["frameworks/django"][0] != by_area["frameworks/flask"][0]
    assert (by_area["frameworks/django"][1], by_area["frameworks/flask"][1]) == ("400", "600")
