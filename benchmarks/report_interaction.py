"""Measure the views about conformance in chromium: the time to open a cell, and the time of a key in the filter.

    python benchmarks/report_interaction.py report.html [--rounds 9]

A page of 56 servers and all cases comes from `benchmarks/report_size.py RUN FOLDER`. Times are milliseconds of the main
thread: the fastest of all rounds, and the median. Other processes make the median larger. The first line is the time of
a fixed loop in the same browser, so that two machines, or two moments of one, can be compared.

Ends with 0 if the fastest times are at most --cell and --key, 1 if not, 2 if there is no chromium.
"""

# ruff: noqa: T201 - this script prints its result

from __future__ import annotations

import argparse
import re
import shutil
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from playwright.sync_api import sync_playwright

from wsgi_gauntlet.reports.writers.html.blocks import unpack

LOOP = """() => {
    const started = performance.now();
    let sum = 0;
    for (let place = 0; place < 2e7; place++) sum += Math.sqrt(place);
    return performance.now() - started;
}"""

OPEN_CELL = """async (fragment) => {
    const shown = new Promise((done) => {
        const observer = new MutationObserver(() => {
            if (!document.querySelector("dialog .time, dialog .command")) return;
            observer.disconnect();
            document.querySelector("dialog").getBoundingClientRect();
            done(performance.now());
        });
        observer.observe(document.body, { childList: true, subtree: true });
    });
    const started = performance.now();
    location.hash = fragment;
    return (await shown) - started;
}"""

TYPE_KEYS = """() => {
    const field = document.querySelector("#filter-q");
    return ["c", "ch", "chu", "chunk", "9112", "9112 te", ""].map((text) => {
        field.value = text;
        const started = performance.now();
        field.dispatchEvent(new Event("input"));
        document.querySelector(".grid").getBoundingClientRect();
        return performance.now() - started;
    });
}"""


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description="Measure the views about conformance in chromium.")
    parser.add_argument("page", type=Path)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--cell", type=float, default=100.0, metavar="MS")
    parser.add_argument("--key", type=float, default=30.0, metavar="MS")
    given = parser.parse_args(arguments)
    executable = shutil.which("chromium") or shutil.which("google-chrome")
    if executable is None:
        print("no chromium: install it with `apt-get install chromium`", file=sys.stderr)
        return 2
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.goto(given.page.resolve().as_uri() + "#/cells?is=fail")
        page.wait_for_function("() => document.documentElement.dataset.ready === 'yes'")
        print(f"fixed loop: {page.evaluate(LOOP):.0f} ms")
        cells = [page.evaluate(OPEN_CELL, each) for each in failing_cells(given.page, given.rounds)]
        page.evaluate("location.hash = '#/conformance'")
        page.wait_for_selector("#filter-q")
        keys = [each for _ in range(given.rounds) for each in page.evaluate(TYPE_KEYS)]
        browser.close()
    for name, times, limit in (("open a cell", cells, given.cell), ("a key in the filter", keys, given.key)):
        print(f"{name}: {min(times):.1f} ms, median {statistics.median(times):.1f} ms (at most {limit:g} ms)")
    return 0 if min(cells) <= given.cell and min(keys) <= given.key else 1


def failing_cells(page: Path, count: int) -> list[str]:
    """Return the fragments of `count` cells that fail, far from each other."""
    packed = re.search(r'data-block="index"[^>]*>([^<]+)<', page.read_text("utf-8"))
    assert packed is not None
    index: Any = unpack(packed[1])
    found = [
        f"#/cell/{quote(server)}/{index['cases'][place]['id']}"
        for server, letters in index["verdicts"].items()
        for place, letter in enumerate(letters)
        if letter == "f"
    ]
    return found[:: max(len(found) // count, 1)][:count]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
