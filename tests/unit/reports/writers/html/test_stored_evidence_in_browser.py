"""The script finds the evidence of each cell in the blocks that evidence.py wrote."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator
from importlib import resources
from typing import Any

import pytest

from wsgi_gauntlet.harness.model import Results, Verdict
from wsgi_gauntlet.reports.writers.html.evidence import evidence_blocks
from wsgi_gauntlet.reports.writers.html.index import index
from wsgi_gauntlet.reports.writers.html.modules import constant_name, join_modules

from .....helpers.report_browser import ReportBrowser

pytestmark = pytest.mark.browser

ASSETS = resources.files("wsgi_gauntlet.reports.writers.html").joinpath("assets", "js")


@pytest.fixture
def page(browser: ReportBrowser, results: Results) -> Iterator[Any]:
    """An empty page with `store` over the index and the evidence of the sample."""
    script = join_modules(lambda path: ASSETS.joinpath(path).read_text("utf-8"), ["data.js"])
    blocks = {
        name: json.loads(zlib.decompress(data, -zlib.MAX_WBITS))
        for name, data in evidence_blocks(results, 100_000_000).items()
    }
    context = browser.browser.new_context()
    opened = context.new_page()
    opened.add_script_tag(content=f"(() => {{ {script}; Object.assign(window, {constant_name('data.js')}); }})()")
    opened.evaluate(
        "([index, blocks]) => { window.store = makeStore(index, async (name) => blocks[name] ?? null, () => true); }",
        [index(results), blocks],
    )
    yield opened
    context.close()


def test_every_cell_has_its_own_evidence(page: Any, results: Results) -> None:
    found: Any = index(results)
    cases = [each["id"] for each in found["cases"]]
    servers = [each["name"] for each in found["servers"]]
    places = [(servers.index(each.server), cases.index(each.case)) for each in results.conformance]
    shown = page.evaluate(
        "places => Promise.all(places.map(([server, place]) => store.evidence(server, place)))", places
    )
    for each, evidence in zip(results.conformance, shown, strict=True):
        assert [row["kind"] for row in evidence["wire"]][:3] == [event.kind for event in each.evidence.wire][:3]
        assert evidence["summary"] == each.summary
        assert evidence["app"][0]["read"][:2] == ["method", "path"]
        assert evidence["app"][0]["detail"]["query"] == each.evidence.app[0].detail["query"]
        if each.verdict is Verdict.FAIL:
            data = [base64.b64decode(row["data"]) for row in evidence["wire"]]
            assert data == [event.data for event in each.evidence.wire]
            assert all(row["cut"] == 0 for row in evidence["wire"])
            times = [event.at - each.evidence.wire[0].at for event in each.evidence.wire]
            assert [row["at"] for row in evidence["wire"]] == pytest.approx(times, abs=1e-4)


def test_evidence_that_was_left_out_is_null(page: Any) -> None:
    assert page.evaluate("store.evidence(0, 99999)") is None
    assert page.evaluate("makeStore(store.index, async () => null, () => false).evidence(0, 0)") is None
