"""One process tree of a chain: the server, or the front before it, each below a supervisor of its own."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from wsgi_gauntlet.harness.errors import NotInstalled, Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server.adapter import Command, Launch, Protocol, absolute_interpreter
from wsgi_gauntlet.harness.server.certificates import identity_files, write_identity_files
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.process.supervised_process import SupervisedProcess
from wsgi_gauntlet.harness.server.process.unprivileged_user import User, chown_tree
from wsgi_gauntlet.harness.server.temp_dirs import as_storage_errors


@dataclass
class ChainMember:
    """What was started, and with what."""

    plan: Plan
    launch: Launch
    command: Command
    supervised: SupervisedProcess

    @property
    def command_line(self) -> str:
        """What was started, for people."""
        variables = [f"{name}={shlex.quote(value)}" for name, value in self.command.environment.items()]
        return " ".join([*variables, shlex.join(self.command.argv)])


def build_launch(plan: Plan, address: Address, folder: Path, protocol: Protocol, behind: list[Launch]) -> Launch:
    """Return how `plan` is launched at `address`, with the servers `behind` it where it is a front.

    Raises NotInstalled, and Unsupported for a front before something that has no socket.
    """
    if not plan.found.available:
        raise NotInstalled(f"{plan.name}: {plan.found.missing_message}")
    if any(each.address.pipe_socket for each in behind):
        raise Unsupported(f"{plan.name}: without a socket there is nothing that a front could reach")
    return Launch(
        python=absolute_interpreter(plan.python),
        executable=plan.found.executable,
        address=address,
        app=plan.app,
        folder=folder,
        settings=plan.settings,
        variant=plan.variant,
        protocol=protocol,
        upstream=behind[0].address if behind else None,
        upstream_protocol=behind[0].protocol if behind else Protocol.HTTP,
        other_upstreams=tuple(each.address for each in behind[1:]),
        identity=identity_files(folder) if address.tls else None,
    )


def write_launch_files(launch: Launch, command: Command, user: User | None) -> None:
    """Make the launch folder with all that the command needs in it, `user`'s where there is one. Raises StorageFull."""
    with as_storage_errors(launch.folder):
        launch.folder.mkdir(mode=0o700)
        if launch.identity is not None:
            write_identity_files(launch.identity)
        for name, text in command.files.items():
            file = launch.folder / name
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        for name in command.executables:
            (launch.folder / name).chmod(0o700)
        if user is not None:
            chown_tree(launch.folder, user)


def remove_socket(address: Address) -> None:
    """Remove the path of a Unix socket: most servers do not take one that a killed server has left."""
    if address.path:
        Path(address.path).unlink(missing_ok=True)
