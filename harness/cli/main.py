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
from wsgi_gauntlet.harness.cli.group import EXIT_CODES_HELP, HELP_OPTIONS, CommandEntry, LazyCommands, LazyGroup
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


def _command(module: str, variable: str, summary: str) -> CommandEntry:
    return CommandEntry(f"wsgi_gauntlet.harness.cli.commands.{module}", variable, summary)


COMMANDS = {
    "run": _command("run", "run", "Check servers, put them under load and write a report."),
    "check": _command("check", "check", "Check servers against PEP 3333 and HTTP/1.1."),
    "load": _command("load", "load", "Measure how slow clients affect healthy users."),
    "compare": _command("compare", "compare", "Compare servers in rounds, and say which differences are real."),
    "recommend": _command("recommend", "recommend", "Find the best server and its settings for your app."),
    "fuzz": _command("fuzz", "fuzz", "Send mutated requests to servers and show how they differ."),
    "traffic": _command("traffic", "traffic", "Check or convert traffic files: the visits of users."),
    "target-app": _command("load", "target_app", "Print the app that a remote server must serve."),
    "servers": _command("listing", "servers", "List servers, their versions and how to install them."),
    "cases": _command("listing", "cases", "List the cases and the scenarios."),
    "explain": _command("listing", "explain", "Explain a case or a scenario."),
    "replay": _command("replay", "replay", "Run one case on one server and show each step."),
    "report": _command("report", "report", "Write the report of one run, or merge several runs."),
    "diff": _command("diff", "diff", "Show what changed from the run BASE to the run NEW."),
    "history": _command("history", "history", "Check releases of a server and show what changed."),
    "environments": _command("environments", "environments", "List or remove the environments of server versions."),
}
"""The commands. Each summary is the first sentence of the command's help; so --help imports none of them."""


@click.group(
    cls=LazyGroup,
    commands=LazyCommands(COMMANDS),
    epilog=EXIT_CODES_HELP,
    context_settings={"help_option_names": HELP_OPTIONS, "max_content_width": 100},
)
@click.version_option(__version__, prog_name="wsgi-gauntlet")
def cli() -> None:
    """Test WSGI servers.

    wsgi-gauntlet checks servers against PEP 3333 and HTTP/1.1. It also measures how slow clients affect healthy users.
    """
    from wsgi_gauntlet.harness.memory import return_freed_memory  # --help does not come here

    return_freed_memory()


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
