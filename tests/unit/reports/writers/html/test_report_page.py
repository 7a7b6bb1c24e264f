"""The page as text: complete without scripts, bounded, and deaf to what servers send."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from wsgi_gauntlet.harness.model import (
    SCHEMA,
    BaselineExpectation,
    BaselineStatus,
    CaseResult,
    ConnectionEvent,
    ConnectionEventKind,
    Evidence,
    Level,
    Results,
    ServerInfo,
    Verdict,
)
from wsgi_gauntlet.reports.writers.html import report_page
from wsgi_gauntlet.reports.writers.html.blocks import unpack

from .....helpers.sample_results import HOSTILE, SERVERS, build

VOID = {"meta", "link", "input", "br", "hr", "img", "wbr"}


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
        self.blocks: list[str] = []
        self.feed(text)
        self.close()

    @property
    def elements(self) -> int:
        """The number of all elements."""
        return sum(self.tags.values())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Count it; what can hold content is open until it is closed."""
        self.tags[tag] = self.tags.get(tag, 0) + 1
        if tag not in VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            elif name == "data-block":
                self.blocks.append(value or "")
            elif name == "href" and tag == "a":
                self.links.append(value or "")
            elif name in {"src", "href", "srcset", "action", "data"} and not (value or "").startswith("#"):
                self.requested_urls.append(value or "")
            elif name.startswith("on"):
                self.handlers.append(name)
            elif name == "style":
                self.handlers.append(f"style={value}")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """An element of SVG that closes itself."""
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        """Close the innermost element, which must be this one."""
        assert self.open.pop() == tag, f"</{tag}> at {self.getpos()}"


def without_data(text: str) -> str:
    """Return the page without its blocks, its script and its styles."""
    return re.sub(r"<(script|style)\b.*?</\1>", "", text, flags=re.DOTALL)


@pytest.fixture(scope="module")
def text(sample_page: Path) -> str:
    """The page of the sample."""
    return sample_page.read_text("utf-8")


@pytest.fixture(scope="module")
def hostile_text(hostile_page: Path) -> str:
    """The page of hostile results."""
    return hostile_page.read_text("utf-8")


def test_elements_nest_and_ids_are_unique(text: str, hostile_text: str) -> None:
    """No text of a server closed an element of the page."""
    for each in (text, hostile_text):
        page = Page(each)
        assert page.open == []
        assert len(page.ids) == len(set(page.ids))


def test_a_link_is_a_route_an_id_or_a_specification(text: str, hostile_text: str) -> None:
    for each in (text, hostile_text):
        page = Page(each)
        inside = {link[1:] for link in page.links if link.startswith("#") and not link.startswith("#/")}
        assert inside <= set(page.ids)
        assert all(link.startswith("#") for link in page.links)


def test_the_page_requests_nothing(text: str) -> None:
    """Styles, script and charts are in it, and its policy allows no more."""
    page = Page(text)
    assert page.requested_urls == ["data:,"]
    assert "@import" not in text
    assert "url(" not in text


def test_the_policy_allows_this_script_and_these_styles_only(text: str) -> None:
    policy = html.unescape(re.findall(r'Content-Security-Policy" content="([^"]*)"', text)[0])
    rules = dict(each.strip().split(" ", 1) for each in policy.split(";"))
    assert rules["default-src"] == rules["base-uri"] == rules["form-action"] == "'none'"
    for tag, name in (('<script type="module">', "script-src"), ("<style>", "style-src")):
        content = text.partition(tag)[2].partition(f"</{tag[1:].partition(' ')[0].rstrip('>')}>")[0]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert rules[name] == f"'sha256-{digest}'"


def test_text_of_servers_is_only_text(hostile_text: str) -> None:
    """One script, that of the page; no element, handler, control character or reversed text of a server."""
    page = Page(hostile_text)
    assert page.tags["script"] == 1 + len(page.blocks)
    assert page.tags["style"] == 1
    assert not {"iframe", "img", "object", "form", "base", "textarea"} & set(page.tags)
    assert page.handlers == []
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u2028\u202e\ud800-\udfff]", hostile_text)
    assert "{{ 7*7 }}" in hostile_text
    assert "49" not in re.findall(r"@name #1 (\S+)", hostile_text)


def test_the_first_screen_needs_no_script(text: str, results: Results) -> None:
    """It has a row for each server, with the word, the figures and their n."""
    shown = without_data(text)
    rows = shown.partition("<tbody>")[2].partition("</tbody>")[0]
    assert rows.count("<tr ") == len({each.server for each in results.conformance})
    waitress = rows[rows.index(">waitress<") :].partition("</tr>")[0]
    assert "3.0.2 · 1 worker, 4 threads" in waitress
    assert re.search(
        r'<a class="pill good" href="#rule-served" title="[^"]+"><span aria-hidden="true">✓</span> holds up', waitress
    )
    assert re.search(r'title="\d+ requests of healthy users[^"]*"><b class="good">100\s%</b><small>p99 9', waitress)
    assert re.search(r"<small>\d+ must · \d+ should · of \d+</small>", waitress)
    assert "<svg" in waitress
    assert "Response times of 32 users, 8 slow clients come and go" in shown
    assert "These pages need scripts" not in shown
    assert "wsgi-gauntlet report --split" in shown


def test_a_cell_that_does_not_count_says_so(text: str) -> None:
    """wsgiref's cell is invalid: its figure is grey, and its title has the reason."""
    rows = without_data(text).partition("<tbody>")[2]
    wsgiref = rows[rows.index(">wsgiref<") :].partition("</tr>")[0]
    assert re.search(r'title="does not count: invalid[^"]*"><b class="doubt">4\s%</b>', wsgiref)
    assert "stroke-dasharray" in wsgiref


def test_every_rule_of_a_word_has_its_place(text: str) -> None:
    links = set(re.findall(r'class="pill \w+" href="#([^"]+)"', text))
    assert links
    assert links <= set(Page(text).ids)


def test_broken_requirements_are_listed_without_scripts(text: str) -> None:
    """Security first, with the number of variants."""
    shown = without_data(text)
    listed = shown[shown.index('id="broken"') :]
    pyuwsgi = listed[listed.index("<b>pyuwsgi</b>") :].partition("</details>")[0]
    assert re.match(r"<b>pyuwsgi</b>: \d+ must \(5 security\), \d+ should", pyuwsgi)
    kinds = re.findall(r"</a> \(([^)]*)\)", pyuwsgi)
    assert [each.startswith("must, security") for each in kinds] == sorted(
        (each.startswith("must, security") for each in kinds), reverse=True
    )
    assert "(must, security, 2 of 2 variants)" in pyuwsgi


def test_unavailable_servers_are_listed(text: str) -> None:
    """With the command that installs them."""
    assert (
        "<b>bjoern</b>: bjoern is not installed for python3. Install it with <code>python3 -m pip install bjoern-binary"
        in text
    )
    assert "cheroot &lt;i&gt;is&lt;/i&gt;" in text


def test_an_interrupted_run_says_so() -> None:
    assert "This run was interrupted." in report_page.render(build(finished=False, loads=False))
    assert "This run was interrupted." not in report_page.render(build(loads=False))


@pytest.mark.parametrize(("checks", "loads"), [(True, False), (False, True), (False, False)])
def test_halves_of_a_run(checks: bool, loads: bool) -> None:
    """A part without data is not there, nor a link to it."""
    text = report_page.render(build(checks=checks, loads=loads))
    page = Page(text)
    assert ("broken" in page.ids) == checks
    assert ("scoreboard" in page.ids) == (checks or loads)
    assert ("Scenario " in without_data(text)) == loads
    heads = re.findall(r'<th scope="col"[^>]*>([^<]*)', text)
    assert any(each.startswith("Response times") for each in heads) == loads
    assert ("Security musts broken" in heads) == checks
    assert {each[1:] for each in page.links if each.startswith("#") and each[1:2] != "/"} <= set(page.ids)


def test_nothing_at_all() -> None:
    """Only a server that is not here."""
    text = report_page.render(Results(SCHEMA, {}, {"bjoern": SERVERS[8]}))
    assert "<h1>No server was tested</h1>" in text
    assert "bjoern is not installed" in text


def failing(servers: int, cases: int) -> Results:
    """Return results in which every cell fails and every text is hostile."""
    evidence = Evidence((ConnectionEvent(0.0, 1, ConnectionEventKind.RECEIVED, HOSTILE),), log="\x1b<log>\n")
    cell = CaseResult("", "", Level.MUST, ("security",), Verdict.FAIL, "<s>", "<e>" * 50, "<a>" * 50, 2, 1.0, evidence)
    names = [f"server-{each}" for each in range(servers)]
    return Results(
        SCHEMA,
        {},
        {each: ServerInfo(each, each, True) for each in names},
        tuple(
            msgspec.structs.replace(cell, server=server, case=f"http/area-{case % 9}/case-{case}")
            for server in names
            for case in range(cases)
        ),
    )


def test_a_big_run_has_few_elements() -> None:
    """56 servers that fail everything: the static shell has its limit, and says that there is more."""
    text = report_page.render(failing(56, 60))
    assert Page(text).elements <= report_page.MAX_STATIC_ELEMENTS
    assert "more are in the view Conformance" in text
    assert len(text) < 5_000_000


def test_the_index_has_every_cell(text: str, results: Results) -> None:
    index = unpack(re.findall(r'data-block="index">([^<]*)<', text)[0])
    assert isinstance(index, dict)
    letters = {name: "".join(each) for name, each in index["verdicts"].items()}
    for cell in results.conformance:
        place = next(place for place, each in enumerate(index["cases"]) if each["id"] == cell.case)
        assert (letters[cell.server][place] == "p") == (cell.verdict is Verdict.PASS)


def test_new_failures_come_first() -> None:
    """With a baseline: expected, got and the command that shows it again, before cards and scoreboard."""
    sample = build(loads=False)
    cells = [
        msgspec.structs.replace(each, baseline=BaselineExpectation(BaselineStatus.UNEXPECTED_FAIL))
        if each.case == "http/framing/te-and-cl" and each.server == "pyuwsgi"
        else msgspec.structs.replace(each, baseline=BaselineExpectation(BaselineStatus.EXPECTED, each.verdict, "known"))
        if each.verdict is Verdict.FAIL
        else each
        for each in sample.conformance
    ]
    text = without_data(
        report_page.render(msgspec.structs.replace(sample, conformance=tuple(cells), baseline="baseline.toml"))
    )
    changed = text[text.index('id="changed"') :].partition("</section>")[0]
    assert changed.startswith('id="changed">1 new failure against baseline.toml<')
    assert "<dt>Expected</dt><dd>400 Bad Request" in changed
    assert '<dt>Got</dt><dd class="got">200 OK, 14 bytes; the app was called twice' in changed
    assert re.search(r'<code class="replay">wsgi-gauntlet replay [^<]*te-and-cl', changed)
    assert changed.count("<article") == 1
    assert text.index('id="changed"') < text.index('id="scoreboard"')


def test_a_run_without_a_baseline_has_no_changes(text: str) -> None:
    assert 'id="changed"' not in text
