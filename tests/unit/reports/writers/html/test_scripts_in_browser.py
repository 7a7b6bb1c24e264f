"""The modules of the page, one by one, in a real browser."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from importlib import resources
from typing import Any

import pytest
from markdown_it import MarkdownIt

from wsgi_gauntlet.reports.writers.html.blocks import pack
from wsgi_gauntlet.reports.writers.html.modules import constant_name, join_modules

from .....helpers.hostile_sample import ATTACK
from .....helpers.report_browser import ReportBrowser

pytestmark = pytest.mark.browser

ASSETS = resources.files("wsgi_gauntlet.reports.writers.html").joinpath("assets", "js")
TESTED = ("data", "dom", "router", "search", "grid", "sheet", "export", "copy", "toast")

INDEX = {
    "decisive": "fwkepisu",
    "servers": [
        {"name": "gunicorn:sync", "title": "gunicorn", "version": "27.0.1", "as_run": "27.0.1 · 1 worker"},
        {"name": "nginx[a=/x]+uwsgi", "title": "nginx and uWSGI", "version": "2.0", "as_run": "2.0"},
    ],
    "areas": ["http/framing", "http/host"],
    "requirements": [
        {"id": "http/framing/te-and-cl", "title": "Both lengths", "level": "must", "tags": ["security"], "document":
         "RFC 9112", "section": "6.3", "quote": "A sender MUST NOT", "cases": [0, 1], "area": "http/framing"},
        {"id": "http/host/missing", "title": "No Host", "level": "must", "tags": [], "document": "RFC 9112", "section":
         "3.2", "quote": "A server MUST respond", "cases": [2], "area": "http/host"},
    ],
    "cases": [
        {"id": "http/framing/te-and-cl/one", "r": 0, "variant": "one", "summary": "chunked first"},
        {"id": "http/framing/te-and-cl/two", "r": 0, "variant": "two", "summary": "length first"},
        {"id": "http/host/missing", "r": 1, "variant": "", "summary": "no Host at all"},
    ],
    "verdicts": {"gunicorn:sync": "pfp", "nginx[a=/x]+uwsgi": "pp-"},
    "scenarios": [{"id": "slow-headers/byte", "title": "Slow headers", "summary": ""}],
}  # fmt: skip


@pytest.fixture(scope="module")
def page(browser: ReportBrowser) -> Iterator[Any]:
    """An empty page with the exports of all modules, `store` over INDEX, and `find`."""
    script = join_modules(lambda path: ASSETS.joinpath(path).read_text("utf-8"), [f"{each}.js" for each in TESTED])
    names = ", ".join(constant_name(f"{each}.js") for each in TESTED)
    context = browser.browser.new_context()
    opened = context.new_page()
    opened.set_content('<!DOCTYPE html><p tabindex="0" id="before">x</p><div id="toast"></div><div id="place"></div>')
    opened.add_script_tag(content=f"(() => {{ {script}; Object.assign(window, {names}); }})()")
    opened.evaluate(
        "index => { window.store = makeStore(index, async () => null, () => false);"
        " window.find = makeSearch(store).find; }",
        INDEX,
    )
    yield opened
    context.close()


def test_the_worst_verdict_of_the_variants_decides(page: Any) -> None:
    assert page.evaluate("store.requirementVerdict(0, 0)") == {
        "verdict": "f", "counts": {"p": 1, "f": 1}, "n": 1, "m": 2,
    }  # fmt: skip
    assert page.evaluate("store.requirementVerdict(1, 0).verdict") == "p"
    assert page.evaluate("store.requirementVerdict(1, 1)") == {"verdict": "-", "counts": {}, "n": 0, "m": 0}


@pytest.mark.parametrize(
    ("route", "path", "query", "fragment"),
    [
        ("cells", [], {"is": "fail", "tag": "", "q": "9112"}, "#/cells?is=fail&q=9112"),
        ("cell", ["gunicorn:sync", "http/framing/te-and-cl"], {}, "#/cell/gunicorn:sync/http/framing/te-and-cl"),
        ("cell", ["nginx[a=/x]+uwsgi", "http/host/missing"], {}, "#/cell/nginx%5Ba%3D%2Fx%5D+uwsgi/http/host/missing"),
        ("load", "slow-headers/byte", {}, "#/load/slow-headers/byte"),
        ("compare", "a..b", {}, "#/compare/a..b"),
        ("search", [], {"q": "a&b #1"}, "#/search?q=a%26b+%231"),
    ],
)
def test_a_fragment_is_read_as_it_is_written(
    page: Any, route: str, path: list[str] | str, query: dict[str, str], fragment: str
) -> None:
    assert page.evaluate("([route, path, query]) => fragmentOf(route, path, query)", [route, path, query]) == fragment
    found = page.evaluate(
        "fragment => { const found = parseFragment(fragment); return [found.route, found.rest, found.path[0],"
        " found.tail, Object.fromEntries(found.query)]; }",
        fragment,
    )
    names = [path] if isinstance(path, str) else path
    assert found[0] == route
    assert found[4] == {name: value for name, value in query.items() if value}
    if len(names) == 2:
        assert found[2:4] == names
    elif names:
        assert found[1] == names[0]


@pytest.mark.parametrize("fragment", ["#/cell/%/x", "#/cells?is=%E0%A4%A", "#/", "", "#/////", "#/cell"])
def test_a_broken_fragment_is_no_error(page: Any, fragment: str) -> None:
    assert isinstance(page.evaluate("fragment => parseFragment(fragment).route", fragment), str)


@pytest.mark.parametrize(
    ("anchor", "fragment"),
    [
        ("#cell--gunicorn-sync--http-host-missing", "#/cell/gunicorn:sync/http/host/missing"),
        ("#cell--nginx-a-x-uwsgi--http-framing-te-and-cl-two",
         "#/cell/nginx%5Ba%3D%2Fx%5D+uwsgi/http/framing/te-and-cl/two"),
        ("#case--http-framing-te-and-cl-one", "#/requirement/http/framing/te-and-cl"),
        ("#area--http-host", "#/conformance?q=http%2Fhost"),
        ("#load--slow-headers-byte", "#/load/slow-headers/byte"),
        ("#load--slow-headers-byte--gunicorn-sync", "#/load/slow-headers/byte"),
        ("#comparison--gunicorn-sync--nginx-a-x-uwsgi", "#/compare/gunicorn:sync..nginx%5Ba%3D/x%5D+uwsgi"),
        ("#matrix", "#/conformance"),
        ("#not-judged", "#/not-judged"),
        ("#lint", "#/lint"),
        ("#load", "#/slow-clients"),
        ("#cell--nobody--nothing", None),
        ("#columns", None),
    ],
)  # fmt: skip
def test_an_anchor_of_an_older_page_has_a_fragment(page: Any, anchor: str, fragment: str | None) -> None:
    assert page.evaluate("([anchor, index]) => fromOldAnchor(anchor, index)", [anchor, INDEX]) == fragment


@pytest.mark.parametrize(
    ("text", "requirements", "servers"),
    [
        ("", [0, 1], []),
        ("9112", [0, 1], []),
        ("LENGTH first", [0], []),
        ("is:fail", [0], []),
        ("is:fail server:uwsgi", [], [1]),
        ("server:gunicorn is:pass host", [1], [0]),
        ("tag:security", [0], []),
        ("is:nonsense", [], []),
        ("gunicorn", [0, 1], [0]),
        ("uwsgi is:fail", [], [1]),
        ("xyzzy", [], []),
        (ATTACK, [], []),
    ],
)
def test_search(page: Any, text: str, requirements: list[int], servers: list[int]) -> None:
    found = page.evaluate("text => find(text)", text.encode("utf-8", "replace").decode())
    assert (found["requirements"], found["servers"]) == (requirements, servers)


def test_a_key_in_the_search_is_cheap(page: Any) -> None:
    """With as many requirements and servers as the largest run. The limit has room for slow machines."""
    seconds = page.evaluate(
        """() => {
            const cases = Array.from({ length: 1307 }, (_, place) => ({ id: `http/area/case-${place}`, r: place,
                variant: "", summary: "a summary of a case with as many words as usual, and some more ".repeat(2) }));
            const requirements = cases.map(({ id, summary }, place) => ({ id, title: summary, level: "must",
                tags: ["security"], document: "RFC 9112", section: "6.3", quote: summary.repeat(3), cases: [place] }));
            const named = (place) => ({ name: `server-${place}`, title: "", version: "" });
            const servers = Array.from({ length: 56 }, (_, place) => named(place));
            const verdicts = Object.fromEntries(servers.map(({ name }) => [name, "pf".repeat(654).slice(0, 1307)]));
            const index = { servers, cases, requirements, verdicts };
            const search = makeSearch(makeStore(index, async () => null, () => false));
            search.prepare();
            const started = performance.now();
            const texts = ["c", "ch", "chu", "is:fail c", "is:fail case-13", "server:server-5 is:fail x"];
            for (const text of texts) search.find(text);
            return (performance.now() - started) / 6 / 1000;
        }"""
    )
    assert seconds < 0.1


@pytest.mark.parametrize(
    ("key", "control", "row", "column"),
    [
        ("ArrowDown", False, 3, 1),
        ("ArrowUp", False, 1, 1),
        ("ArrowLeft", False, 2, 0),
        ("ArrowRight", False, 2, 2),
        ("Home", False, 2, 0),
        ("End", False, 2, 3),
        ("Home", True, 0, 0),
        ("End", True, 99, 3),
        ("PageDown", False, 12, 1),
        ("PageUp", False, 0, 1),
    ],
)
def test_keys_in_a_grid(page: Any, key: str, control: bool, row: int, column: int) -> None:
    moved = page.evaluate("([key, control]) => moveInGrid(key, control, { row: 2, column: 1 }, 100, 4)", [key, control])
    assert moved == {"row": row, "column": column}


def test_other_keys_do_nothing_in_a_grid(page: Any) -> None:
    assert page.evaluate("moveInGrid('a', false, { row: 2, column: 1 }, 100, 4)") is None


GRID = """() => {
    window.opened = [];
    window.grid = virtualGrid({
        label: "A grid", heads: ["Name", "Value"], widths: ["200px", "100px"],
        rowCount: 5000, rowHeight: 30, height: "300px",
        cells: (row) => [{ content: `row ${row}`, header: true }, { content: `${row * 2}`, label: `value ${row * 2}` }],
        open: (row, column) => opened.push([row, column]),
    });
    document.getElementById("place").replaceChildren(grid);
}"""

GRID_STYLES = """.grid { overflow: auto; position: relative; } .grid-body { position: relative; }
    .grid-row { position: absolute; left: 0; right: 0; display: grid; } .grid-head { display: grid; }"""


def test_a_long_grid_renders_what_is_in_view(page: Any) -> None:
    """It is one stop of the Tab key, and its keys reach every row."""
    page.add_style_tag(content=GRID_STYLES)
    page.evaluate(GRID)
    page.wait_for_function("document.querySelectorAll('.grid-row').length > 5")
    assert page.evaluate("document.querySelectorAll('.grid-row').length") < 40
    page.focus("#before")
    page.keyboard.press("Tab")
    focused = "[document.activeElement.closest('.grid-row')?.dataset.row, document.activeElement.dataset.column]"
    assert page.evaluate(focused) == ["0", "0"]
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert page.evaluate(focused) == ["1", "1"]
    page.keyboard.press("Enter")
    assert page.evaluate("opened") == [[1, 1]]
    page.keyboard.press("Control+End")
    assert page.evaluate(focused) == ["4999", "1"]
    page.wait_for_function("grid.scrollTop > 149000")
    page.wait_for_function("document.querySelectorAll('.grid-row').length < 40")
    order = page.evaluate("[...document.querySelectorAll('.grid-row')].map(each => Number(each.dataset.row))")
    assert order == sorted(order)
    assert page.evaluate("document.querySelectorAll('.grid [tabindex=\"0\"]').length") == 1
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('.grid')") is None


def test_the_store_keeps_the_last_blocks_of_evidence(page: Any) -> None:
    """Other blocks stay, and a block that went is unpacked again."""
    blocks = {
        "index": pack(INDEX),
        "other": pack([1]),
        **{f"evidence/{number}": pack([number]) for number in range(20)},
    }
    kept = page.evaluate(
        """async (blocks) => {
            const elements = Object.entries(blocks).map(
                ([name, text]) => h("script", { type: "text/plain", data: { block: name } }, text));
            document.body.append(...elements);
            const store = await openStore();
            const before = {};
            for (const name of Object.keys(blocks)) before[name] = await store.block(name);
            const kept = [];
            for (const name of Object.keys(blocks).reverse()) {
                if (await store.block(name) === before[name]) kept.push(name);
            }
            const again = await store.block("evidence/0");
            for (const each of elements) each.remove();
            return { kept, again };
        }""",
        blocks,
    )
    assert kept["again"] == [0]
    assert {"index", "other"} <= set(kept["kept"])
    assert "evidence/19" in kept["kept"]
    assert 2 < len(kept["kept"]) < 12


def test_a_grid_without_rows_is_no_error(page: Any) -> None:
    page.evaluate(GRID)
    page.evaluate("grid.refresh({ rowCount: 0 })")
    assert page.evaluate("document.querySelectorAll('.grid-row').length") == 0
    page.evaluate("grid.refresh({ rowCount: 2 })")
    assert page.evaluate("document.querySelectorAll('.grid-row').length") == 2


def test_a_sheet_keeps_the_focus_and_gives_it_back(page: Any) -> None:
    page.focus("#before")
    page.evaluate(
        "window.times = 0;"
        "openSheet(h('section', {}, h('h1', {}, 'A cell'), h('a', { href: '#/x' }, 'x')), () => times++)"
    )
    assert page.evaluate("[document.activeElement.textContent, document.querySelector('dialog').open]") == [
        "A cell",
        True,
    ]
    for _ in range(4):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") != "before"
    page.keyboard.press("Escape")
    page.wait_for_function("times === 1")
    assert page.evaluate("[document.activeElement.id, document.querySelector('dialog')]") == ["before", None]


@pytest.mark.parametrize(
    "text",
    [
        "plain",
        "a,b",
        'a "quoted" text',
        "=1+1",
        "+1",
        "-1",
        "@name",
        "\tx",
        "\rx",
        "a|b",
        "two\nlines",
        "`tick`",
        "``",
        ATTACK,
    ],
)
def test_a_table_has_no_formula_and_no_markup(page: Any, text: str) -> None:
    """A spreadsheet runs nothing of a cell, and a Markdown renderer shows it as code."""
    text = text.encode("utf-8", "replace").decode()
    found = page.evaluate("text => exportTable(['server', 'value'], [[text, 5], ['x', null]])", text)
    rows = list(csv.reader(io.StringIO(found["csv"], newline="")))
    assert rows[0] == ["server", "value"]
    assert rows[1] == [f"'{text}" if text[0] in "=+-@\t\r" else text, "5"]
    assert rows[2] == ["x", ""]
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(found["markdown"])
    assert html.count("<tr>") == 3
    shown = html.partition("<tbody>")[2].partition("</td>")[0]
    assert shown.startswith("\n<tr>\n<td><code>")
    assert shown.count("<") == 4  # tr, td, code and the end of code


def test_a_chart_is_cleaned(page: Any) -> None:
    """Python escapes all text of charts. A second look costs little."""
    shown = page.evaluate(
        """() => {
            const chart = svg(`<svg xmlns="http://www.w3.org/2000/svg" onload="window.hacked=1">
                <script>window.hacked=2</script>
                <foreignObject><p xmlns="http://www.w3.org/1999/xhtml">x</p></foreignObject>
                <a href="javascript:1"><text>b</text></a><rect width="1" height="1" onclick="window.hacked=3"/></svg>`);
            document.getElementById("place").replaceChildren(chart);
            const left = chart.outerHTML.match(/script|foreign|on[a-z]+=|href|<a/gi);
            return [left, chart.querySelectorAll("rect").length, window.hacked];
        }"""
    )
    assert shown == [None, 1, None]


def test_a_broken_chart_is_a_sentence(page: Any) -> None:
    assert page.evaluate("svg('<svg').textContent") == "This chart cannot be shown."


@pytest.mark.parametrize(
    "address", ["javascript:alert(1)", "data:text/html,x", " javascript:alert(1)", "//other.example/"]
)
def test_only_fragments_and_web_addresses_are_links(page: Any, address: str) -> None:
    assert page.evaluate("address => h('a', { href: address }, 'x').hasAttribute('href')", address) is False
