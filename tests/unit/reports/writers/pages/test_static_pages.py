"""Pages for viewers without scripts and inline styles: whole, escaped, and complete in a browser under that policy."""

from __future__ import annotations

import functools
import http.server
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from markupsafe import escape

from wsgi_gauntlet.harness.model import SCHEMA, GeneratorHealth, Grade, Results, ScenarioResult, Verdict
from wsgi_gauntlet.harness.model.load import TrafficStep
from wsgi_gauntlet.harness.store.base_run import base_run
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.text.comparison_summary import conclusions, repeat_command, round_rows, table_row
from wsgi_gauntlet.reports.writers.pages.static_pages import static_pages

from .....helpers import sample_comparison
from .....helpers.hostile_texts import poisoned
from .....helpers.http_server import serving_http
from .....helpers.report_browser import ReportBrowser
from .....helpers.sample_results import build
from .....helpers.sample_scenarios import build_scenarios

POLICY = "sandbox; default-src 'none'; img-src 'self'; style-src 'self'"
"""The policy that Jenkins sends with files of a build (its documentation: Configuring Content Security Policy)."""

VOID = {"meta", "source", "link", "img", "br", "rect", "path", "circle"}


class Page(HTMLParser):
    """Collects elements, attributes and links, and checks that elements nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[str] = []
        self.links: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [name for name, _ in attrs]
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "srcset")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


@pytest.fixture(scope="module")
def files(results: Results) -> dict[str, str]:
    """The pages of the sample."""
    return static_pages(results)


def html(files: dict[str, str]) -> dict[str, Page]:
    return {name: Page(text) for name, text in files.items() if name.endswith(".html")}


def test_no_page_has_a_script_or_an_inline_style(files: dict[str, str]) -> None:
    for name, page in html(files).items():
        assert page.open == [], name
        assert not {"script", "style", "iframe", "object", "form"} & set(page.tags), name
        assert not [each for each in page.attributes if each == "style" or each.startswith("on")], name


def test_every_link_leads_somewhere(files: dict[str, str]) -> None:
    """To a file of the folder, or to the document that is quoted."""
    for name, page in html(files).items():
        for link in page.links:
            assert link in files or re.match(r"https://", link), (name, link)


def test_there_is_a_page_for_each_server_and_scenario(files: dict[str, str], results: Results) -> None:
    servers, scenarios = aggregation.tried(results), aggregation.scenarios(results)
    assert sum(name.startswith("server-") for name in files) == len(servers)
    assert sum(name.startswith("scenario-") for name in files) == len(scenarios)
    assert {"index.html", "style.css", "charts/slow-clients.svg", "charts/classroom-strips.svg"} <= set(files)
    index = Page(files["index.html"])
    assert {name for name in files if name.startswith(("server-", "scenario-"))} <= set(index.links)


def test_a_broken_requirement_has_expected_got_and_the_sentence(files: dict[str, str]) -> None:
    page = files["server-gunicorn-sync.html"]
    article = page[page.index("http/framing/unread-1mb") :]
    article = article[: article.index("</article>")]
    assert "400 Bad Request, the app not called, the connection closed" in article
    assert "200 OK, 14 bytes; the app was called twice; the connection stayed open" in article
    assert "A sender MUST NOT send a Content-Length" in article
    assert "RFC 9112, 6.3" in article
    assert "<dt>Replay</dt><dd><code>wsgi-gauntlet replay gunicorn:sync http/framing/unread-1mb" in article
    assert "<summary>Evidence</summary>" in article
    assert "<summary>Server log</summary>" in article


def test_security_comes_first(results: Results) -> None:
    for row in [each for each in results.conformance if "security" in each.tags and each.verdict is Verdict.FAIL][:1]:
        page = next(text for name, text in static_pages(results).items() if f"<h1>{row.server}</h1>" in text)
        levels = re.findall(r'<span class="level">([^<]*)</span>', page)
        assert levels[0] == "must · security"
        assert levels == sorted(levels, key=["must · security", "must", "should"].index)


def test_servers_with_the_same_letters_have_pages_of_their_own() -> None:
    results = build_scenarios(2)
    first, second = results.servers
    names = {first: "a:b", second: "a+b"}
    renamed = msgspec.structs.replace(
        results,
        servers={names[key]: msgspec.structs.replace(each, name=names[key]) for key, each in results.servers.items()},
        load=tuple(msgspec.structs.replace(each, server=names[each.server]) for each in results.load),
    )
    files = static_pages(renamed)
    assert {"server-a-b.html", "server-a-b-2.html"} <= set(files)


def test_with_a_base_run_the_first_page_says_what_changed(results: Results) -> None:
    """It is the first screen of report.html too."""
    failing = next(each for each in results.conformance if each.verdict is Verdict.FAIL)
    before = msgspec.structs.replace(failing, verdict=Verdict.PASS)
    old = msgspec.structs.replace(results, conformance=(before,))
    index = static_pages(msgspec.structs.replace(results, base=base_run(old, "main<b>")))["index.html"]
    page = Page(index)
    assert page.open == []
    assert "<h2>1 new failure against main&lt;b&gt;</h2>" in index
    item = index[index.index("New failures: 1") : index.index("</details>")]
    assert failing.case in item
    assert "fail, and pass in main&lt;b&gt;" in item
    assert "wsgi-gauntlet replay" in item


def test_a_comparison_has_its_words_and_figures() -> None:
    """Also if the run has nothing else."""
    results = sample_comparison.results(sample_comparison.judged(sample_comparison.comparison({"p99": 1.2})))
    assert results.comparisons
    files = static_pages(results)
    index = files["index.html"]
    assert Page(index).open == []
    for each in results.comparisons:
        for text in (*conclusions(each), *(row[0] for row in map(table_row, each.judged))):
            assert escape(text) in index
        assert f"<code>{escape(repeat_command(each))}</code>" in index
        assert f"A difference below {each.threshold * 100:g} % does not matter." in index
        for cells, _ in round_rows(each):
            assert "".join(f"<td>{escape(cell)}</td>" for cell in cells[1:]) in index
    for suffix in ("", "-narrow"):
        assert "slower" in files[f"charts/compare-b{suffix}.svg"]
        assert f"charts/compare-b-points{suffix}.svg" in files


def test_an_empty_run_has_a_first_page() -> None:
    files = static_pages(Results(SCHEMA, {}, {}))
    assert set(files) == {"index.html", "style.css"}
    assert "No server was tested" in files["index.html"]


def test_hostile_text_stays_text() -> None:
    """Of a server's answers and of the notes of scenarios."""
    compared = sample_comparison.judged(sample_comparison.comparison({"p50": 1.2}, servers=("<script>a", "\u202e<b>")))
    poison = msgspec.structs.replace(poisoned(), base=base_run(poisoned(), "<script>\u202e"))
    for results in (build(), build_scenarios(4), poison, sample_comparison.results(compared)):
        for name, text in static_pages(results).items():
            assert "<script" not in text, name
            assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text), name


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The pages behind Jenkins' policy. The folder has the hostile scenarios too."""
    folder: Path = tmp_path_factory.mktemp("pages")
    for prefix, results in (("sample", build()), ("hostile", build_scenarios(3))):
        for name, text in static_pages(results).items():
            path = folder / prefix / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def end_headers(self) -> None:
            self.send_header("Content-Security-Policy", POLICY)
            super().end_headers()

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with serving_http(functools.partial(Handler, directory=str(folder))) as served:
        yield served


@pytest.mark.browser
@pytest.mark.parametrize(
    "path",
    ["sample/index.html", "sample/server-gunicorn-sync.html", "sample/scenario-classroom.html",
     "hostile/index.html", "hostile/scenario-soak.html"],
)  # fmt: skip
def test_a_page_is_complete_under_the_policy(browser: ReportBrowser, address: str, path: str) -> None:
    """All pictures show, the style sheet applies, and the browser reports no violation."""
    context = browser.browser.new_context(viewport={"width": 390, "height": 844})
    page = context.new_page()
    messages: list[str] = []
    failed: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.on("response", lambda response: failed.append(response.url) if response.status >= 400 else None)
    page.on("requestfailed", lambda request: failed.append(request.url))
    page.goto(f"{address}/{path}", wait_until="load")
    # The browser asks for an icon by itself.
    assert [each for each in failed if not each.endswith("/favicon.ico")] == []
    assert [each for each in messages if "Content Security Policy" in each or "Content-Security-Policy" in each] == []
    # Scripts are off in the sandbox, so the pictures and the styles are seen from outside.
    for image in page.locator("img").all():
        box = image.bounding_box()
        assert box is not None
        assert box["width"] > 100
        assert box["height"] > 50
        assert box["x"] + box["width"] <= 390
    heading = page.locator("h1").bounding_box()
    assert heading is not None
    assert heading["x"] == 16
    context.close()


def test_a_scenario_has_the_requests_the_log_and_what_disturbed_it() -> None:
    load = ScenarioResult(
        "s",
        "throughput",
        Grade.INVALID,
        generator=GeneratorHealth(False, why="the generator was late"),
        traffic=(TrafficStep("basket <b>", 7, 2, 0.25),),
        log="\x1b[31mfirst\nlast </pre><script>",
    )
    pages = static_pages(Results(SCHEMA, {}, {}, load=(load,)))
    page = next(text for name, text in pages.items() if name.startswith("scenario-"))
    assert "<p>the generator was late</p>" in page
    assert "basket &lt;b&gt;" in page
    assert "first\nlast &lt;/pre&gt;&lt;script&gt;</pre>" in page
    assert "\x1b" not in page
