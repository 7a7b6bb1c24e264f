"""Starts servers under test and leaves nothing of them behind.

Ready means that the reference app answered with this run's nonce: a stranger on the port is never mistaken for the
server. A front and the server behind it are one `ServerInstance`, started back to front, each below a supervisor of
its own.
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

from wsgi_gauntlet.harness.errors import GauntletError, InstanceFilesDeleted, PortTaken, ServerDidNotStart, Unsupported
from wsgi_gauntlet.harness.http.address import NOMINAL_PORT, Address
from wsgi_gauntlet.harness.server import readiness
from wsgi_gauntlet.harness.server.adapter import Command, Launch, Protocol, python_version
from wsgi_gauntlet.harness.server.app_events import AppEventChannel
from wsgi_gauntlet.harness.server.chain_member import ChainMember, build_launch, remove_socket, write_launch_files
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.ports import leased_port, loopback_host
from wsgi_gauntlet.harness.server.process.environment import server_environment, user_python_path
from wsgi_gauntlet.harness.server.process.supervised_process import SupervisedProcess
from wsgi_gauntlet.harness.server.process.supervisor import clear
from wsgi_gauntlet.harness.server.process.unprivileged_user import (
    User,
    allow_traversal,
    chown_tree,
    grant_access,
    others_can_traverse,
    unprivileged_user,
)
from wsgi_gauntlet.harness.server.server_log import ServerLog
from wsgi_gauntlet.harness.server.startup import wait_until_ready
from wsgi_gauntlet.harness.server.temp_dirs import (
    SOCKET_NAME,
    as_storage_errors,
    create_app_path,
    create_log_file,
    create_private_folder,
    require_descriptors,
)
from wsgi_gauntlet.harness.server.user_app import (
    REFERENCE_APP_PACKAGE,
    USER_APP_FOLDER_VARIABLE,
    control_prefix,
    user_app_of,
)

START_ATTEMPTS = 3
"""Starts, should somebody else take the port between our look and the server's bind."""

START_TIMEOUT, START_TIMEOUT_WITH_USER_APP = 15.0, 60.0
"""Seconds in which a server must answer: with the reference app, and with an app of the user's own in it."""

STOP_GRACE = 1.5
"""Seconds from the signal that asks a server to stop until SIGKILL: uWSGI takes one; Ctrl-C has three in all."""

REFERENCE = REFERENCE_APP_PACKAGE
"""Apps of this package answer /nonce, or what stands for it behind the control paths."""


class ServerInstance:
    """A server that answers. After `restart`, `address` and `pid` are new: ask for them, never keep them."""

    def __init__(
        self, plan: Plan, channel: AppEventChannel, instance_folder: Path, scratch: Path, log: Path, deadline: float
    ) -> None:
        self.plan = plan
        self.name = plan.name
        self.settings = plan.settings
        self.channel = channel
        self.nonce = secrets.token_hex(16)
        self.history: list[str] = []
        self.address = Address()
        self._log = ServerLog(log)
        self._instance_folder = instance_folder
        self._scratch = scratch
        self._deadline = deadline
        self._members: list[ChainMember] = []
        self._leases = ExitStack()
        self._start_count = 0
        self._user = unprivileged_user() if plan.as_unprivileged_user else None

    # ------------------------------------------------------------------ what it is

    @property
    def pid(self) -> int:
        """The first process of the server, or of the front where there is one."""
        return self._members[-1].supervised.pid if self._members else 0

    @property
    def reference_app_path(self) -> str:
        """The path in front of the reference app's own paths: `f"{reference}/page"` is its page."""
        return f"{self.settings.mount}{control_prefix(self.plan.app)}"

    @property
    def command_line(self) -> str:
        """What was started, for people; the server behind a front first."""
        return "; ".join(part.command_line for part in self._members)

    @property
    def conditions(self) -> dict[str, object]:
        """What a figure must be read with: of the server that runs the app, and under 'front' of the front."""
        if not self._members:
            return {}
        server = self._members[0]
        effective: dict[str, object] = {
            "python": python_version(server.plan.found.python or server.plan.python),
            "version": server.plan.found.version,
            **server.plan.adapter.conditions(server.launch),
        }
        if self.plan.upstream is not None:
            front = self._members[-1]
            effective["front"] = {"version": front.plan.found.version, **front.plan.adapter.conditions(front.launch)}
        return effective

    @property
    def log_path(self) -> Path:
        """Where the output of the server is, and of the front, from all starts."""
        return self._log.path

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where the server and its log write."""
        return (self._instance_folder, self._log.path.parent)

    def log_position(self) -> int:
        """Return where the log ends now."""
        return self._log.position()

    def log_since(self, position: int) -> str:
        """Return what was logged after `mark`: at most 64 KiB, with a note of what was cut out of the middle."""
        return self._log.since(position)

    async def wait_for_log(self) -> None:
        """Return when there is more log than was last read, or after 50 ms."""
        await self._log.wait_for_growth()

    @property
    def ended(self) -> str:
        """How it ended, as 'exit code 3' or 'signal SIGSEGV'; '' while it runs."""
        for part in self._members:
            if end := part.supervised.ended:
                return end if len(self._members) == 1 else f"{part.plan.adapter.name}: {end}"
        return "" if self._members else "stopped"

    @property
    def alive(self) -> bool:
        """Say whether it runs; of a chain, whether both do."""
        return not self.ended

    async def wait_for_end(self, seconds: float) -> str:
        """Return how it ended, waiting up to `seconds` for news of that; '' where it still runs then."""
        with trio.move_on_after(seconds):
            async with trio.open_nursery() as nursery:

                async def watch(part: ChainMember) -> None:
                    await part.supervised.wait_ended()
                    nursery.cancel_scope.cancel()

                for part in self._members:
                    nursery.start_soon(watch, part)
        return self.ended

    def processes(self) -> list[int]:
        """Return the pids of all processes of the server and the front, their supervisors left out."""
        return [pid for part in self._members for pid in part.supervised.processes()]

    def server_processes(self) -> list[int]:
        """Return the pids of the server that runs the app, those of a front before it left out."""
        return [pid for part in self._app_members for pid in part.supervised.processes()]

    def front_processes(self) -> list[int]:
        """Return the pids of the front, none where there is none."""
        return [pid for part in self._members[len(self._app_members) :] for pid in part.supervised.processes()]

    @property
    def intact(self) -> bool:
        """Say whether its folder and the sockets of its channel are as they were made: a server can delete them."""
        return self._instance_folder.is_dir() and self.channel.intact

    # ------------------------------------------------------------------ what can be done to it

    async def restart(self, grace: float = STOP_GRACE) -> None:
        """End all of it and start it afresh, on another port; `grace` is as for `stop`. Raises what `running` does."""
        self.history.append(f"restarted ({self.ended or 'it still ran'})")
        await self.stop(grace)
        await self.start()

    async def reload(self) -> None:
        """Have the server load its app anew, and return when a process that it started since then answers.

        Raises Unsupported where the server has no signal for that, ServerDidNotStart where nothing new answers.
        """
        number = self._members[0].command.reload_signal
        if number is None:
            raise Unsupported(f"{self._members[0].plan.adapter.name} has no signal that loads the app anew")
        before = set(self.processes())
        self.history.append(f"asked to reload with {number.name}")
        for part in self._app_members:
            part.supervised.send_signal(number)
        with trio.move_on_after(self._deadline):
            while self.alive:
                response = await readiness.probe_readiness(self.address, self._nonce_path, self.nonce)
                if response.state is readiness.ReadinessState.READY and response.pid not in before:
                    return
                await trio.sleep(readiness.PROBE_INTERVAL)
        raise ServerDidNotStart(f"{self.name} did not load the app anew ({self.ended or 'it still runs'})")

    async def restart_in_place(self, grace: float = STOP_GRACE) -> None:
        """Stop the server that runs the app and start it with the same command line where it was, on the same port.

        That is what an operator does to a server that has no reload; a front goes on meanwhile. `grace` is as for
        `stop`. Raises ServerDidNotStart, and PortTaken where somebody else was quicker.
        """
        self.history.append("stopped and started again in its place")
        for part in self._app_members:
            await part.supervised.stop(part.command.stop_signal, grace)
            remove_socket(part.launch.address)
            position = self._log.position()
            part.supervised = await self._supervise(part.plan, part.launch, part.command)
            await self._wait_until_ready(part, position)

    async def start(self) -> None:
        """Start it, on another port where somebody takes the first. See `running` for what it raises."""
        for attempt in range(1, START_ATTEMPTS + 1):
            try:
                await self._start_once()
            except PortTaken as taken:
                await self.stop()
                self.history.append(str(taken))
                if attempt == START_ATTEMPTS:
                    raise
            except BaseException:
                await self.stop()
                raise
            else:
                return

    async def stop(self, grace: float = STOP_GRACE) -> None:
        """End all of it at once, and free its ports and folders. Does nothing where nothing runs.

        `grace` is the seconds from the signal that asks it to stop until SIGKILL; with 0 it is not asked. A cancelled
        run gives none: whoever pressed Ctrl-C waits for the report.
        """
        if trio.current_effective_deadline() == -math.inf:
            grace = 0.0
        with trio.CancelScope(shield=True):
            async with trio.open_nursery() as nursery:
                for part in reversed(self._members):
                    nursery.start_soon(part.supervised.stop, part.command.stop_signal, grace)
            for part in self._members:
                await trio.to_thread.run_sync(clear, part.launch.folder)
        self._members.clear()
        self._leases.close()

    async def _start_once(self) -> None:
        self._start_count += 1
        if not self._instance_folder.is_dir():
            raise InstanceFilesDeleted(
                f"{self.name}: its folder {self._instance_folder} is gone; the server deleted it, or a stranger"
            )
        if self.plan.upstream is None:
            await self._start_member(self.plan, Protocol.HTTP, "s", unix=self.plan.unix)
        else:
            protocol, unix = self.plan.adapter.protocol_for(self.plan.variant, self.plan.upstream.adapter)
            behind = [
                await self._start_member(self._upstream_plan(number), protocol, f"s{number}", unix=unix)
                for number in range(self.plan.adapter.upstream_count(self.plan.settings))
            ]
            await self._start_member(self.plan, Protocol.HTTP, "f", unix=self.plan.unix, behind=behind)
        self.address = self._members[-1].launch.address
        self.history.append(f"started as pid {self.pid} on {self.address}")

    def _upstream_plan(self, number: int) -> Plan:
        """Return how instance `number` of the server behind the front is started."""
        assert self.plan.upstream is not None
        mount = self.plan.adapter.upstream_mount(self.plan.settings, number)
        settings = self.plan.upstream.settings
        return replace(self.plan.upstream, settings=replace(settings, mount=mount)) if mount else self.plan.upstream

    async def _start_member(
        self, plan: Plan, protocol: Protocol, label: str, *, unix: bool, behind: Sequence[Launch] = ()
    ) -> Launch:
        folder = self._instance_folder / f"{self._start_count}{label}"
        launch = build_launch(plan, self._address(plan, folder, unix=unix), folder, protocol, list(behind))
        command = plan.adapter.command(launch)
        write_launch_files(launch, command, self._user if plan.adapter.unprivileged_user else None)
        position = self._log.position()
        part = ChainMember(plan, launch, command, await self._supervise(plan, launch, command))
        self._members.append(part)
        await self._wait_until_ready(part, position)
        return launch

    async def _supervise(self, plan: Plan, launch: Launch, command: Command) -> SupervisedProcess:
        return await SupervisedProcess.start(
            command.argv,
            environment=self._environment(plan, command, launch.folder),
            folder=command.folder or launch.folder,
            log=self._log.path,
            remove=self._instance_folder,
            prune=self._scratch,
            user=self._user if plan.adapter.unprivileged_user else None,
        )

    async def _wait_until_ready(self, part: ChainMember, position: int) -> None:
        try:
            await wait_until_ready(
                part.launch,
                part.supervised,
                name=part.plan.adapter.name if self.plan.upstream else self.name,
                nonce=self.nonce if part.plan.app.startswith(REFERENCE) else "",
                deadline=self._deadline,
                read_log=lambda: self._log.since(position),
            )
        except ServerDidNotStart as problem:
            if hint := part.plan.adapter.start_failure_hint:
                raise ServerDidNotStart(f"{problem} ({hint})") from None
            raise
        if self._user is not None and not part.plan.adapter.unprivileged_user and part.launch.address.path:
            grant_access(Path(part.launch.address.path), self._user)

    def _address(self, plan: Plan, folder: Path, *, unix: bool) -> Address:
        if plan.variant in plan.adapter.in_process_variants:
            if unix:
                raise Unsupported(f"{plan.adapter.name}:{plan.variant} has no socket of any kind")
            if plan.settings.tls:
                raise Unsupported(f"{plan.adapter.name}:{plan.variant} has no socket, so no TLS on it")
            return Address(port=NOMINAL_PORT, pipe_socket=str(folder / SOCKET_NAME))
        tls = plan.settings.tls or plan.adapter.tls_only
        if unix or plan.adapter.unix_only:
            return Address(path=str(folder / SOCKET_NAME), tls=tls)
        host = plan.host or loopback_host()
        return Address(host=host, port=self._leases.enter_context(leased_port(host)), tls=tls)

    def _environment(self, plan: Plan, command: Command, folder: Path) -> dict[str, str]:
        path = [str(self._instance_folder / "path")]
        if plan.app_path is not None:
            path += [str(plan.app_path.resolve()), *user_python_path()]
        added = {"GAUNTLET_NONCE": self.nonce, **self.channel.environment, **command.environment, **plan.environment}
        if plan.app_path is not None and command.folder is None:
            added[USER_APP_FOLDER_VARIABLE] = str(plan.app_path.resolve())
        path += filter(None, [added.pop("PYTHONPATH", "")])  # the app under test is found first
        # PEP 3333 calls this the simplest way to put a variable into environ; a server of another way gets it as well.
        added.update(plan.settings.deployed)
        return server_environment(os.environ, path=path, temporary=str(folder), added=added)

    @property
    def _nonce_path(self) -> str:
        return f"{self.reference_app_path}/nonce"

    @property
    def _app_members(self) -> list[ChainMember]:
        """Those that run the app: of a chain all but the front, which is the last."""
        return self._members if self.plan.upstream is None else self._members[:-1]


def start_timeout(plan: Plan) -> float:
    """Return the seconds in which a server must have started; an app of the user's own may take long to import."""
    return START_TIMEOUT_WITH_USER_APP if user_app_of(plan.app_plan) else START_TIMEOUT


@asynccontextmanager
async def running(
    plan: Plan, *, scratch: Path, logs: Path | None, observe: bool = True, deadline: float | None = None
) -> AsyncIterator[ServerInstance]:
    """Start what `plan` says, and stop it and remove its folder when the block ends, however it ends.

    `scratch` holds its private folder, `logs` its log, which goes with that folder where `logs` is None. Without
    `observe` the app reports no events. `deadline` is in seconds, for each start; without it, `patience`.
    Raises ServerDidNotStart with the log's telling line, PortTaken after three tries, NotInstalled, OutOfResources,
    StorageFull, and Unsupported where the adapter has no option for a setting.
    """
    require_descriptors()
    instance_folder = create_private_folder(scratch, traversable_by_others=plan.as_unprivileged_user)
    try:
        async with AsyncExitStack() as stack:
            channel = AppEventChannel.unobserved()
            try:
                if observe:
                    (instance_folder / "e").mkdir(mode=0o700)
                    channel = await stack.enter_async_context(AppEventChannel.open(instance_folder / "e"))
                server = ServerInstance(
                    plan,
                    channel,
                    instance_folder,
                    scratch,
                    create_log_file(logs or instance_folder, plan.name),
                    deadline or start_timeout(plan),
                )
                create_app_path(instance_folder / "path", copy=plan.as_unprivileged_user)
                if plan.as_unprivileged_user and (user := unprivileged_user()) is not None:
                    _require_app_accessible(plan)
                    _grant_folder(instance_folder, scratch, user)
                stack.push_async_callback(server.stop)
                await server.start()
            except (GauntletError, OSError) as trouble:
                if instance_folder.is_dir() and channel.intact:
                    raise
                raise InstanceFilesDeleted(
                    f"{plan.name}: somebody deleted its files in {instance_folder} while it started"
                ) from trouble
            yield server
    finally:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(clear, instance_folder)


def _grant_folder(instance_folder: Path, scratch: Path, user: User) -> None:
    with as_storage_errors(instance_folder):
        if (
            instance_folder.parent == scratch.resolve()
        ):  # else it is the user's own TMPDIR, which others can pass through already
            allow_traversal(instance_folder.parent)
        chown_tree(instance_folder, user)


def _require_app_accessible(plan: Plan) -> None:
    # They would say that there is no module of that name, and whoever started them could see it right there.
    if plan.app_path is not None and not others_can_traverse(plan.app_path / plan.app):
        raise ServerDidNotStart(
            f"{plan.name} gives up root, and then cannot enter {plan.app_path} for the app: "
            "let others pass through it (chmod o+x), or run as the user whose app it is"
        )
