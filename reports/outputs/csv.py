"""The option `--csv`: all cells as a table."""

from __future__ import annotations

from wsgi_gauntlet.harness.model import Results
from wsgi_gauntlet.harness.store.output_format import Output


def render(results: Results) -> str:
    """Return the text of the file."""
    from wsgi_gauntlet.reports.writers import csv

    return csv.render(results)


OUTPUT = Output(
    "csv",
    "cells.csv",
    render,
    on_request_only=True,
    option_help="Write all cells, and the figures of a recommendation, as CSV.",
)
