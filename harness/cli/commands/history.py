"""The commands about versions: `history`, a server over its releases, and `environments`, what is kept of them."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import click

from wsgi_gauntlet.harness.cli.execute import case_selection, output_files, print_message, show, terminal
from wsgi_gauntlet.harness.cli.options import Command, path_argument
from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.events import Message, Progress

HISTORY_EXIT_CODES = """
\b
Exit codes:
  0    the releases were checked, whatever they break: a history is a record
  2    the call cannot be: no such server, no package index
  4    trouble: no release could be checked, the disk is full, a fault of ours
  130  interrupted; what was found out is kept and reported
"""


@click.command(cls=Command, epilog=HISTORY_EXIT_CODES)
@click.argument("server")
@click.option("--last", default=8, type=click.IntRange(2, 100), metavar="N", help="The last N releases [8].")
@click.option("--since", metavar="VERSION", help="Releases from this one on; all of them unless --last says how many.")
@click.option("--pre", is_flag=True, help="Preliminary releases as well.")
@click.option("--select", multiple=True, metavar="PREFIX", help="Only cases whose id begins so; may be repeated.")
@click.option("--level", multiple=True, type=click.Choice(["must", "should", "may", "info"]), help="Only this level.")
@click.option("--tag", multiple=True, metavar="TAG", help="Only cases with this tag; may be repeated.")
@click.option("--python", default=sys.executable, metavar="EXE", help="Interpreter that runs the releases.")
@click.option("--out", type=path_argument, metavar="DIR", help="Run folder [gauntlet-out].")
@click.option("--resume", is_flag=True, help="Go on with the run in the folder instead of starting anew.")
@click.option("--json", "as_json", is_flag=True, help="Print results.json on stdout.")
@click.option("--markdown", type=path_argument, metavar="FILE", help="Write the summary in Markdown.")
@click.pass_context
def history(context: click.Context, /, server: str, **given: Any) -> None:
    """Check the last releases of SERVER and tell what each fixed and what it broke.

    SERVER is a name that `check` takes, without a version: gunicorn:gthread, nginx+waitress (releases of waitress).
    Each release gets an environment of its own, which is kept for the next time.
    """
    from wsgi_gauntlet.harness import config, registry, session
    from wsgi_gauntlet.harness.cli.release_history import history_exit_code, releases_to_check
    from wsgi_gauntlet.harness.server.environments.installer import progress_callback

    cases = case_selection(given["select"], given["level"], given["tag"])
    counted = context.get_parameter_source("last") is not click.core.ParameterSource.DEFAULT
    settings = config.load_nearest()
    options = session.RunOptions(
        cases=cases,
        python=given["python"],
        app=registry.REFERENCE_APP,
        out=given["out"],
        resume=given["resume"],
        output_files=output_files(None, given["markdown"]),
        skip_unavailable_versions=True,
    )
    session.require_output_folder(options)
    with terminal().ProgressDisplay() as shown:
        chosen = releases_to_check(
            server,
            session.interpreter(given["python"]),
            number=given["last"] if counted or not given["since"] else 0,
            since=given["since"],
            pre=given["pre"],
            custom=settings.servers,
            on_progress=progress_callback(shown.handle, server),
        )
        shown.handle(Progress(server, "", 1.0))
        shown.handle(Message(f"{server}: {', '.join(each.version for each in chosen)}"))
        results, folder, code = session.run(
            replace(options, servers=tuple(each.name for each in chosen)), settings, shown.handle
        )
    show(results, folder, given["as_json"])
    sys.exit(history_exit_code(results, code))


@click.command(cls=Command)
@click.option("--clear", is_flag=True, help="Remove them; those that a run uses now are left.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document.")
def environments(clear: bool, as_json: bool) -> None:
    """List the environments that were made for versions of servers, as for gunicorn@20.1.0, or remove them.

    They lie in WSGI_GAUNTLET_CACHE, else in XDG_CACHE_HOME/wsgi-gauntlet, else (as root) in
    /var/cache/wsgi-gauntlet, else in ~/.cache/wsgi-gauntlet.
    """
    from wsgi_gauntlet.harness import registry
    from wsgi_gauntlet.harness.server.environments import versioned as kept

    if not clear:
        registry.kept().show(kept.list_environments(), as_json)
        return
    if as_json:
        raise ConfigurationError("--json is for the list")
    gone, used = kept.clear_environments()
    print_message(Message(f"removed {len(gone)} environment{'' if len(gone) == 1 else 's'}"))
    for each in used:
        print_message(Message(f"left {each}: a run uses it"))
