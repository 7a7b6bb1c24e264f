"""The sample results that every output is tried on, and a browser."""

from __future__ import annotations

import contextlib
import functools

import pytest

from wsgi_gauntlet.harness.model import Results

from ...helpers.report_browser import ReportBrowser, launched
from ...helpers.sample_results import build

_open_browser = contextlib.ExitStack()


@pytest.fixture(scope="session")
def results() -> Results:
    """A run with everything in it."""
    return build()


@functools.cache
def _browser() -> ReportBrowser:
    return _open_browser.enter_context(launched())


@pytest.fixture(scope="module")
def browser() -> ReportBrowser:
    """A browser. Modules that follow each other share it: to start one takes a second of CPU time."""
    return _browser()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    """End the browser before a test of another kind: it keeps an event loop in this thread."""
    if nextitem is None or nextitem.get_closest_marker("browser") is None:
        _browser.cache_clear()
        _open_browser.close()
