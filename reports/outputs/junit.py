"""The option `--junit`: a file for CI."""

from __future__ import annotations

from wsgi_gauntlet.harness.model import Results
from wsgi_gauntlet.harness.store.output_format import Output


def render(results: Results) -> str:
    """Return the text of the file."""
    from wsgi_gauntlet.reports.writers import junit

    return junit.render(results)


OUTPUT = Output("junit", "junit.xml", render, on_request_only=True, option_help="Write a JUnit file for CI.")
