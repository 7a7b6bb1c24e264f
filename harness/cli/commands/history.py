"""`wsgi-gauntlet history`: the releases of one server."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click

from wsgi_gauntlet.harness.cli.commands.check import LEVELS
from wsgi_gauntlet.harness.cli.execute import case_selection, show
from wsgi_gauntlet.harness.cli.options import (
    AllChangesOption,
    Option,
    OutputsOption,
    VerboseOption,
    command,
    path_argument,
)
from wsgi_gauntlet.harness.errors import EXIT_ERROR, EXIT_FAILED, ConfigurationError, EnvironmentUnavailable
from wsgi_gauntlet.harness.events import Message, Progress

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.model import Results

DEFAULT_RELEASES = 8

HISTORY_EXIT_CODES = """
\b
Exit codes:
  0    the releases were checked, whatever their verdicts are
  2    wrong usage; no such server, or the package index cannot be reached
  4    error: no release was checked, the disk is full, or the harness failed
  130  interrupted; the results so far are saved and reported
"""


@dataclass(frozen=True)
class Release:
    """One release of a server, and the server name that selects it."""

    name: str
    version: str


@dataclass(frozen=True, kw_only=True)
class HistoryArguments:
    """The options of `history`."""

    server: Annotated[str, click.Argument(["server"])]
    last: Annotated[
        int | None,
        Option(
            ["--last"], type=click.IntRange(2, 100), metavar="N", help=f"Only the last N releases [{DEFAULT_RELEASES}]."
        ),
    ]
    since: Annotated[
        str | None,
        Option(["--since"], metavar="VERSION", help="Only releases from this one on; all of them without --last."),
    ]
    pre: Annotated[bool, Option(["--pre"], is_flag=True, help="Include pre-releases.")]
    select: Annotated[
        tuple[str, ...],
        Option(
            ["--select"],
            multiple=True,
            metavar="ID",
            help="Only the cases of this id, or of this family, for example te-and-cl; repeatable.",
        ),
    ]
    level: Annotated[
        tuple[str, ...], Option(["--level"], multiple=True, type=LEVELS, help="Only cases of this level; repeatable.")
    ]
    tag: Annotated[
        tuple[str, ...], Option(["--tag"], multiple=True, metavar="TAG", help="Only cases with this tag; repeatable.")
    ]
    python: Annotated[
        str, Option(["--python"], default=sys.executable, metavar="EXE", help="Interpreter that runs the releases.")
    ]
    out: Annotated[Path | None, Option(["--out"], type=path_argument, metavar="DIR", help="Run folder [gauntlet-out].")]
    resume: Annotated[
        bool, Option(["--resume"], is_flag=True, help="Continue the run in the folder instead of starting a new one.")
    ]
    all: AllChangesOption
    outputs: OutputsOption
    verbose: VerboseOption


@command(HistoryArguments, epilog=HISTORY_EXIT_CODES)
def history(arguments: HistoryArguments) -> None:
    """Check releases of a server and show what changed.

    SERVER is a name without a version: gunicorn:gthread, or nginx+waitress for the releases of waitress. The harness
    makes an environment for each release and keeps it for the next run.
    """
    from wsgi_gauntlet.harness import config, session
    from wsgi_gauntlet.harness.server.environments.installer import progress_callback
    from wsgi_gauntlet.harness.server.user_app import REFERENCE_APP
    from wsgi_gauntlet.reports.terminal.progress import ProgressDisplay

    settings = config.load_nearest()
    options = session.RunOptions(
        cases=case_selection(arguments.select, arguments.level, arguments.tag),
        python=arguments.python,
        app=REFERENCE_APP,
        out=arguments.out,
        resume=arguments.resume,
        output_files=arguments.outputs.files,
        public=arguments.outputs.public,
        skip_unavailable_versions=True,
    )
    session.require_output_folder(options)
    with ProgressDisplay(verbose=arguments.verbose) as display:
        chosen = releases_to_check(arguments, settings.servers, progress_callback(display.handle, arguments.server))
        display.handle(Progress(arguments.server, "", 1.0))
        display.handle(Message(f"{arguments.server}: {', '.join(each.version for each in chosen)}"))
        results, folder, code = session.run(
            replace(options, servers=tuple(each.name for each in chosen)), settings, display.handle
        )
    show(results, folder, arguments.outputs, every_change=arguments.all, verbose=arguments.verbose)
    sys.exit(history_exit_code(results, code))


def releases_to_check(
    arguments: HistoryArguments, custom: Mapping[str, str], on_progress: Callable[[str], None]
) -> list[Release]:
    """Return the releases to check, the oldest first. `custom` maps custom servers to command templates.

    Raises UsageError for a wrong name, a server that pip does not install, or if no release matches.
    """
    from packaging.version import InvalidVersion, Version

    from wsgi_gauntlet.harness import session
    from wsgi_gauntlet.harness.server import planning
    from wsgi_gauntlet.harness.server.environments import releases
    from wsgi_gauntlet.harness.server.environments.versioned import environment_for
    from wsgi_gauntlet.harness.server.name import with_version

    server, since = arguments.server, arguments.since
    if server.endswith(".py"):
        raise ConfigurationError(f"{server}: an adapter file has no releases; name a server that pip installs")
    python = session.interpreter(arguments.python)
    plan = planning.plan(with_version(server, "0"), python=python, custom=custom)
    try:
        first = Version(since) if since is not None else None
    except InvalidVersion:
        raise ConfigurationError(f"--since {since}: this is not a version; write it like 20.1.0") from None
    try:
        wanted = environment_for(plan.app_plan)
    except EnvironmentUnavailable as problem:
        raise ConfigurationError(
            f"{server} has no history here: {str(problem).removeprefix(f'{plan.name}: ')}"
        ) from None
    found = releases.releases(wanted.distribution, python, on_progress)
    number = arguments.last if arguments.last is not None else 0 if since else DEFAULT_RELEASES
    chosen = releases.latest_releases(found, number, since=first, pre=arguments.pre)
    if not chosen:
        newest = f"; the newest is {found[-1]}" if found else ""
        after = f" from {since} on" if since else ""
        raise ConfigurationError(f"{wanted.distribution} has no final release{after}{newest}; try --pre")
    return [Release(with_version(server, str(each)), str(each)) for each in chosen]


def history_exit_code(results: Results, code: int) -> int:
    """Return the exit code of a history, if a check of the same servers ends with `code`.

    A failed case, or an old release that does not start, is a result of a history and no failure.
    """
    from wsgi_gauntlet.harness.model import Verdict

    if code not in (0, EXIT_FAILED, EXIT_ERROR):
        return code
    has_error = any(each.verdict is Verdict.ERROR for each in results.conformance)
    return EXIT_ERROR if has_error or not results.conformance else 0
