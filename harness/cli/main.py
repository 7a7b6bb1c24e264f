"""The command `wsgi-gauntlet`. Heavy modules are imported only when a command needs them.

An error is one line on stderr. Results are on stdout only with --json; everything else is on stderr.
"""

from __future__ import annotations

import codecs
import errno
import gc
import io
import sys
from pathlib import Path
from typing import NoReturn

import click

from wsgi_gauntlet import __version__
from wsgi_gauntlet.harness.cli.commands.check import check
from wsgi_gauntlet.harness.cli.commands.compare import compare
from wsgi_gauntlet.harness.cli.commands.diff import diff
from wsgi_gauntlet.harness.cli.commands.environments import environments
from wsgi_gauntlet.harness.cli.commands.fuzz import fuzz
from wsgi_gauntlet.harness.cli.commands.history import history
from wsgi_gauntlet.harness.cli.commands.listing import cases, explain, servers
from wsgi_gauntlet.harness.cli.commands.load import load, target_app
from wsgi_gauntlet.harness.cli.commands.recommend import recommend
from wsgi_gauntlet.harness.cli.commands.replay import replay
from wsgi_gauntlet.harness.cli.commands.report import report
from wsgi_gauntlet.harness.cli.commands.run import run
from wsgi_gauntlet.harness.cli.commands.traffic import traffic
from wsgi_gauntlet.harness.cli.options import EXIT_CODES_HELP, HELP_OPTIONS, Group
from wsgi_gauntlet.harness.errors import EXIT_ERROR, EXIT_INTERRUPTED, EXIT_USAGE, GauntletError
from wsgi_gauntlet.harness.workflow_commands import commands_escaped

EXIT_BROKEN_PIPE = 141
"""The exit code of a shell for a program that SIGPIPE ended."""

GC_THRESHOLD = 20_000
"""New objects until the garbage collector looks for cycles."""

RESOURCE_ADVICE = {
    errno.ENOSPC: "free disk space, or set TMPDIR to another disk",
    errno.EDQUOT: "free disk space, or set TMPDIR to another disk",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENFILE: "the system has no file descriptors left: close other programs",
    errno.ENOMEM: "the system has no memory left: close other programs",
}

ENCODING_ERRORS = "wsgi-gauntlet"
"""The name of the codecs error handler."""

ASCII_LOOKALIKES = str.maketrans(
    {
        **dict.fromkeys("“”‘’", "'"),
        **dict.fromkeys("–—", "-"),
        **dict.fromkeys("✓✔", "+"),
        **dict.fromkeys("×✗✘", "x"),
        **dict.fromkeys("\u00a0\u202f", " "),
        "…": "...",
        "·": "*",
        "•": "*",
        "→": "->",
        "←": "<-",
        "≥": ">=",
        "≤": "<=",
    }
)


@click.group(
    cls=Group,
    epilog=EXIT_CODES_HELP,
    context_settings={"help_option_names": HELP_OPTIONS, "max_content_width": 100},
)
@click.version_option(__version__, prog_name="wsgi-gauntlet")
def cli() -> None:
    """Test WSGI servers.

    wsgi-gauntlet checks servers against PEP 3333 and HTTP/1.1. It also measures how slow clients affect healthy users.
    """


for each in (
    run,
    check,
    load,
    compare,
    recommend,
    fuzz,
    traffic,
    target_app,
    servers,
    cases,
    explain,
    replay,
    report,
    diff,
    history,
    environments,
):
    cli.add_command(each)


def main() -> None:
    """Run the command. Each error is one line and an exit code, without a traceback."""
    gc.set_threshold(GC_THRESHOLD)
    configure_output_encoding()
    with commands_escaped():
        _run_command()


def _run_command() -> NoReturn:
    try:
        Path.cwd()
    except OSError as problem:
        _exit_with_message(f"the current folder cannot be read ({problem.strerror}); change to another", EXIT_USAGE)
    try:
        code = cli.main(standalone_mode=False)
    except GauntletError as problem:
        _exit_with_message(str(problem), problem.exit_code)
    except click.exceptions.Abort:
        _exit_with_message("interrupted", EXIT_INTERRUPTED)
    except click.ClickException as problem:
        context = getattr(problem, "ctx", None)
        command = context.command_path if context is not None else "wsgi-gauntlet"
        _exit_with_message(f"{problem.format_message().rstrip('.')}; see `{command} --help`", EXIT_USAGE)
    except KeyboardInterrupt:
        _exit_with_message("interrupted", EXIT_INTERRUPTED)
    except BrokenPipeError:
        sys.exit(EXIT_BROKEN_PIPE)
    except MemoryError:
        _exit_with_message(RESOURCE_ADVICE[errno.ENOMEM], EXIT_ERROR)
    except OSError as problem:
        if problem.errno not in RESOURCE_ADVICE:
            raise
        place = f": {problem.filename}" if problem.filename else ""
        _exit_with_message(f"{problem.strerror}{place}; {RESOURCE_ADVICE[problem.errno]}", EXIT_ERROR)
    sys.exit(code or 0)


def configure_output_encoding() -> None:
    """Make stdout and stderr replace characters that their encoding lacks, instead of failing."""
    codecs.register_error(ENCODING_ERRORS, replace_unencodable)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=ENCODING_ERRORS)


def replace_unencodable(error: UnicodeError) -> tuple[str, int]:
    r"""Return similar ASCII characters for those that an encoding lacks, or their number, like \u4e2d."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(ASCII_LOOKALIKES)
    return text.encode("ascii", "backslashreplace").decode("ascii"), error.end


def _exit_with_message(message: str, code: int) -> NoReturn:
    from wsgi_gauntlet.reports.text.escaping import line

    # A message quotes files, apps and servers.
    click.echo(f"wsgi-gauntlet: {line(message)}", err=True)
    sys.exit(code)
