"""One process tree of a chain: the server, or the front before it, each below a supervisor of its own."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from ..adapter import Command, Launch, Protocol, located
from ..address import Address
from ..errors import NotInstalled, Unsupported
from .certificates import identity_files, lay_identity
from .ordinary import User, hand_over
from .places import writing
from .plan import Plan
from .supervised import Supervised


@dataclass
class Part:
    """What was started, and with what."""

    plan: Plan
    launch: Launch
    command: Command
    supervised: Supervised

    @property
    def command_line(self) -> str:
        """What was started, for people."""
        variables = [f"{name}={shlex.quote(value)}" for name, value in self.command.environment.items()]
        return " ".join([*variables, shlex.join(self.command.argv)])


def launch_of(plan: Plan, address: Address, folder: Path, protocol: Protocol, behind: list[Launch]) -> Launch:
    """Return how `plan` is launched at `address`, with the servers `behind` it where it is a front.

    Raises NotInstalled, and Unsupported for a front before something that has no socket.
    """
    if not plan.found.here:
        raise NotInstalled(f"{plan.name}: {plan.found.lack}")
    if any(each.address.door for each in behind):
        raise Unsupported(f"{plan.name}: without a socket there is nothing that a front could reach")
    return Launch(
        python=located(plan.python),
        executable=plan.found.executable,
        address=address,
        app=plan.app,
        folder=folder,
        settings=plan.settings,
        variant=plan.variant,
        protocol=protocol,
        upstream=behind[0].address if behind else None,
        upstream_protocol=behind[0].protocol if behind else Protocol.HTTP,
        others=tuple(each.address for each in behind[1:]),
        identity=identity_files(folder) if address.tls else None,
    )


def lay_files(launch: Launch, command: Command, user: User | None) -> None:
    """Make the launch folder with all that the command needs in it, `user`'s where there is one. Raises StorageFull."""
    with writing(launch.folder):
        launch.folder.mkdir(mode=0o700)
        if launch.identity is not None:
            lay_identity(launch.identity)
        for name, text in command.files.items():
            file = launch.folder / name
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        for name in command.executables:
            (launch.folder / name).chmod(0o700)
        if user is not None:
            hand_over(launch.folder, user)


def remove_socket(address: Address) -> None:
    """Remove the path of a Unix socket: most servers do not take one that a killed server has left."""
    if address.path:
        Path(address.path).unlink(missing_ok=True)
