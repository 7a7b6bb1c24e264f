"""Starts servers under test and leaves nothing of them behind.

Ready means that the reference app answered with this run's nonce: a stranger on the port is never mistaken for the
server. A front and the server behind it are one `Running`, started back to front, each below a supervisor of its own.
"""

from __future__ import annotations

import math
import os
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import trio

from .adapter import Command, Launch, Protocol, python_version
from .address import NOMINAL_PORT, Address
from .errors import FilesGone, GauntletError, PortTaken, ServerDidNotStart, Unsupported
from .events import Channel
from .launching import ready
from .launching.ordinary import User, hand_over, lend, open_the_way, ordinary_user, others_can_pass
from .launching.ownapp import FOLDER, PACKAGE, control, own_app
from .launching.part import Part, launch_of, lay_files, remove_socket
from .launching.places import SOCKET, lay_path, log_file, private_folder, require_descriptors, writing
from .launching.plan import Plan
from .launching.ports import leased_port, loopback
from .launching.serverlog import ServerLog
from .launching.startup import until_ready
from .launching.supervised import Supervised
from .launching.supervisor import clear
from .launching.surroundings import own_python_path, server_environment

TRIES = 3
"""Starts, should somebody else take the port between our look and the server's bind."""

START, START_WITH_OWN_APP = 15.0, 60.0
"""Seconds in which a server must answer: with the reference app, and with an app of the user's own in it."""

GRACE = 1.5
"""Seconds from the signal that asks a server to stop until SIGKILL: uWSGI takes one; Ctrl-C has three in all."""

REFERENCE = PACKAGE
"""Apps of this package answer /nonce, or what stands for it behind the control paths."""


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
        self._parts: list[Part] = []
        self._leases = ExitStack()
        self._starts = 0
        self._user = ordinary_user() if plan.as_ordinary_user else None

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
        return "; ".join(part.command_line for part in self._parts)

    @property
    def conditions(self) -> dict[str, object]:
        """What a figure must be read with: of the server that runs the app, and under 'front' of the front."""
        if not self._parts:
            return {}
        server = self._parts[0]
        told: dict[str, object] = {
            "python": python_version(server.plan.found.python or server.plan.python),
            "version": server.plan.found.version,
            **server.plan.adapter.conditions(server.launch),
        }
        if self.plan.upstream is not None:
            front = self._parts[-1]
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

                async def watch(part: Part) -> None:
                    await part.supervised.wait_ended()
                    nursery.cancel_scope.cancel()

                for part in self._parts:
                    nursery.start_soon(watch, part)
        return self.ended

    def processes(self) -> list[int]:
        """Return the pids of all processes of the server and the front, their supervisors left out."""
        return [pid for part in self._parts for pid in part.supervised.processes()]

    def server_processes(self) -> list[int]:
        """Return the pids of the server that runs the app, those of a front before it left out."""
        return [pid for part in self._servers for pid in part.supervised.processes()]

    def front_processes(self) -> list[int]:
        """Return the pids of the front, none where there is none."""
        return [pid for part in self._parts[len(self._servers) :] for pid in part.supervised.processes()]

    @property
    def intact(self) -> bool:
        """Say whether its folder and the sockets of its channel are as they were made: a server can delete them."""
        return self._home.is_dir() and self.channel.intact

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
        number = self._parts[0].command.reload
        if number is None:
            raise Unsupported(f"{self._parts[0].plan.adapter.name} has no signal that loads the app anew")
        before = set(self.processes())
        self.history.append(f"asked to reload with {number.name}")
        for part in self._servers:
            part.supervised.send_signal(number)
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
        self.history.append("stopped and started again in its place")
        for part in self._servers:
            await part.supervised.stop(part.command.stop, grace)
            remove_socket(part.launch.address)
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
        """End all of it at once, and free its ports and folders. Does nothing where nothing runs.

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
                await trio.to_thread.run_sync(clear, part.launch.folder)
        self._parts.clear()
        self._leases.close()

    async def _start_once(self) -> None:
        self._starts += 1
        if not self._home.is_dir():
            raise FilesGone(f"{self.name}: its folder {self._home} is gone; the server deleted it, or a stranger")
        if self.plan.upstream is None:
            await self._start_part(self.plan, Protocol.HTTP, "s", unix=self.plan.unix)
        else:
            protocol, unix = self.plan.adapter.protocol_for(self.plan.variant, self.plan.upstream.adapter)
            behind = [
                await self._start_part(self._behind(number), protocol, f"s{number}", unix=unix)
                for number in range(self.plan.adapter.upstreams(self.plan.settings))
            ]
            await self._start_part(self.plan, Protocol.HTTP, "f", unix=self.plan.unix, behind=behind)
        self.address = self._parts[-1].launch.address
        self.history.append(f"started as pid {self.pid} on {self.address}")

    def _behind(self, number: int) -> Plan:
        """Return how instance `number` of the server behind the front is started."""
        assert self.plan.upstream is not None
        mount = self.plan.adapter.mounted(self.plan.settings, number)
        settings = self.plan.upstream.settings
        return replace(self.plan.upstream, settings=replace(settings, mount=mount)) if mount else self.plan.upstream

    async def _start_part(
        self, plan: Plan, protocol: Protocol, place: str, *, unix: bool, behind: Sequence[Launch] = ()
    ) -> Launch:
        folder = self._home / f"{self._starts}{place}"
        launch = launch_of(plan, self._address(plan, folder, unix=unix), folder, protocol, list(behind))
        command = plan.adapter.command(launch)
        lay_files(launch, command, self._user if plan.adapter.ordinary_user else None)
        mark = self._log.mark()
        part = Part(plan, launch, command, await self._supervise(plan, launch, command))
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
            user=self._user if plan.adapter.ordinary_user else None,
        )

    async def _until_ready(self, part: Part, mark: int) -> None:
        try:
            await until_ready(
                part.launch,
                part.supervised,
                name=part.plan.adapter.name if self.plan.upstream else self.name,
                nonce=self.nonce if part.plan.app.startswith(REFERENCE) else "",
                deadline=self._deadline,
                logged=lambda: self._log.since(mark),
            )
        except ServerDidNotStart as problem:
            if hint := part.plan.adapter.unready:
                raise ServerDidNotStart(f"{problem} ({hint})") from None
            raise
        if self._user is not None and not part.plan.adapter.ordinary_user and part.launch.address.path:
            lend(Path(part.launch.address.path), self._user)

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
        host = plan.host or loopback()
        return Address(host=host, port=self._leases.enter_context(leased_port(host)), tls=tls)

    def _environment(self, plan: Plan, command: Command, folder: Path) -> dict[str, str]:
        path = [str(self._home / "path")]
        if plan.app_path is not None:
            path += [str(plan.app_path.resolve()), *own_python_path()]
        added = {"GAUNTLET_NONCE": self.nonce, **self.channel.environment, **command.environment, **plan.environment}
        if plan.app_path is not None and command.folder is None:
            added[FOLDER] = str(plan.app_path.resolve())
        path += filter(None, [added.pop("PYTHONPATH", "")])  # the app under test is found first
        # PEP 3333 calls this the simplest way to put a variable into environ; a server of another way gets it as well.
        added.update(plan.settings.deployed)
        return server_environment(os.environ, path=path, temporary=str(folder), added=added)

    @property
    def _target(self) -> str:
        return f"{self.reference}/nonce"

    @property
    def _servers(self) -> list[Part]:
        """Those that run the app: of a chain all but the front, which is the last."""
        return self._parts if self.plan.upstream is None else self._parts[:-1]


def patience(plan: Plan) -> float:
    """Return the seconds in which a server must have started; an app of the user's own may take long to import."""
    return START_WITH_OWN_APP if own_app(plan.runs_app) else START


@asynccontextmanager
async def running(
    plan: Plan, *, scratch: Path, logs: Path | None, observe: bool = True, deadline: float | None = None
) -> AsyncIterator[Running]:
    """Start what `plan` says, and stop it and remove its folder when the block ends, however it ends.

    `scratch` holds its private folder, `logs` its log, which goes with that folder where `logs` is None. Without
    `observe` the app reports no events. `deadline` is in seconds, for each start; without it, `patience`.
    Raises ServerDidNotStart with the log's telling line, PortTaken after three tries, NotInstalled, OutOfResources,
    StorageFull, and Unsupported where the adapter has no option for a setting.
    """
    require_descriptors()
    home = private_folder(scratch, passed_by_others=plan.as_ordinary_user)
    try:
        async with AsyncExitStack() as stack:
            channel = Channel.silent()
            try:
                if observe:
                    (home / "e").mkdir(mode=0o700)
                    channel = await stack.enter_async_context(Channel.open(home / "e"))
                server = Running(
                    plan, channel, home, scratch, log_file(logs or home, plan.name), deadline or patience(plan)
                )
                lay_path(home / "path", theirs=plan.as_ordinary_user)
                if plan.as_ordinary_user and (user := ordinary_user()) is not None:
                    _require_their_way(plan)
                    _give_away(home, scratch, user)
                stack.push_async_callback(server.stop)
                await server.start()
            except (GauntletError, OSError) as trouble:
                if home.is_dir() and channel.intact:
                    raise
                raise FilesGone(f"{plan.name}: somebody deleted its files in {home} while it started") from trouble
            yield server
    finally:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(clear, home)


def _give_away(home: Path, scratch: Path, user: User) -> None:
    with writing(home):
        if home.parent == scratch.resolve():  # else it is the user's own TMPDIR, which others can pass through already
            open_the_way(home.parent)
        hand_over(home, user)


def _require_their_way(plan: Plan) -> None:
    # They would say that there is no module of that name, and whoever started them could see it right there.
    if plan.app_path is not None and not others_can_pass(plan.app_path / plan.app):
        raise ServerDidNotStart(
            f"{plan.name} gives up root, and then cannot enter {plan.app_path} for the app: "
            "let others pass through it (chmod o+x), or run as the user whose app it is"
        )
