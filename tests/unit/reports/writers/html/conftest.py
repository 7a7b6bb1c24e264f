"""The pages of the samples on disk, and a browser that leaves them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from wsgi_gauntlet.harness.model import Results
from wsgi_gauntlet.reports.writers.html import report_page

from .....helpers.hostile_sample import hostile_results
from .....helpers.report_browser import ReportBrowser
from .....helpers.sample_conformance import MANY_CASES, MANY_SERVERS, build_conformance
from .....helpers.scoreboard_results import classroom


@pytest.fixture
def reader(browser: ReportBrowser) -> Iterator[ReportBrowser]:
    """The browser; the pages that a test opened are closed after it."""
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def sample_page(results: Results, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the sample."""
    return write_page(results, tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="session")
def hostile_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of results in which every text of a server is hostile."""
    return write_page(hostile_results(), tmp_path_factory.mktemp("hostile"))


@pytest.fixture(scope="session")
def page_of_many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of MANY_SERVERS with MANY_CASES and load."""
    results = build_conformance(MANY_SERVERS, MANY_CASES)
    load = tuple(classroom(name, 1 - number / 100) for number, name in enumerate(results.servers))
    return write_page(msgspec.structs.replace(results, load=load), tmp_path_factory.mktemp("many"))


def write_page(results: Results, folder: Path) -> Path:
    """Write the page of `results` and return its file."""
    file = folder / "report.html"
    file.write_text(report_page.render(results), "utf-8")
    return file
