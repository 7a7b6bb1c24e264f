"""The views of load results in a browser: charts with their data and exports, each server in detail, claims."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from wsgi_gauntlet.harness.model import (
    SCHEMA,
    Claim,
    ClaimVerdict,
    Cost,
    GeneratorHealth,
    Grade,
    Results,
    ScenarioInfo,
    ScenarioResult,
    Step,
)
from wsgi_gauntlet.reports.charts.palette import DARK, LIGHT
from wsgi_gauntlet.reports.writers.html import report_page

from ......helpers.report_browser import PHONE, WIDE, OpenPage, ReportBrowser, Scheme
from ......helpers.sample_scenarios import build_scenarios

pytestmark = pytest.mark.browser


@pytest.fixture
def tab(reader: ReportBrowser, sample_page: Path) -> Iterator[OpenPage]:
    """The page of the sample, wide and light. Its console stays empty."""
    opened = reader.open(sample_page)
    yield opened
    assert opened.console_messages == []


@pytest.fixture(scope="module")
def scenarios_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every scenario on three servers, with hostile notes."""
    file: Path = tmp_path_factory.mktemp("scenarios") / "report.html"
    file.write_text(report_page.render(build_scenarios(3)), "utf-8")
    return file


@pytest.fixture(scope="module")
def claims_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A claim on three servers, one of them without a verdict."""
    verdicts = {"a": ClaimVerdict.HELD, "b": ClaimVerdict.DID_NOT_HOLD}
    loads = [
        ScenarioResult(
            name, "claims/shield", Grade.MEASURED, claims=(Claim("nginx shields", each, "the rule", "0 %."),)
        )
        for name, each in verdicts.items()
    ]
    loads.append(ScenarioResult("c", "claims/shield", Grade.UNSUPPORTED, note="nginx is not installed"))
    results = Results(
        SCHEMA,
        {},
        {},
        load=tuple(loads),
        scenarios={"claims/shield": ScenarioInfo("claims/shield", "A shield", "Why?")},
    )
    file: Path = tmp_path_factory.mktemp("claims") / "report.html"
    file.write_text(report_page.render(results), "utf-8")
    return file


def chart(page: Any, name: str) -> Any:
    return page.locator(f"figure[data-chart='{name}']")


def test_n_star_comes_first(tab: OpenPage) -> None:
    """Then response times, then the grades of every server in every scenario."""
    tab.go("#/slow-clients")
    figures = tab.page.locator("figure[data-chart]")
    assert figures.first.get_attribute("data-chart") == "slow-clients"
    assert figures.count() == 2
    table = tab.page.locator("table.grades").first
    assert table.locator("tbody tr").count() == 8
    cell = table.locator("tbody tr", has_text="gunicorn:gthread").locator("td").nth(1)
    assert cell.inner_text().replace("\u00a0", " ") == "✗ N* 9"


def test_a_grade_leads_to_the_server_in_the_scenario(tab: OpenPage) -> None:
    """Its details are open, and back leads to the grades."""
    tab.go("#/slow-clients")
    tab.page.locator("table.grades a[href='#/load/classroom?server=waitress']").click()
    tab.wait_for_route("#/load/classroom")
    opened = tab.page.locator("details.server[open]")
    assert opened.count() == 1
    assert opened.get_attribute("data-server") == "waitress"
    assert "baseline" in opened.inner_text()
    tab.page.go_back()
    tab.wait_for_route("#/slow-clients")


def test_the_grades_are_one_tab_stop(tab: OpenPage) -> None:
    tab.go("#/slow-clients")
    assert tab.page.locator("table.grades").first.locator("[tabindex='0']").count() == 1


@pytest.mark.parametrize("name", ["slow-clients", "classroom/latency"])
def test_a_chart_has_its_data_as_a_table(tab: OpenPage, name: str) -> None:
    tab.go("#/slow-clients")
    figure = chart(tab.page, name)
    button = figure.get_by_role("button", name="Table")
    assert button.get_attribute("aria-expanded") == "false"
    button.click()
    assert button.get_attribute("aria-expanded") == "true"
    assert figure.locator("table tbody tr").count() >= 8
    button.click()
    assert figure.locator("table").is_hidden()


def test_a_chart_is_saved_and_copied(tab: OpenPage) -> None:
    """As SVG, PNG and CSV, and copied as Markdown."""
    tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab.go("#/slow-clients")
    figure = chart(tab.page, "slow-clients")
    saved = {}
    for kind in ("SVG", "PNG", "CSV"):
        with tab.page.expect_download() as download:
            figure.get_by_role("button", name=f"Save as {kind}").click()
        assert download.value.suggested_filename == f"slow-clients.{kind.lower()}"
        saved[kind] = Path(download.value.path()).read_bytes()
    assert "slow clients" in "".join(ET.fromstring(saved["SVG"]).itertext())
    assert saved["PNG"].startswith(b"\x89PNG")
    rows = list(csv.reader(saved["CSV"].decode().splitlines()))
    assert rows[0] == ["server", "slow-headers/byte"]
    assert ["gunicorn:gthread", "9"] in rows
    figure.get_by_role("button", name="Copy as Markdown").click()
    tab.wait_until("document.getElementById('toast').textContent.startsWith('Copied')")
    copied = tab.page.evaluate("navigator.clipboard.readText()")
    assert "| `gunicorn:gthread` | `9` |" in copied


def test_charts_fit_a_telephone(reader: ReportBrowser, sample_page: Path) -> None:
    """They are drawn again for the width, so that their text keeps its size."""
    tab = reader.open(sample_page, size=PHONE)
    tab.go("#/slow-clients")
    drawn = chart(tab.page, "slow-clients").locator("svg")
    assert drawn.get_attribute("width") == "344"
    assert drawn.bounding_box()["width"] >= 0.94 * 344
    tab.page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})
    tab.settle()
    assert chart(tab.page, "slow-clients").locator("svg").get_attribute("width") == "760"
    assert tab.console_messages == []


@pytest.mark.parametrize(("scheme", "theme"), [("light", LIGHT), ("dark", DARK)])
def test_charts_have_the_colours_of_the_theme(
    reader: ReportBrowser, sample_page: Path, scheme: Scheme, theme: dict[str, str]
) -> None:
    tab = reader.open(sample_page, scheme=scheme)
    tab.go("#/slow-clients")
    colour = tab.page.evaluate(
        "getComputedStyle(document.querySelector('figure[data-chart] svg .f-ink')).fill.match(/\\d+/g).map(Number)"
    )
    assert "#" + "".join(f"{value:02x}" for value in colour) == theme["ink"]


def test_a_scenario_has_question_figures_charts_and_panels(tab: OpenPage) -> None:
    tab.go("#/load/classroom")
    page = tab.page
    assert page.locator("#view h1").inner_text() == "Forty people in a classroom"
    assert "40 people open the app" in page.locator(".question").inner_text()
    row = page.locator("table.figures tbody tr", has_text="werkzeug:threaded")
    assert "n = 200" in row.inner_text().replace("\u00a0", " ")
    assert page.locator("tr.not-judged").count() == 1
    assert "the generator sent 14.2 of 20.0 requests a second" in page.locator("tr.not-judged + tr.why").inner_text()
    assert chart(page, "classroom/strips").count() == 1
    assert page.locator(".panels svg").count() == 8


def test_the_details_of_a_server_are_made_when_they_are_opened(tab: OpenPage) -> None:
    tab.go("#/load/classroom")
    details = tab.page.locator("details.server[data-server='gunicorn:sync']")
    assert details.locator("table").count() == 0
    tab.page.locator("table.figures button.link", has_text="gunicorn:sync").first.click()
    assert details.locator("table").count() == 1
    assert details.locator("dt", has_text="workers").count() == 1
    log = details.locator("details pre")
    assert log.is_hidden()
    details.locator("details summary").click()
    assert "<script>window.hacked=7</script>" in log.inner_text()
    assert tab.page.evaluate("window.hacked") is None


def test_a_windowed_scenario_has_metrics_and_panels(reader: ReportBrowser, scenarios_page: Path) -> None:
    tab = reader.open(scenarios_page, "#/load/soak")
    assert tab.page.locator(".panels svg").count() == 3
    assert "requests lost" in tab.page.locator("table.data", has_text="most memory").inner_text()
    assert "while the old worker left" in tab.page.locator("ul.notes").inner_text()
    assert tab.page.evaluate("window.hacked") is None
    assert tab.console_messages == []


def test_a_scenario_that_is_not_there_leads_to_those_that_are(tab: OpenPage) -> None:
    tab.go("#/load/nothing")
    assert "No such scenario" in tab.page.locator("#view h1").inner_text()
    tab.page.locator("ul.scenarios a", has_text="Throughput").click()
    tab.wait_until("document.querySelector('#view h1').textContent === 'Throughput'")


def test_charts_are_not_in_the_page_at_load(tab: OpenPage) -> None:
    """Only the strips and bars of the scoreboard are."""
    assert tab.page.locator("figure, .panels").count() == 0


@pytest.fixture(scope="module")
def scaled_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A server with one and with two workers."""
    loads = [
        ScenarioResult(
            name,
            "throughput",
            Grade.MEASURED,
            steps=(Step(8, rate=1000.0 * workers),),
            conditions={"workers": workers},
            generator=GeneratorHealth(valid=True, cpu_share=0.5, lateness_p99=0.002, offered=400, achieved=399),
            cost=Cost(20, rss=3 << 20, descriptors=20, threads=1, cpu=0.25),
        )
        for name, workers in (("gunicorn", 1), ("gunicorn[workers=2]", 2))
    ]
    results = Results(
        SCHEMA, {}, {}, load=tuple(loads), scenarios={"throughput": ScenarioInfo("throughput", "Many requests", "How?")}
    )
    file: Path = tmp_path_factory.mktemp("scaled") / "report.html"
    file.write_text(report_page.render(results), "utf-8")
    return file


def test_figures_by_number_of_workers_are_a_table_of_their_own(reader: ReportBrowser, scaled_page: Path) -> None:
    tab = reader.open(scaled_page, "#/slow-clients")
    assert tab.page.get_by_role("heading", name="By number of workers or threads").count() == 1
    table = tab.page.get_by_role("region", name="gunicorn by number of workers").locator("table")
    rows = [each.inner_text().split("\t") for each in table.locator("tr").all()]
    assert [[each.strip() for each in row] for row in rows] == [
        ["workers", "throughput"], ["1", "· 1,000/s"], ["2", "· 2,000/s"],
    ]  # fmt: skip
    with tab.page.expect_download() as saved:
        tab.page.get_by_role("button", name="Save as CSV: gunicorn by number of workers").click()
    with Path(saved.value.path()).open(encoding="utf-8-sig", newline="") as stream:
        assert list(csv.reader(stream)) == [["workers", "throughput"], ["1", "· 1,000/s"], ["2", "· 2,000/s"]]
    assert tab.violations() == []
    assert tab.console_messages == []


def test_details_say_whether_the_generator_kept_up_and_what_slow_clients_cost(
    reader: ReportBrowser, scaled_page: Path
) -> None:
    tab = reader.open(scaled_page, "#/load/throughput?server=gunicorn")
    text = tab.page.locator("details.server[open]").inner_text().replace("\u00a0", " ")
    assert "The generator kept up: 50 % of a core, late by 2 ms (p99), 399 of 400 requests per second." in text
    assert "20 slow clients cost the server 3 MiB of memory, 20 descriptors, 1 thread, 250 ms of CPU." in text


def test_claims_have_their_rule_and_figures(reader: ReportBrowser, claims_page: Path) -> None:
    tab = reader.open(claims_page, "#/claims")
    shown = tab.page.locator("#view").inner_text()
    assert "nginx shields" in shown
    assert "1 held, 1 did not hold" in shown
    assert "The rule: the rule" in shown
    assert tab.page.locator("table.figures tbody tr").count() == 2
    assert "A shield on c: nginx is not installed" in shown
    tab.page.locator("table.figures a", has_text="b").click()
    tab.wait_for_route("#/load/claims/shield")
    assert tab.page.locator("details.server[open]").get_attribute("data-server") == "b"
    assert tab.console_messages == []


@pytest.mark.parametrize(
    ("fragment", "scheme", "size"),
    [
        ("#/slow-clients", "light", WIDE),
        ("#/slow-clients", "dark", PHONE),
        ("#/load/classroom", "dark", WIDE),
        ("#/load/classroom", "light", PHONE),
        ("#/load/throughput", "light", WIDE),
        ("#/load/slow-headers/byte", "dark", PHONE),
    ],
)
def test_no_violation_of_wcag(
    reader: ReportBrowser, sample_page: Path, fragment: str, scheme: Scheme, size: tuple[int, int]
) -> None:
    """With all details and the data of a chart open."""
    tab = reader.open(sample_page, fragment, size=size, scheme=scheme)
    tab.page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    tab.page.get_by_role("button", name="Table").first.click()
    tab.settle()
    assert tab.violations() == []


def test_no_violation_of_wcag_in_claims(reader: ReportBrowser, claims_page: Path) -> None:
    assert reader.open(claims_page, "#/claims").violations() == []
