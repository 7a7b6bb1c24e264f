"""Starts servers under test and leaves nothing of them behind.

Ready means that the reference app answered with this run's nonce: a stranger on the port is never mistaken for the
server. A front and the server behind it are one `Running`, started back to front, each below a supervisor of its own.
"""

from __future__ import annotations

import math
import os
import secrets
import shlex
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import trio

from . import ready
from .adapter import Adapter, Command, Found, Launch, Protocol, Settings, located, python_version
from .address import NOMINAL_PORT, Address
from .certificates import identity_files, lay_identity
from .errors import NotInstalled, PortTaken, ServerDidNotStart, Unsupported
from .events import Channel
from .ownapp import PACKAGE, control
from .places import SOCKET, lay_path, log_file, private_folder, require_descriptors, writing
from .ports import leased_port
from .serverlog import ServerLog
from .startup import until_ready
from .supervised import Supervised
from .surroundings import server_environment

TRIES = 3
"""Starts, should somebody else take the port between our look and the server's bind."""

GRACE = 1.5
"""Seconds from the signal that asks a server to stop until SIGKILL: uWSGI takes one; Ctrl-C has three in all."""

REFERENCE = PACKAGE
"""Apps of this package answer /nonce, or what stands for it behind the control paths."""


@dataclass(frozen=True)
class Plan:
    """How to start one server. `name` is what the user wrote; `upstream` is the server behind a front.

    `unix` asks for a Unix socket in place of TCP. `environment` is added to the server's. `app_path` is a folder for
    the path of modules, where a user's own `app` lies.
    """

    name: str
    adapter: Adapter
    found: Found
    variant: str
    settings: Settings
    python: str
    app: str = "gauntlet_apps.reference:application"
    upstream: Plan | None = None
    unix: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)
    app_path: Path | None = None


@dataclass
class _Part:
    """One process tree of a chain, and what it was started with."""

    plan: Plan
    launch: Launch
    command: Command
    supervised: Supervised


class Running:
    """A server that answers. After `restart`, `address` and `pid` are new: ask for them, never keep them."""

    def __init__(self, plan: Plan, channel: Channel, home: Path, scratch: Path, log: Path, deadline: float) -> None:
        self.plan = plan
        self.name = plan.name
        self.settings = plan.settings
        self.channel = channel
        self.nonce = secrets.token_hex(16)
        self.history: list[str] = []
        self.address = Address()
        self._log = ServerLog(log)
        self._home = home
        self._scratch = scratch
        self._deadline = deadline
        self._parts: list[_Part] = []
        self._leases = ExitStack()
        self._starts = 0

    # ------------------------------------------------------------------ what it is

    @property
    def pid(self) -> int:
        """The first process of the server, or of the front where there is one."""
        return self._parts[-1].supervised.pid if self._parts else 0

    @property
    def reference(self) -> str:
        """The path in front of the reference app's own paths: `f"{reference}/page"` is its page."""
        return f"{self.settings.mount}{control(self.plan.app)}"

    @property
    def command_line(self) -> str:
        """What was started, for people; the server behind a front first."""
        return "; ".join(_command_line(part.command) for part in self._parts)

    @property
    def conditions(self) -> dict[str, object]:
        """What a figure must be read with: of the server that runs the app, and under 'front' of the front."""
        if not self._parts:
            return {}
        server, *fronts = self._parts
        told: dict[str, object] = {
            "python": python_version(server.plan.python),
            "version": server.plan.found.version,
            **server.plan.adapter.conditions(server.launch),
        }
        for front in fronts:
            told["front"] = {"version": front.plan.found.version, **front.plan.adapter.conditions(front.launch)}
        return told

    @property
    def log_path(self) -> Path:
        """Where the output of the server is, and of the front, from all starts."""
        return self._log.path

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where the server and its log write."""
        return (self._home, self._log.path.parent)

    def log_mark(self) -> int:
        """Return where the log ends now."""
        return self._log.mark()

    def log_since(self, mark: int) -> str:
        """Return what was logged after `mark`: at most 64 KiB, with a note of what was cut out of the middle."""
        return self._log.since(mark)

    async def log_grew(self) -> None:
        """Return when there is more log than was last read, or after 50 ms."""
        await self._log.grew()

    @property
    def ended(self) -> str:
        """How it ended, as 'exit code 3' or 'signal SIGSEGV'; '' while it runs."""
        for part in self._parts:
            if end := part.supervised.ended:
                return end if len(self._parts) == 1 else f"{part.plan.adapter.name}: {end}"
        return "" if self._parts else "stopped"

    @property
    def alive(self) -> bool:
        """Say whether it runs; of a chain, whether both do."""
        return not self.ended

    async def end_within(self, seconds: float) -> str:
        """Return how it ended, waiting up to `seconds` for news of that; '' where it still runs then."""
        with trio.move_on_after(seconds):
            async with trio.open_nursery() as nursery:

                async def watch(part: _Part) -> None:
                    await part.supervised.wait_ended()
                    nursery.cancel_scope.cancel()

                for part in self._parts:
                    nursery.start_soon(watch, part)
        return self.ended

    def processes(self) -> list[int]:
        """Return the pids of all processes of the server and the front, their supervisors left out."""
        return [pid for part in self._parts for pid in part.supervised.processes()]

    # ------------------------------------------------------------------ what can be done to it

    async def restart(self, grace: float = GRACE) -> None:
        """End all of it and start it afresh, on another port; `grace` is as for `stop`. Raises what `running` does."""
        self.history.append(f"restarted ({self.ended or 'it still ran'})")
        await self.stop(grace)
        await self.start()

    async def reload(self) -> None:
        """Have the server load its app anew, and return when a process that it started since then answers.

        Raises Unsupported where the server has no signal for that, ServerDidNotStart where nothing new answers.
        """
        part = self._parts[0]
        if part.command.reload is None:
            raise Unsupported(f"{part.plan.adapter.name} has no signal that loads the app anew")
        before = set(self.processes())
        self.history.append(f"asked to reload with {part.command.reload.name}")
        part.supervised.send_signal(part.command.reload)
        with trio.move_on_after(self._deadline):
            while self.alive:
                answer = await ready.ask(self.address, self._target, self.nonce)
                if answer.state is ready.State.READY and answer.pid not in before:
                    return
                await trio.sleep(ready.PAUSE)
        raise ServerDidNotStart(f"{self.name} did not load the app anew ({self.ended or 'it still runs'})")

    async def restart_in_place(self, grace: float = GRACE) -> None:
        """Stop the server that runs the app and start it with the same command line where it was, on the same port.

        That is what an operator does to a server that has no reload; a front goes on meanwhile. `grace` is as for
        `stop`. Raises ServerDidNotStart, and PortTaken where somebody else was quicker.
        """
        part = self._parts[0]
        self.history.append("stopped and started again in its place")
        await part.supervised.stop(part.command.stop, grace)
        _remove_socket(part.launch.address)
        mark = self._log.mark()
        part.supervised = await self._supervise(part.plan, part.launch, part.command)
        await self._until_ready(part, mark)

    async def start(self) -> None:
        """Start it, on another port where somebody takes the first. See `running` for what it raises."""
        for attempt in range(1, TRIES + 1):
            try:
                await self._start_once()
            except PortTaken as taken:
                await self.stop()
                self.history.append(str(taken))
                if attempt == TRIES:
                    raise
            except BaseException:
                await self.stop()
                raise
            else:
                return

    async def stop(self, grace: float = GRACE) -> None:
        """End all of it, the front first, and free its ports and folders. Does nothing where nothing runs.

        `grace` is the seconds from the signal that asks it to stop until SIGKILL; with 0 it is not asked. A cancelled
        run gives none: whoever pressed Ctrl-C waits for the report.
        """
        if trio.current_effective_deadline() == -math.inf:
            grace = 0.0
        with trio.CancelScope(shield=True):
            async with trio.open_nursery() as nursery:
                for part in reversed(self._parts):
                    nursery.start_soon(part.supervised.stop, part.command.stop, grace)
        for part in self._parts:
            shutil.rmtree(part.launch.folder, ignore_errors=True)
        self._parts.clear()
        self._leases.close()

    async def _start_once(self) -> None:
        self._starts += 1
        if self.plan.upstream is None:
            await self._start_part(self.plan, Protocol.HTTP, unix=self.plan.unix)
        else:
            protocol, unix = self.plan.adapter.protocol_for(self.plan.variant, self.plan.upstream.adapter)
            behind = await self._start_part(self.plan.upstream, protocol, unix=unix)
            await self._start_part(self.plan, Protocol.HTTP, unix=self.plan.unix, behind=behind)
        self.address = self._parts[-1].launch.address
        self.history.append(f"started as pid {self.pid} on {self.address}")

    async def _start_part(self, plan: Plan, protocol: Protocol, *, unix: bool, behind: Launch | None = None) -> Launch:
        if not plan.found.here:
            raise NotInstalled(f"{plan.name}: {plan.found.why}; get it with: {plan.found.get}")
        folder = self._home / f"{self._starts}{'f' if behind else 's'}"
        if behind and behind.address.door:
            raise Unsupported(f"{self.name}: without a socket there is nothing that a front could reach")
        address = self._address(plan, folder, unix=unix)
        launch = Launch(
            python=located(plan.python),
            executable=plan.found.executable,
            address=address,
            app=plan.app,
            folder=folder,
            settings=plan.settings,
            variant=plan.variant,
            protocol=protocol,
            upstream=behind.address if behind else None,
            upstream_protocol=behind.protocol if behind else Protocol.HTTP,
            identity=identity_files(folder) if address.tls else None,
        )
        command = plan.adapter.command(launch)
        with writing(folder):
            folder.mkdir(mode=0o700)
            if launch.identity is not None:
                lay_identity(launch.identity)
            for name, text in command.files.items():
                (folder / name).write_text(text, encoding="utf-8")
        mark = self._log.mark()
        part = _Part(plan, launch, command, await self._supervise(plan, launch, command))
        self._parts.append(part)
        await self._until_ready(part, mark)
        return launch

    async def _supervise(self, plan: Plan, launch: Launch, command: Command) -> Supervised:
        return await Supervised.start(
            command.argv,
            environment=self._environment(plan, command, launch.folder),
            folder=command.folder or launch.folder,
            log=self._log.path,
            remove=self._home,
            prune=self._scratch,
        )

    async def _until_ready(self, part: _Part, mark: int) -> None:
        await until_ready(
            part.launch,
            part.supervised,
            name=part.plan.adapter.name if self.plan.upstream else self.name,
            nonce=self.nonce if part.plan.app.startswith(REFERENCE) else "",
            deadline=self._deadline,
            logged=lambda: self._log.since(mark),
        )

    def _address(self, plan: Plan, folder: Path, *, unix: bool) -> Address:
        if plan.variant in plan.adapter.socketless:
            if unix:
                raise Unsupported(f"{plan.adapter.name}:{plan.variant} has no socket of any kind")
            if plan.settings.tls:
                raise Unsupported(f"{plan.adapter.name}:{plan.variant} has no socket, so no TLS on it")
            return Address(port=NOMINAL_PORT, door=str(folder / SOCKET))
        tls = plan.settings.tls or plan.adapter.tls_only
        if unix or plan.adapter.unix_only:
            return Address(path=str(folder / SOCKET), tls=tls)
        return Address(port=self._leases.enter_context(leased_port()), tls=tls)

    def _environment(self, plan: Plan, command: Command, folder: Path) -> dict[str, str]:
        path = [str(self._home / "path")]
        if plan.app_path is not None:
            path.append(str(plan.app_path.resolve()))
        added = {"GAUNTLET_NONCE": self.nonce, **self.channel.environment, **command.environment, **plan.environment}
        # PEP 3333 calls this the simplest way to put a variable into environ; a server of another way gets it as well.
        added.update(plan.settings.deployed)
        return server_environment(os.environ, path=path, temporary=str(folder), added=added)

    @property
    def _target(self) -> str:
        return f"{self.reference}/nonce"


@asynccontextmanager
async def running(
    plan: Plan, *, scratch: Path, logs: Path | None, observe: bool = True, deadline: float = 15.0
) -> AsyncIterator[Running]:
    """Start what `plan` says, and stop it and remove its folder when the block ends, however it ends.

    `scratch` holds its private folder, `logs` its log, which goes with that folder where `logs` is None. Without
    `observe` the app reports no events. `deadline` is in seconds, for each start. Raises ServerDidNotStart with the
    log's telling line, PortTaken after three tries, NotInstalled, OutOfResources, StorageFull, and Unsupported where
    the adapter has no option for a setting.
    """
    require_descriptors()
    home = private_folder(scratch)
    try:
        lay_path(home / "path")
        async with AsyncExitStack() as stack:
            channel = Channel.silent()
            if observe:
                (home / "e").mkdir(mode=0o700)
                channel = await stack.enter_async_context(Channel.open(home / "e"))
            server = Running(plan, channel, home, scratch, log_file(logs or home, plan.name), deadline)
            stack.push_async_callback(server.stop)
            await server.start()
            yield server
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _remove_socket(address: Address) -> None:
    # Most servers do not take a socket's path that a killed one has left.
    if address.path:
        Path(address.path).unlink(missing_ok=True)


def _command_line(command: Command) -> str:
    variables = [f"{name}={shlex.quote(value)}" for name, value in command.environment.items()]
    return " ".join([*variables, shlex.join(command.argv)])
