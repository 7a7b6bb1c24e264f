"""`wsgi-gauntlet diff`: what changed from one run to another."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import click

from wsgi_gauntlet.harness.cli.options import Option, command, path_argument
from wsgi_gauntlet.harness.errors import EXIT_FAILED, ConfigurationError, StorageFull

DIFF_EXIT_CODES = """
\b
Exit codes:
  0    nothing that --fail-on names
  1    something that --fail-on names: a requirement broke, a grade got worse
  2    wrong usage; BASE or NEW is no run; the runs have nothing in common
  4    error: the disk is full, or the harness failed
"""


@dataclass(frozen=True, kw_only=True)
class DiffArguments:
    """The options of `diff`."""

    base: Annotated[Path, click.Argument(["base"], type=path_argument)]
    new: Annotated[Path, click.Argument(["new"], type=path_argument)]
    fail_on: Annotated[
        tuple[str, ...],
        Option(
            ["--fail-on"],
            multiple=True,
            type=click.Choice(["must", "should", "grade"]),
            help="End with 1 if a requirement (must) broke, if a requirement or a recommendation (should) broke, or if "
            "a grade got worse; repeatable [must].",
        ),
    ]
    markdown: Annotated[
        Path | None,
        Option(["--markdown"], type=path_argument, metavar="FILE", help="Write a comment for a pull request."),
    ]
    json: Annotated[bool, Option(["--json"], is_flag=True, help="Print a JSON document.")]
    all: Annotated[bool, Option(["--all"], is_flag=True, help="List every cell and every figure.")]


@command(DiffArguments, epilog=DIFF_EXIT_CODES)
def diff(arguments: DiffArguments) -> None:
    """Show what changed from the run BASE to the run NEW.

    Each is a run folder or a results.json. A requirement broke if a cell passed in BASE and fails or warns in NEW. A
    case that only NEW has breaks nothing. Figures are compared only if machine, server and parameters are the same.
    """
    from wsgi_gauntlet.harness import registry
    from wsgi_gauntlet.harness.store import journal
    from wsgi_gauntlet.harness.store.output_folder import check_output_files
    from wsgi_gauntlet.reports.analysis.run_diff import DiffDocument, FailOn, run_diff
    from wsgi_gauntlet.reports.terminal.diff import print_diff
    from wsgi_gauntlet.reports.terminal.listings import print_json
    from wsgi_gauntlet.reports.writers import diff_markdown

    if arguments.markdown is not None:
        check_output_files({"markdown": arguments.markdown}, Path())
    found = run_diff(registry.load_base(arguments.base), registry.load_results(arguments.new), str(arguments.new))
    if not found.servers:
        names = ("; ".join(found.ambiguous), f"{_names(found.only_in_base)} and {_names(found.only_in_new)}")
        raise ConfigurationError(
            f"{arguments.base} and {arguments.new} have no server in common ({names[0] or names[1]}); "
            "name two runs of the same server"
        )
    if found.not_compared:
        raise ConfigurationError(
            f"{arguments.base} and {arguments.new}: {found.not_compared}; name two runs of the same cases or scenarios"
        )
    failures = found.failures([FailOn(each) for each in arguments.fail_on or ("must",)])
    if arguments.markdown is not None:
        try:
            journal.write_text(arguments.markdown, diff_markdown.render(found, failures))
        except OSError as problem:
            raise StorageFull(f"cannot write {arguments.markdown}: {problem.strerror}; name another file") from None
    if arguments.json:
        print_json(DiffDocument(found, tuple(failures)))
    else:
        print_diff(found, failures, everything=arguments.all)
    sys.exit(EXIT_FAILED if failures else 0)


def _names(servers: tuple[str, ...]) -> str:
    return ", ".join(servers) or "none"
