"""The report in a real browser, as its readers open it."""

from __future__ import annotations

from collections.abc import Iterator
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


@dataclass
class OpenPage:
    """An open page, its console messages and the addresses that it requested."""

    page: Any
    console_messages: list[str] = field(default_factory=list)
    requested_urls: list[str] = field(default_factory=list)

    def go(self, fragment: str) -> None:
        """Follow a fragment as a link does, and wait until its view is shown."""
        self.page.evaluate("fragment => { location.hash = fragment; }", fragment)
        self.wait_for_route(fragment)

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
        source = resources.files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
        self.page.evaluate(source)
        found = self.page.evaluate(
            """async () => {
                const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
                const { violations } = await axe.run(document, { runOnly: { type: "tag", values: tags } });
                return violations.flatMap(({ id, help, nodes }) => nodes.map(
                    (node) => `${id}: ${help}: ${node.html.slice(0, 160)} ${node.failureSummary.slice(0, 200)}`));
            }"""
        )
        return [str(each) for each in found]


@dataclass
class ReportBrowser:
    """Opens pages in contexts of their own."""

    browser: Any
    contexts: list[Any] = field(default_factory=list)

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
        context = self.browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,
            java_script_enabled=scripts,
            bypass_csp=not policy,
            accept_downloads=True,
        )
        self.contexts.append(context)
        tab = OpenPage(context.new_page())
        tab.page.on("console", lambda message: tab.console_messages.append(message.text))
        tab.page.on("pageerror", lambda error: tab.console_messages.append(str(error)))
        tab.page.on("request", lambda request: tab.requested_urls.append(request.url))
        tab.page.goto(file.as_uri() + fragment)
        if scripts:
            tab.wait_until(READY)
        return tab

    def close(self) -> None:
        """Close what was opened."""
        for each in self.contexts:
            each.close()
        self.contexts.clear()


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
