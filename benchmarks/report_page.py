"""Measure the page of many servers in a browser: its size, and what it costs to load, filter, open cells and print.

It repeats the cells of a real run under new server names until there are 10 and 56 servers with all cases, writes the
report of each, and opens it in chromium. Each figure is printed beside its limit:

    python benchmarks/report_page.py RUN [FOLDER]

RUN is the folder of a run of `check` or `run`. The repeated runs go into FOLDER, by default a temporary one. CPU is
that of the main thread of the page. Times to open a cell are wall-clock times: measure on a machine that does nothing
else. The first line of each page is the time of a fixed loop in the browser: it makes two machines comparable.
The memory of the renderer is its proportional set (PSS): chromium's own code counts once for all of its processes.
"""

# ruff: noqa: T201 - this script prints its result

from __future__ import annotations

import random
import re
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from report_size import LIMITS as REPORT_LIMITS
from report_size import SERVER_COUNTS, folder_of, measure, repeat

from wsgi_gauntlet.reports.writers.html.blocks import unpack

LIMITS: dict[str, dict[int, float]] = {
    "page, MB": {10: 3, 56: 8},
    "report: CPU, s": {count: seconds for count, (_, seconds, _) in REPORT_LIMITS.items()},
    "report: memory, MB": {count: memory for count, (_, _, memory) in REPORT_LIMITS.items()},
    "elements without scripts": dict.fromkeys(SERVER_COUNTS, 3000),
    "elements at load": dict.fromkeys(SERVER_COUNTS, 5000),
    "elements, conformance": dict.fromkeys(SERVER_COUNTS, 5000),
    "elements, conformance with requirements as rows": dict.fromkeys(SERVER_COUNTS, 5000),
    "CPU to load, s": {10: 0.5, 56: 1.5},
    "tab stops, overview": dict.fromkeys(SERVER_COUNTS, 150),
    "tab stops, conformance": dict.fromkeys(SERVER_COUNTS, 150),
    "pages of print, overview": dict.fromkeys(SERVER_COUNTS, 25),
    "CPU a key, search, ms (median)": dict.fromkeys(SERVER_COUNTS, 30),
    "CPU a key, search, ms (most)": dict.fromkeys(SERVER_COUNTS, 30),
    "CPU a key, filter, ms (median)": dict.fromkeys(SERVER_COUNTS, 30),
    "CPU a key, filter, ms (most)": dict.fromkeys(SERVER_COUNTS, 30),
    "CPU a key, filter, requirements as rows, ms (median)": dict.fromkeys(SERVER_COUNTS, 30),
    "CPU a key, filter, requirements as rows, ms (most)": dict.fromkeys(SERVER_COUNTS, 30),
    "open a cell, ms (median)": dict.fromkeys(SERVER_COUNTS, 100),
    "open a cell, ms (most)": dict.fromkeys(SERVER_COUNTS, 100),
    "open a cell, CPU ms (median)": dict.fromkeys(SERVER_COUNTS, 100),
    "open a cell, CPU ms (most)": dict.fromkeys(SERVER_COUNTS, 100),
    "renderer at load, MB": {10: 200, 56: 350},
    "renderer after 25 cells, MB": {10: 200, 56: 350},
}
"""The largest figure by number of servers."""

OPENED_CELLS = 25

TYPED = "chunked te"
"""What is typed into the search and the filter."""

SEED = 1

READY = "document.documentElement.dataset.ready === 'yes'"

ELEMENTS = "document.querySelectorAll('*').length"

LOOP = """() => {
    const started = performance.now();
    let sum = 0;
    for (let place = 0; place < 2e7; place++) sum += Math.sqrt(place);
    return performance.now() - started;
}"""

SETTLED = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => requestIdleCallback(done))))"

OPEN_CELL = """async ([fragment, id]) => {
    const shown = () => {
        const head = document.querySelector("dialog.sheet .cell-title");
        return head?.textContent === id && head.offsetHeight > 0;
    };
    const started = performance.now();
    location.hash = fragment;
    await new Promise((done) => {
        const look = () => shown() && (observer.disconnect(), done());
        const observer = new MutationObserver(look);
        observer.observe(document.body, { childList: true, subtree: true });
        look();
    });
    return performance.now() - started;
}"""


@dataclass
class Figures:
    """Figures by name, in the order of measuring."""

    servers: int
    missed: bool = False

    def add(self, name: str, value: float, note: str = "") -> None:
        """Print a figure beside its limit."""
        limit = LIMITS[name][self.servers]
        above = value > limit
        self.missed |= above
        text = f"{value:,.0f}" if value >= 200 else f"{value:,.2f}".rstrip("0").rstrip(".")
        mark = "ABOVE" if above else "ok"
        print(f"{self.servers:3} {name:55} {text:>9} of {limit:7,g}  {mark:5}  {note}", flush=True)


class Tab:
    """The page in a browser."""

    def __init__(self, browser: Any, page: Any) -> None:
        self._browser = browser.new_browser_cdp_session()
        self._session = page.context.new_cdp_session(page)
        self._session.send("Performance.enable", {"timeDomain": "threadTicks"})
        self.page = page

    def open(self, url: str, condition: str = READY) -> None:
        """Load `url`, and wait until nothing more happens."""
        self.page.goto("about:blank")
        self.page.goto(url)
        self.wait(condition)

    def go(self, fragment: str, condition: str) -> None:
        """Show the view of `fragment`."""
        self.page.evaluate("fragment => { location.hash = fragment; }", fragment)
        self.wait(condition)

    def wait(self, condition: str) -> None:
        """Wait until `condition` holds and the page has been drawn."""
        self.page.evaluate(
            f"async () => {{ while (!({condition})) await new Promise(requestAnimationFrame); await {SETTLED}; }}"
        )

    def cpu(self) -> float:
        """Return the CPU of the main thread until now in seconds."""
        found = self._session.send("Performance.getMetrics")["metrics"]
        return float(next(each["value"] for each in found if each["name"] == "TaskDuration"))

    def spent(self, action: Callable[[], object]) -> float:
        """Return the milliseconds of CPU of an action, until nothing more happens."""
        before = self.cpu()
        action()
        self.page.evaluate(SETTLED)
        return (self.cpu() - before) * 1000

    def typed(self, selector: str) -> list[float]:
        """Return the milliseconds of CPU of each key of `TYPED` in a field, and of deleting them."""
        self.page.locator(selector).focus()
        self.page.evaluate(SETTLED)
        keys = [*TYPED, *["Backspace"] * len(TYPED)]
        return [self.spent(lambda key=key: self.page.keyboard.press(key)) for key in keys]

    def tab_stops(self) -> int:
        """Return the number of elements that the Tab key reaches."""
        self.page.evaluate("document.activeElement.blur(); scrollTo(0, 0); window.reached = new Set()")
        step = """() => {
            const now = document.activeElement;
            if (now === document.body || now === document.documentElement || window.reached.has(now)) return false;
            window.reached.add(now);
            return true;
        }"""
        count = 0
        self.page.keyboard.press("Tab")
        while self.page.evaluate(step) and count < 1000:
            count += 1
            self.page.keyboard.press("Tab")
        return count

    def memory(self) -> tuple[float, float]:
        """Return the resident set and the proportional one of the renderer in MB."""
        processes = self._browser.send("SystemInfo.getProcessInfo")["processInfo"]
        sizes = [_memory(each["id"]) for each in processes if each["type"] == "renderer"]
        return max(sizes)


def _memory(pid: int) -> tuple[float, float]:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii")
    found = dict(re.findall(r"^(Rss|Pss): +(\d+) kB", text, re.MULTILINE))
    return int(found["Rss"]) / 1024, int(found["Pss"]) / 1024


def failures(page: str) -> list[tuple[str, str]]:
    """Return server and case of all failures of the page."""
    match = re.search(r'data-block="index">([^<]*)<', page)
    assert match is not None, "the page has no index"
    index = cast("dict[str, Any]", unpack(match[1]))
    cases = [each["id"] for each in index["cases"]]
    return [
        (server, cases[place])
        for server, letters in index["verdicts"].items()
        for place, letter in enumerate(letters)
        if letter == "f"
    ]


def measure_page(browser: Any, file: Path, figures: Figures) -> None:
    """Print the figures of a page."""
    url = file.as_uri()
    silent = browser.new_context(java_script_enabled=False, viewport={"width": 1400, "height": 900})
    page = silent.new_page()
    page.goto(url)
    figures.add("elements without scripts", page.locator("*").count())
    silent.close()

    context = browser.new_context(viewport={"width": 1400, "height": 900})
    tab = Tab(browser, context.new_page())
    resident, proportional = tab.memory()
    print(
        f"{figures.servers:3} fixed loop {tab.page.evaluate(LOOP):.0f} ms, "
        f"empty page {resident:.0f} MB resident, {proportional:.0f} MB proportional"
    )
    loads = []
    for _ in range(3):
        tab.open(url)
        loads.append(tab.cpu())
    figures.add("CPU to load, s", statistics.median(loads), f"of three: {', '.join(f'{each:.2f}' for each in loads)}")
    resident, proportional = tab.memory()
    figures.add("renderer at load, MB", proportional, f"resident {resident:.0f}")
    figures.add("elements at load", tab.page.evaluate(ELEMENTS))
    figures.add("tab stops, overview", tab.tab_stops())
    figures.add("pages of print, overview", len(re.findall(rb"/Type\s*/Page\b", tab.page.pdf())))
    _add_each(figures, "CPU a key, search, ms", tab.typed("#search"))

    conformance = "document.querySelector('.conformance [role=grid]') !== null"
    tab.go("#/conformance", conformance)
    figures.add("elements, conformance", tab.page.evaluate(ELEMENTS))
    figures.add("tab stops, conformance", tab.tab_stops())
    _add_each(figures, "CPU a key, filter, ms", tab.typed("#filter-q"))
    tab.go("#/method", "document.getElementById('view').dataset.view === 'method'")
    tab.go("#/cells?rows=requirements", conformance)
    figures.add("elements, conformance with requirements as rows", tab.page.evaluate(ELEMENTS))
    _add_each(figures, "CPU a key, filter, requirements as rows, ms", tab.typed("#filter-q"))

    tab.open(url + "#/conformance", f"{READY} && {conformance}")
    times, spent = [], []
    found = failures(file.read_text("utf-8"))
    for server, case in random.Random(SEED).sample(found, min(OPENED_CELLS, len(found))):
        fragment = f"#/cell/{server.replace('/', '%2F').replace('+', '%2B')}/{case}"
        spent.append(tab.spent(lambda at=[fragment, case]: times.append(tab.page.evaluate(OPEN_CELL, at))))
        tab.page.keyboard.press("Escape")
        tab.wait("document.querySelector('dialog') === null")
    _add_each(figures, "open a cell, ms", times)
    _add_each(figures, "open a cell, CPU ms", spent)
    resident, proportional = tab.memory()
    figures.add("renderer after 25 cells, MB", proportional, f"resident {resident:.0f}")
    context.close()


def _add_each(figures: Figures, name: str, values: list[float]) -> None:
    figures.add(f"{name} (median)", statistics.median(values))
    figures.add(f"{name} (most)", max(values), " ".join(f"{each:.0f}" for each in values))


def main() -> None:
    """Print the figures for each number of servers."""
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    from playwright.sync_api import sync_playwright

    missed = False
    with folder_of(sys.argv[2:]) as folder, sync_playwright() as playwright:
        for count in SERVER_COUNTS:
            run = folder.resolve() / f"{count}-servers"
            run.mkdir(parents=True, exist_ok=True)
            repeat(Path(sys.argv[1]), run, count)
            seconds, memory = measure(run)
            figures = Figures(count)
            figures.add("report: CPU, s", seconds)
            figures.add("report: memory, MB", memory)
            figures.add("page, MB", (run / "report.html").stat().st_size / 1e6)
            browser = playwright.chromium.launch(
                executable_path="/usr/bin/chromium", args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
            )
            measure_page(browser, run / "report.html", figures)
            browser.close()
            missed |= figures.missed
    raise SystemExit("a limit is exceeded" if missed else 0)


if __name__ == "__main__":
    main()
