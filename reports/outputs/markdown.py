"""The file `summary.md`, and the option `--markdown`."""

from __future__ import annotations

from wsgi_gauntlet.harness.model import Results
from wsgi_gauntlet.harness.store.output_format import Output


def render(results: Results) -> str:
    """Return the text of the file."""
    from wsgi_gauntlet.reports.writers import markdown

    return markdown.render(results)


def prepare() -> None:
    """Import the writer."""
    from wsgi_gauntlet.reports.writers import markdown  # noqa: F401


OUTPUT = Output("markdown", "summary.md", render, prepare, option_help="Write the summary in Markdown.")
