"""The option `--badge`: a badge for a README."""

from __future__ import annotations

from wsgi_gauntlet.harness.model import Results
from wsgi_gauntlet.harness.store.output_format import Output


def render(results: Results) -> str:
    """Return the text of the file."""
    from wsgi_gauntlet.reports.writers import badge

    return badge.render(results)


OUTPUT = Output(
    "badge", "badge.json", render, on_request_only=True, option_help="Write a badge for a README (shields endpoint)."
)
