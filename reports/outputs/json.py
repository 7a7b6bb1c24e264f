"""The file `results.json`, and the option `--json`."""

from __future__ import annotations

from wsgi_gauntlet.harness.store.output_format import Output
from wsgi_gauntlet.reports.writers.json import FILENAME, parts, render

OUTPUT = Output("json", FILENAME, render, parts=parts, option_help="Print results.json on stdout.", printed=True)
