"""What a case did to a server, as something that needs neither the harness nor its app: files and shell commands. Pure.

The server is started by the adapter's own command, the requests are sent by printf and nc. All of it is made to be
pasted into an issue and run by somebody else.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..adapter import Command, Launch, Protocol, located
from ..address import Address
from ..attempts.patterns import Pattern
from ..launching.certificates import identity_files
from ..launching.ownapp import AREA, CALLABLE, own_app, without_own
from ..launching.plan import Plan
from ..model import Check, WireEvent, WireKind
from .appfile import ROOT, appfile, used
from .conversation import Way, conversation, of_the_case
from .shell import comment

PORT = 8000
"""Where the server of a reproducer listens, unless in a Unix socket."""

BEHIND_PORT = 8001
"""Where the server behind a front listens, likewise."""

APP = "app:application"
FILE = "app.py"

IDENTITY = (
    "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout key.pem -out certificate.pem "
    "2>/dev/null"
)

_OURS = re.compile(r"gauntlet_apps\.(\w+):application")


@dataclass(frozen=True)
class Reproducer:
    """Files by name, the command that starts the server in their folder, and the commands that talk to it.

    `why_not` says why there is none.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    server: str = ""
    requests: str = ""
    why_not: str = ""


def reproducer(
    cell: Check,
    plan: Plan,
    there: Address,
    pattern: Pattern,
    sources: Mapping[str, str],
    *,
    wire: Sequence[WireEvent] | None = None,
    version: str = "",
    bodies: bool = False,
    needs: str = "",
) -> Reproducer:
    """Return how to see what `cell` tells by hand; the server was started by `plan` and listened `there`.

    `pattern` is how the case was sent, with `bodies` the bodies too. `sources` are the modules of the reference app.
    `wire` is what happened on the connections where more of it was kept than the evidence has. `needs` is the
    distribution of the framework that the case's app is written with, as in Setup.
    """
    plan = _serving_one(plan, cell.case)
    if there.door:
        return Reproducer(why_not="the server's handler was called without a socket, which no shell can do")
    here = Address(path="http.sock", tls=there.tls) if there.path else Address(port=PORT, tls=there.tls)
    files, lines, around = _serving(plan, here)
    wire = of_the_case(cell.evidence.wire if wire is None else wire)
    if _OURS.fullmatch(plan.app):
        asked = used(_paths(cell), [each.data for each in wire if each.kind is WireKind.SENT])
        what = f"What {cell.case} uses of wsgi-gauntlet's " + (f"app for {needs}" if needs else "reference app")
        title = f"{what}; serve it as {APP}."
        files = {
            FILE: appfile(sources, asked, title=title, around=around, kind=dict(plan.environment).get(CALLABLE, "")),
            **files,
        }
    if needs:
        lines = [comment(f"python3 -m pip install {needs}", "Needs: "), *lines]
    told = conversation(wire, there, here, Way(pattern, bodies))
    judged = [comment(cell.expected, "Expected: ")] if cell.expected else []
    name = f"{plan.name} {version}".strip()
    judged.append(comment(cell.actual or f"the case came to {cell.verdict}", f"Here, {name}: "))
    return Reproducer(files, "\n".join(lines) + "\n", "\n\n".join([told, "\n".join(judged)]) + "\n")


def _serving_one(plan: Plan, case: str) -> Plan:
    """Return `plan` with the one app that the case is about: the user's own, or the reference app without it."""
    own = own_app(plan)
    if not own or not case.startswith(AREA):
        return without_own(plan)
    behind = _serving_one(plan.upstream, case) if plan.upstream is not None else None
    return replace(plan, app=own, environment={}, upstream=behind)


def document(made: Reproducer) -> str:
    """Return all of it as one text for people: what to save, what to run, what to look at."""
    parts = [f"--- {name}\n\n{text}" for name, text in made.files.items()]
    where = " and ".join(made.files) or "the app"
    says = "; what the app sees stands on its stderr, after `app:`" if FILE in made.files else ""
    parts.append(f"--- the server, in the folder of {where}{says}\n\n{made.server}")
    parts.append(f"--- the requests, from another terminal\n\n{made.requests}")
    return "\n".join(parts)


def _paths(cell: Check) -> list[str]:
    details = [each.detail for each in cell.evidence.app if each.kind == "called"]
    return [f"{each.get('path', '')}?{each.get('query', '')}" for each in details]


def _serving(plan: Plan, here: Address) -> tuple[dict[str, str], list[str], str]:
    """Return the files of the server or servers, the commands, and the module that stands around the app."""
    if plan.upstream is None:
        files, line, around = _command(plan, here)
        return files, _with_identity([*_versions(plan), line], here), around
    protocol, unix = plan.adapter.protocol_for(plan.variant, plan.upstream.adapter)
    behind = Address(path="server.sock") if unix else Address(port=BEHIND_PORT)
    files, first, around = _command(plan.upstream, behind, protocol)
    fronted, last, _ = _command(plan, here, upstream=behind, upstream_protocol=protocol)
    lines = [*_versions(plan.upstream), *_versions(plan), f"{first} &", last]
    return {**files, **fronted}, _with_identity(lines, here), around


def _versions(plan: Plan) -> list[str]:
    """Return how the version is had that the user named, where they named one: another may be there."""
    if not plan.version or not plan.adapter.distribution:
        return []
    wanted = f"{plan.adapter.distribution}=={plan.version}"
    return [comment(f"python3 -m pip install {wanted} 'setuptools<81'", "In an environment of its own: ")]


def _with_identity(lines: list[str], here: Address) -> list[str]:
    return [IDENTITY, *lines] if here.tls else lines


def _command(
    plan: Plan,
    address: Address,
    protocol: Protocol = Protocol.HTTP,
    upstream: Address | None = None,
    upstream_protocol: Protocol = Protocol.HTTP,
) -> tuple[dict[str, str], str, str]:
    launch = Launch(
        python=located(plan.python),
        executable=plan.found.executable,
        address=address,
        app=plan.app,
        folder=Path(),
        settings=plan.settings,
        variant=plan.variant,
        protocol=protocol,
        upstream=upstream,
        upstream_protocol=upstream_protocol,
        identity=identity_files(Path()) if address.tls else None,
    )
    command = plan.adapter.command(launch)
    around = next((found[1] for word in command.argv if (found := _OURS.search(word)) and found[1] != ROOT), "")
    return dict(command.files), _line(_portable(command, launch), plan), around


def _portable(command: Command, launch: Launch) -> Command:
    """Return `command` without places of this machine: programs by their names, the app as the one in the file."""
    by_name = {launch.python: "python3", launch.executable: Path(launch.executable).name}
    if launch.executable == launch.python:
        by_name[launch.executable] = "python3"
    return replace(command, argv=tuple(_OURS.sub(APP, by_name.get(word, word)) for word in command.argv))


def _line(command: Command, plan: Plan) -> str:
    given = {**command.environment, **plan.environment, **dict(plan.settings.deployed)}
    variables = [f"{name}={shlex.quote(value)}" for name, value in {"PYTHONPATH": ".", **given}.items()]
    return " ".join([*variables, shlex.join(command.argv)])
