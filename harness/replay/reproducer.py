"""Make a reproducer: files and shell commands that show one result without wsgi-gauntlet. Pure.

The server is started with the command of its adapter. printf and nc send the requests. The text can be pasted into an
issue and run by anybody.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.model import CaseResult, ConnectionEvent, ConnectionEventKind
from wsgi_gauntlet.harness.replay.app_extractor import REFERENCE_MODULE, app_usage, extract_app
from wsgi_gauntlet.harness.replay.netcat_script import SendMode, case_events, netcat_script
from wsgi_gauntlet.harness.replay.shell_commands import comment
from wsgi_gauntlet.harness.server.adapter import Command, Launch, Protocol, start_command
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.remote.remote_server import RemoteDescription
from wsgi_gauntlet.harness.server.user_app import CALLABLE_VARIABLE, USER_APP_CASE_PREFIX, user_app_of, without_user_app

PORT = 8000
"""The port of the server, unless it listens on a Unix socket."""

UPSTREAM_PORT = 8001
"""The port of the server behind a proxy."""

APP = "app:application"
APP_FILENAME = "app.py"

CERTIFICATE_COMMAND = (
    "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -keyout key.pem -out certificate.pem "
    "2>/dev/null"
)

_REFERENCE_APP = re.compile(r"gauntlet_apps\.([\w.]+):application")


@dataclass(frozen=True)
class Reproducer:
    """Files by name, the command that starts the server in their folder, and the commands that send the requests.

    `why_not` says why no reproducer is possible.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    server: str = ""
    requests: str = ""
    why_not: str = ""


@dataclass(frozen=True)
class StartedServer:
    """The server that showed the result: its plan, the address where it listened, and its version."""

    plan: Plan
    address: Address
    version: str = ""


def reproducer(
    cell: CaseResult,
    started: StartedServer,
    mode: SendMode,
    sources: Mapping[str, str],
    *,
    wire: Sequence[ConnectionEvent] | None = None,
    distribution: str = "",
) -> Reproducer:
    """Return how to see the result `cell` of `started` by hand. `mode` says how the requests were cut.

    `sources` are the modules of the test app. `wire` has the events of the connections, if more of them were kept than
    the evidence has. `distribution` is the framework of the case's app, as in Setup.
    """
    plan, original_address = _with_single_app(started.plan, cell.case), started.address
    if original_address.pipe_socket:
        return Reproducer(why_not="the server's handler was called without a socket, and a shell cannot do that")
    new_address = (
        Address(path="http.sock", tls=original_address.tls)
        if original_address.path
        else Address(port=PORT, tls=original_address.tls)
    )
    files, lines, wrapper_module = _server_setup(plan, new_address)
    wire = case_events(cell.evidence.wire if wire is None else wire)
    if _REFERENCE_APP.fullmatch(plan.app):
        usage = app_usage(_paths(cell), [each.data for each in wire if each.kind is ConnectionEventKind.SENT])
        source = f"app for {distribution}" if distribution else "test app"
        title = f"The code that {cell.case} uses from wsgi-gauntlet's {source}; serve it as {APP}."
        files = {
            APP_FILENAME: extract_app(
                sources,
                usage,
                title=title,
                wrapper_module=wrapper_module,
                kind=dict(plan.environment).get(CALLABLE_VARIABLE, ""),
            ),
            **files,
        }
    if distribution:
        lines = [comment(f"python3 -m pip install {distribution}", "Needs: "), *lines]
    script = netcat_script(wire, original_address, new_address, mode)
    outcome_comments = [comment(cell.expected, "Expected: ")] if cell.expected else []
    name = f"{plan.name} {started.version}".strip()
    outcome_comments.append(comment(cell.actual or f"the verdict is {cell.verdict}", f"Here, {name}: "))
    return Reproducer(files, "\n".join(lines) + "\n", "\n\n".join([script, "\n".join(outcome_comments)]) + "\n")


def _with_single_app(plan: Plan, case: str) -> Plan:
    """Return `plan` with the app of the case alone: the user app or the test app."""
    own = user_app_of(plan)
    if not own or not case.startswith(USER_APP_CASE_PREFIX):
        return without_user_app(plan)
    behind = _with_single_app(plan.upstream, case) if plan.upstream is not None else None
    return replace(plan, app=own, environment={}, upstream=behind)


def document(made: Reproducer) -> str:
    """Return the reproducer as one text: the files to save, the commands to run, and where to look."""
    parts = [f"--- {name}\n\n{text}" for name, text in made.files.items()]
    where = " and ".join(made.files) or "the app"
    says = "; the app prints the requests that it gets to stderr, after `app:`" if APP_FILENAME in made.files else ""
    parts.append(f"--- the server, in the folder of {where}{says}\n\n{made.server}")
    parts.append(f"--- the requests, from another terminal\n\n{made.requests}")
    return "\n".join(parts)


def _paths(cell: CaseResult) -> list[str]:
    details = [each.detail for each in cell.evidence.app if each.kind == "called"]
    return [f"{each.get('path', '')}?{each.get('query', '')}" for each in details]


def _server_setup(plan: Plan, new_address: Address) -> tuple[dict[str, str], list[str], str]:
    """Return the files of the servers, their commands, and the module that wraps the app."""
    if isinstance(plan.adapter, RemoteDescription):
        return {}, [comment(f"your server, with {APP}, at {new_address}", "Start: ")], ""
    if plan.upstream is None:
        files, line, wrapper_module = _adapter_command(plan, new_address)
        return files, _with_certificate([*_version_comments(plan), line], new_address), wrapper_module
    protocol, unix = plan.upstream_connection(plan.upstream.adapter)
    behind = Address(path="server.sock") if unix else Address(port=UPSTREAM_PORT)
    files, first, wrapper_module = _adapter_command(plan.upstream, behind, protocol)
    front_files, last, _ = _adapter_command(plan, new_address, upstream=behind, upstream_protocol=protocol)
    lines = [*_version_comments(plan.upstream), *_version_comments(plan), f"{first} &", last]
    return {**files, **front_files}, _with_certificate(lines, new_address), wrapper_module


def _version_comments(plan: Plan) -> list[str]:
    """Return a comment with the command that installs the version that the user named, if any."""
    if not plan.version or not plan.adapter.distribution:
        return []
    wanted = f"{plan.adapter.distribution}=={plan.version}"
    return [comment(f"python3 -m pip install {wanted} 'setuptools<81'", "In an environment of its own: ")]


def _with_certificate(lines: list[str], new_address: Address) -> list[str]:
    return [CERTIFICATE_COMMAND, *lines] if new_address.tls else lines


def _adapter_command(
    plan: Plan,
    address: Address,
    protocol: Protocol = Protocol.HTTP,
    upstream: Address | None = None,
    upstream_protocol: Protocol = Protocol.HTTP,
) -> tuple[dict[str, str], str, str]:
    launch = replace(plan.launch(address, protocol=protocol), upstream=upstream, upstream_protocol=upstream_protocol)
    command = start_command(plan.adapter, launch)
    modules = [found[1].rpartition(".")[2] for word in command.argv if (found := _REFERENCE_APP.search(word))]
    wrapper_module = next((each for each in modules if each != REFERENCE_MODULE), "")
    return dict(command.files), _command_line(_portable(command, launch), plan), wrapper_module


def _portable(command: Command, launch: Launch) -> Command:
    """Return `command` without paths of this machine: programs by name, and the app of the file."""
    by_name = {launch.python: "python3", launch.executable: Path(launch.executable).name}
    if launch.executable == launch.python:
        by_name[launch.executable] = "python3"
    return replace(command, argv=tuple(_REFERENCE_APP.sub(APP, by_name.get(word, word)) for word in command.argv))


def _command_line(command: Command, plan: Plan) -> str:
    given = {**command.environment, **plan.environment, **dict(plan.settings.deployed)}
    variables = [f"{name}={shlex.quote(value)}" for name, value in {"PYTHONPATH": ".", **given}.items()]
    return " ".join([*variables, shlex.join(command.argv)])
