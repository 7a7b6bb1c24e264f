"""The option `--annotations`: annotations for GitHub Actions."""

from __future__ import annotations

from wsgi_gauntlet.harness.model import Results
from wsgi_gauntlet.harness.store.output_format import Output


def render(results: Results) -> str:
    """Return the text of the file."""
    from wsgi_gauntlet.reports.writers import github_annotations

    return github_annotations.render(results)


OUTPUT = Output(
    "annotations",
    "annotations.txt",
    render,
    on_request_only=True,
    option_help="Print annotations for GitHub Actions on stdout.",
    printed=True,
    has_workflow_commands=True,
)
