"""The page as text: whole, bounded, asking nobody for anything, and deaf to what servers say."""

from __future__ import annotations

import base64
import json
import re
import zlib
from html.parser import HTMLParser
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
    Level,
    Results,
    Verdict,
)
from wsgi_gauntlet.reports.writers.html import report_page
from wsgi_gauntlet.reports.writers.html.sections.anchors import Anchors

from .....helpers.sample_results import HOSTILE, SERVERS, build

VOID = {"meta", "link", "input", "br", "hr", "img"}


class Page(HTMLParser):
    """Collects what a browser would act on, and checks that elements nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: dict[str, int] = {}
        self.ids: list[str] = []
        self.links: list[str] = []
        self.requested_urls: list[str] = []
        self.handlers: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Count it; what can hold content is open until it is closed."""
        self.tags[tag] = self.tags.get(tag, 0) + 1
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            elif name == "href" and tag == "a":
                self.links.append(value or "")
            elif name in {"src", "href", "srcset", "action", "data"} and not (value or "").startswith("#"):
                self.requested_urls.append(value or "")
            elif name.startswith("on"):
                self.handlers.append(name)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element of SVG that closes itself."""
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        """Close the innermost element, which must be this one (an open paragraph or list item may be left)."""
        assert self.open.pop() == tag, f"</{tag}> at {self.getpos()}"


def unpacked(text: str) -> list[Any]:
    """Return what is packed into the page, as its script unpacks it."""
    packed = text.partition('id="evidence">')[2].partition("</script>")[0]
    return json.loads(zlib.decompress(base64.b64decode(packed)))  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def text(results: Results) -> str:
    """The page of the sample."""
    return report_page.render(results)


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    """The same, parsed."""
    return Page(text)


def test_elements_nest_and_ids_are_unique(page: Page) -> None:
    """No text of a server closed an element of the page."""
    assert page.open == []
    assert len(page.ids) == len(set(page.ids))


def test_every_link_inside_leads_somewhere(page: Page, results: Results) -> None:
    """Each cell of the matrix, each case, each part; other links go to the specifications only."""
    inside = {each[1:] for each in page.links if each.startswith("#")}
    assert inside <= set(page.ids)
    names = Anchors()
    assert {names.cell(each.server, each.case) for each in results.conformance} <= inside
    outside = {each for each in page.links if not each.startswith("#")}
    assert all(re.match(r"https://(peps\.python\.org|www\.rfc-editor\.org)/", each) for each in outside)


def test_the_page_asks_no_address_for_anything(page: Page, text: str) -> None:
    """Styles, script and pictures are in it, and its policy allows no more."""
    assert page.requested_urls == ["data:,"]
    assert "@import" not in text
    assert "url(http" not in text
    assert "default-src &#39;none&#39;" in text


def test_a_servers_words_are_only_words(page: Page, text: str) -> None:
    """One script, that of the page; no element, handler or control character of a server."""
    assert page.tags["script"] == 2
    assert re.search(r'<script type="text/plain" id="evidence">[A-Za-z0-9+/=]+</script>', text)
    assert not {"iframe", "img", "object", "form", "base"} & set(page.tags)
    assert page.handlers == []
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e\ud800-\udfff]", text)
    assert "{{ 7*7 }}" in text
    text.encode("utf-8")


def test_every_cell_has_its_section(text: str, results: Results) -> None:
    """With requirement, quote, expected and actual; wire, app events and log are packed at its place."""
    cell = Anchors().cell("pyuwsgi", "http/framing/te-and-cl")
    section = text[text.index(f'id="{cell}"') :]
    section = section[: section.index("</details>")]
    for expected_text in ("400 Bad Request, the app not called", "the app was called twice"):
        assert expected_text in section
    place = int(text[: text.index(f'id="{cell}"')].rpartition('data-e="')[2].partition('"')[0])
    assert results.conformance[place].server == "pyuwsgi"
    rows, log = unpacked(text)[place]
    assert "POST /echo?t=" in rows[1][5]
    assert next(row[4] for row in rows if row[2] == "app") == "called (pid 4711)"
    assert "Booting worker" in log
    assert text.count('class="inside" id="cell--') == len(results.conformance)
    assert "A server MUST respond with a 400" in text
    assert "<dt>Basis</dt><dd>MUST of the text.</dd>" in text
    assert "<dt>Basis</dt><dd>definition: Another reading would be &lt;b&gt;another&lt;/b&gt; request. RFC 9110" in text
    assert "<dt>Breach</dt><dd>On purpose, the client breaks a rule" in text


def test_signs_are_there_beside_the_colours(text: str) -> None:
    """The legend explains each that occurs."""
    for verdict in Verdict:
        assert re.search(rf'<b class="v {verdict}">[^<]</b> {verdict}: ', text)


def test_unavailable_servers_are_rows(text: str) -> None:
    """That say how to get them."""
    assert (
        "not available: bjoern is not installed for python3. Install it with <code>python3 -m pip install bjoern-binary"
        in text
    )
    assert "cheroot &lt;i&gt;is&lt;/i&gt;" in text


def test_an_interrupted_run_says_so() -> None:
    """At the top, and not otherwise."""
    assert "This run was interrupted." in report_page.render(build(finished=False, loads=False))
    assert "This run was interrupted." not in report_page.render(build(loads=False))


@pytest.mark.parametrize(("checks", "loads"), [(True, False), (False, True), (False, False)])
def test_halves_of_a_run(checks: bool, loads: bool) -> None:
    """A part that there is nothing for is not there, nor a link to it."""
    text = report_page.render(build(checks=checks, loads=loads))
    page = Page(text)
    assert ("matrix" in page.ids) == ("cells" in page.ids) == checks
    assert ("load" in page.ids) == loads
    assert {each[1:] for each in page.links if each.startswith("#")} <= set(page.ids)


def test_nothing_at_all() -> None:
    """Only a server that is not here."""
    assert "No server went through the gauntlet" in report_page.render(Results(SCHEMA, {}, {"bjoern": SERVERS[8]}))


def test_a_big_run_stays_small_enough() -> None:
    """Ten servers, 130 cases, every cell failing with a flood of hostile evidence: still a page that opens."""
    wire = tuple(ConnectionEvent(float(at), 1, ConnectionEventKind.RECEIVED, HOSTILE * 8) for at in range(12))
    app = tuple(AppEvent(float(at), "called", 1, 1, detail={"environ": {"x": "\x00<" * 1000}}) for at in range(6))
    evidence = Evidence(wire, app, "\x1b<log>\n" * 3000)
    cell = CaseResult("", "", Level.MUST, ("security",), Verdict.FAIL, "<s>", "<e>" * 50, "<a>" * 50, 2, 1.0, evidence)
    checks = tuple(
        msgspec.structs.replace(cell, server=f"server-{server}", case=f"http/area-{case % 9}/case-{case}")
        for server in range(10)
        for case in range(130)
    )
    text = report_page.render(Results(SCHEMA, {}, {}, checks))
    assert len(text) < 5_000_000
    assert all(rows and log for rows, log in unpacked(text))


def test_names_are_never_two_the_same() -> None:
    """Though two servers or cases differ only in what an anchor cannot hold."""
    names = Anchors()
    found = [names.cell("a:b", "x/y"), names.cell("a+b", "x/y"), names.cell("a:b", "x:y"), names.case("x/y")]
    assert len(set(found)) == 4
    assert names.cell("a+b", "x/y") == found[1]
    assert names.cell("§", "†").isascii()
