"""The file `report.html`."""

from __future__ import annotations

from wsgi_gauntlet.harness.model import Results
from wsgi_gauntlet.harness.store.output_format import Output


def render(results: Results) -> str:
    """Return the page."""
    from wsgi_gauntlet.reports.writers.html import report_page

    return report_page.render(results)


def prepare() -> None:
    """Import the writer and all that it needs."""
    from wsgi_gauntlet.reports.writers.html import report_page

    report_page.prepare()


OUTPUT = Output("html", "report.html", render, prepare)
