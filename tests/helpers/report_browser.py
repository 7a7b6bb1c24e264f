"""The report in a real browser, as its readers open it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from .requirements import program

Scheme = Literal["light", "dark"]

WIDE, PHONE = (1400, 900), (360, 800)

MAX_WAIT_SECONDS = 30

READY = "document.documentElement.dataset.ready === 'yes'"
"""The first view is shown."""


@functools.cache
def axe_core() -> str:
    """Return the source of axe-core."""
    return resources.files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")


@dataclass
class OpenPage:
    """An open page, its console messages and the addresses that it requested."""

    page: Any
    console_messages: list[str] = field(default_factory=list)
    requested_urls: list[str] = field(default_factory=list)

    def listen(self) -> Callable[[], None]:
        """Record what the page does. Return the function that ends it."""
        listeners = {
            "console": lambda message: self.console_messages.append(message.text),
            "pageerror": lambda error: self.console_messages.append(str(error)),
            "request": lambda request: self.requested_urls.append(request.url),
        }
        for event, listener in listeners.items():
            self.page.on(event, listener)

        def end() -> None:
            for event, listener in listeners.items():
                self.page.remove_listener(event, listener)

        return end

    def go(self, fragment: str) -> None:
        """Follow a fragment as a link does, and wait until its view is shown."""
        self.page.evaluate("fragment => { location.hash = fragment; }", fragment)
        self.wait_for_route(fragment)

    def show(self, fragment: str) -> None:
        """Follow a fragment to another view, or to a sheet beside it, and wait until it is drawn anew."""
        in_sheet = fragment.startswith("#/cell/")
        self.page.evaluate(
            """([fragment, inSheet]) => {
                if (inSheet) document.querySelector(".sheet-body > *")?.setAttribute("data-left", "");
                else document.getElementById("view").dataset.view = "left";
                location.hash = fragment;
            }""",
            [fragment, in_sheet],
        )
        if in_sheet:
            self.wait_until("document.querySelector('.sheet-body > :not([data-left])')")
        else:
            self.wait_for_route(fragment)
        self.settle()

    def wait_until(self, condition: str) -> None:
        """Wait until the JavaScript expression `condition` is true.

        Playwright's own function compiles its text again and again, which the policy of the page forbids.
        """
        self.page.evaluate(
            f"""async () => {{
                const started = performance.now();
                while (!({condition})) {{
                    if (performance.now() - started > {MAX_WAIT_SECONDS * 1000}) throw new Error("never true");
                    await new Promise(requestAnimationFrame);
                }}
            }}"""
        )

    def wait_for_route(self, fragment: str) -> None:
        """Wait until the view of `fragment` is shown."""
        route = fragment.removeprefix("#/").partition("?")[0].partition("/")[0]
        self.wait_until(f"document.getElementById('view').dataset.view === '{route}'")

    def settle(self) -> None:
        """Wait until the browser drew twice."""
        self.page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def violations(self) -> list[str]:
        """Return the violations of WCAG 2.2 AA that axe-core finds, with the elements."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(axe_core())
        found = self.page.evaluate(
            """async () => {
                const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
                // Without these axe-core also describes every element that passes, which takes a third of its time.
                const quick = { resultTypes: ["violations"], selectors: false, preload: false };
                const { violations } = await axe.run(document, { runOnly: { type: "tag", values: tags }, ...quick });
                return violations.flatMap(({ id, help, nodes }) => nodes.map(
                    (node) => `${id}: ${help}: ${node.html.slice(0, 160)} ${node.failureSummary.slice(0, 200)}`));
            }"""
        )
        return [str(each) for each in found]


@dataclass
class ReportBrowser:
    """Opens reports. `contexts` are those that a test made itself.

    A page that a test has left is opened again for the next one: a new page takes a second of CPU time.
    """

    browser: Any
    contexts: list[Any] = field(default_factory=list)
    _left: dict[bool, list[Any]] = field(default_factory=lambda: {True: [], False: []})
    _in_use: list[tuple[bool, Any, Callable[[], None]]] = field(default_factory=list)

    def open(
        self,
        file: Path,
        fragment: str = "",
        *,
        size: tuple[int, int] = WIDE,
        scheme: Scheme = "light",
        scripts: bool = True,
        policy: bool = True,
    ) -> OpenPage:
        """Open `file`. Without `policy` the browser ignores the content security policy of the page."""
        if scripts and self._left[policy]:
            page = self._left[policy].pop()
        else:
            context = self.browser.new_context(java_script_enabled=scripts, bypass_csp=not policy)
            page = context.new_page()
            if not scripts:
                self.contexts.append(context)
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.emulate_media(color_scheme=scheme)
        tab = OpenPage(page)
        end = tab.listen()
        if scripts:
            self._in_use.append((policy, page, end))
        page.goto(file.as_uri() + fragment)
        if scripts:
            tab.wait_until(READY)
        return tab

    def close(self) -> None:
        """Leave what was opened: nothing of it is on the next page."""
        for each in self.contexts:
            each.close()
        self.contexts.clear()
        for policy, page, end in self._in_use:
            end()
            page.context.clear_permissions()
            page.evaluate("sessionStorage.clear(); localStorage.clear()")
            page.goto("about:blank")
            session = page.context.new_cdp_session(page)
            session.send("Page.resetNavigationHistory")
            session.detach()
            self._left[policy].append(page)
        self._in_use.clear()


@contextmanager
def launched() -> Iterator[ReportBrowser]:
    """Start Debian's chromium. No test needs the network."""
    from playwright.sync_api import sync_playwright

    executable = program("chromium", "chromium-browser", "google-chrome", package="chromium")
    with sync_playwright() as playwright:
        # Without a sandbox, because CI's containers run as root and allow no user namespaces; the page is our own.
        browser = playwright.chromium.launch(
            executable_path=executable, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        )
        try:
            yield ReportBrowser(browser)
        finally:
            browser.close()
