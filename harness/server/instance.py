"""Starts servers under test and removes everything of them.

A server is ready when the test app answers with the nonce of this instance, so another program on the port is never
mistaken for the server. A proxy and the server behind it are one `ServerInstance`. They are started back to front, each
below a supervisor of its own.
"""

from __future__ import annotations

import math
import os
import shlex
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import trio

from wsgi_gauntlet.harness.errors import GauntletError, InstanceFilesDeleted, PortTaken, ServerDidNotStart, Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server import readiness
from wsgi_gauntlet.harness.server.adapter import Command, Launch, Protocol, python_version, start_command
from wsgi_gauntlet.harness.server.app_events import AppEventChannel
from wsgi_gauntlet.harness.server.app_preparation import Place, app_variables, import_path, prepared, working_folder
from wsgi_gauntlet.harness.server.certificates import write_identity_files
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.ports import leased_port, loopback_host
from wsgi_gauntlet.harness.server.process.environment import server_environment
from wsgi_gauntlet.harness.server.process.fork_server import (
    ForkServers,
    Preload,
    is_read_at_start,
    runs_module_or_script,
)
from wsgi_gauntlet.harness.server.process.supervised_process import Fork, Remains, SupervisedProcess
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
from wsgi_gauntlet.harness.server.server_under_test import STOP_GRACE, ObservedServer, StopSignals
from wsgi_gauntlet.harness.server.temp_dirs import (
    as_storage_errors,
    create_app_path,
    create_log_file,
    create_private_folder,
    require_descriptors,
)
from wsgi_gauntlet.harness.server.user_app import (
    NONCE_VARIABLE,
    REFERENCE_APP_IMPORTS,
    REFERENCE_APP_PACKAGE,
    USER_APP_FOLDER_VARIABLE,
    user_app_of,
)

START_ATTEMPTS = 3
"""Starts, if another program takes the port between the harness's check and the server's bind."""

START_TIMEOUT, START_TIMEOUT_WITH_USER_APP = 15.0, 60.0
"""Seconds in which a server must be ready: with the test app alone, and with a user app in it."""


@dataclass
class ChainMember:
    """One process tree of a chain, the server or the proxy before it, and how it was started."""

    plan: Plan
    launch: Launch
    command: Command
    preload: Preload
    supervised: SupervisedProcess

    @property
    def command_line(self) -> str:
        """The command with its environment variables, for people."""
        variables = [f"{name}={shlex.quote(value)}" for name, value in self.command.environment.items()]
        return " ".join([*variables, shlex.join(self.command.argv)])


@dataclass(frozen=True)
class InstanceFolders:
    """The folders of one instance: its private folder, the scratch folder that contains it, and its log file."""

    instance: Path
    scratch: Path
    log: Path


class ServerInstance(ObservedServer):
    """A server that the harness starts, watches and stops. After `restart`, `address` and `pid` are new."""

    def __init__(
        self,
        plan: Plan,
        channel: AppEventChannel,
        folders: InstanceFolders,
        deadline: float,
        fork_servers: ForkServers | None = None,
    ) -> None:
        super().__init__(plan)
        self.channel = channel
        self.history: list[str] = []
        self._log = ServerLog(folders.log)
        self._instance_folder = folders.instance
        self._scratch = folders.scratch
        self._deadline = deadline
        self._fork_servers = fork_servers
        self._members: list[ChainMember] = []
        self._leases = ExitStack()
        self._start_count = 0
        self._user = unprivileged_user() if plan.as_unprivileged_user else None

    # ------------------------------------------------------------------ what it is

    @property
    def pid(self) -> int:
        """The first process of the server, or of the proxy if there is one."""
        return self._members[-1].supervised.pid if self._members else 0

    @property
    def command_line(self) -> str:
        """The commands; the server behind a proxy first."""
        return "; ".join(part.command_line for part in self._members)

    @property
    def conditions(self) -> dict[str, object]:
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
        effective |= self.plan.app_plan.app_setup.conditions()
        if server.launch.static:
            sent_by = self.plan.static_server
            prefixes = ", ".join(each.prefix for each in server.launch.static)
            effective["static files"] = f"{prefixes} by {sent_by.name if sent_by is not None else 'the app'}"
        return effective

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders that the server and its log write to."""
        return (self._instance_folder, self._log.path.parent)

    def log_position(self) -> int:
        return self._log.position()

    def log_since(self, position: int) -> str:
        return self.plan.app_plan.app_setup.for_people(self._log.since(position))

    async def wait_for_log(self) -> None:
        await self._log.wait_for_growth()

    @property
    def ended(self) -> str:
        for part in self._members:
            if end := part.supervised.ended:
                return end if len(self._members) == 1 else f"{part.plan.adapter.name}: {end}"
        return "" if self._members else "stopped"

    async def wait_for_end(self, seconds: float) -> str:
        with trio.move_on_after(seconds):
            async with trio.open_nursery() as nursery:

                async def watch(part: ChainMember) -> None:
                    await part.supervised.wait_ended()
                    nursery.cancel_scope.cancel()

                for part in self._members:
                    nursery.start_soon(watch, part)
        return self.ended

    def processes(self) -> list[int]:
        return [pid for part in self._members for pid in part.supervised.processes()]

    def server_processes(self) -> list[int]:
        return [pid for part in self._app_members for pid in part.supervised.processes()]

    def front_processes(self) -> list[int]:
        return [pid for part in self._members[len(self._app_members) :] for pid in part.supervised.processes()]

    @property
    def intact(self) -> bool:
        """Whether its folder and the sockets of its channel are as they were made: a server can delete them."""
        return self._instance_folder.is_dir() and self.channel.intact

    @property
    def stop_signals(self) -> StopSignals:
        command = self._members[-1].command
        return StopSignals(command.graceful_signals, command.quick_signals)

    # ------------------------------------------------------------------ what can be done to it

    def send_signal(self, number: signal.Signals) -> None:
        self.history.append(f"got {number.name}")
        self._members[-1].supervised.send_signal(number)

    async def restart(self, grace: float = STOP_GRACE) -> None:
        self.history.append(f"restarted ({self.ended or 'it still ran'})")
        await self.stop(grace)
        await self.start()

    async def reload(self) -> None:
        number = self._members[0].command.reload_signal
        if number is None:
            raise Unsupported(f"{self._members[0].plan.adapter.name} has no signal that loads the app again")
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
        raise ServerDidNotStart(f"{self.name} did not load the app again ({self.ended or 'it still runs'})")

    async def restart_in_place(self, grace: float = STOP_GRACE) -> None:
        self.history.append("stopped and started again in its place")
        for part in self._app_members:
            await part.supervised.stop(part.command.stop_signal, grace)
            _remove_socket(part.launch.address)
            position = self._log.position()
            part.supervised = await self._supervise(part.plan, part.launch, part.command, part.preload)
            await self._wait_until_ready(part, position)

    async def start(self) -> None:
        """Start the server, on another port if the first one is taken. Raises the errors of `running`."""
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
                self.responded_last = True
                return

    async def stop(self, grace: float = STOP_GRACE) -> None:
        """Stop all of it, and free its ports and folders. Do nothing if nothing runs.

        `grace` is the seconds from the signal that asks it to stop until SIGKILL; with 0 there is no such signal. A
        cancelled run uses 0: a user who pressed Ctrl-C waits for the report.
        """
        await self._stop(lambda _part: grace)

    async def discard(self) -> None:
        """Stop it as `stop` does, but kill at once what a fork server started: nobody looks at how it ends."""
        await self._stop(lambda part: 0.0 if part.preload.modules else STOP_GRACE)

    async def _stop(self, grace_of: Callable[[ChainMember], float]) -> None:
        cancelled = trio.current_effective_deadline() == -math.inf
        with trio.CancelScope(shield=True):
            async with trio.open_nursery() as nursery:
                for part in reversed(self._members):
                    grace = 0.0 if cancelled else grace_of(part)
                    nursery.start_soon(part.supervised.stop, part.command.stop_signal, grace)
            for part in self._members:
                await trio.to_thread.run_sync(clear, part.launch.folder)
        self._members.clear()
        self._leases.close()

    async def _start_once(self) -> None:
        self._start_count += 1
        if not self._instance_folder.is_dir():
            raise InstanceFilesDeleted(
                f"{self.name}: its folder {self._instance_folder} is gone; the server or another program deleted it"
            )
        behind = self.plan.chain()
        if behind is None:
            await self._start_member(self.plan, "s")
        else:
            protocol, plan = behind
            launches = [
                await self._start_member(self._upstream_plan(plan, number), f"s{number}", protocol)
                for number in range(self.plan.adapter.upstream_count(self.plan.settings))
            ]
            await self._start_member(self.plan, "f", behind=launches)
        self.address = self._members[-1].launch.address
        self.history.append(f"started as pid {self.pid} on {self.address}")

    def _upstream_plan(self, plan: Plan, number: int) -> Plan:
        """Return how instance `number` of the server behind the proxy is started."""
        mount = self.plan.adapter.upstream_mount(self.plan.settings, number)
        return replace(plan, settings=replace(plan.settings, mount=mount)) if mount else plan

    async def _start_member(
        self, plan: Plan, label: str, protocol: Protocol = Protocol.HTTP, behind: Sequence[Launch] = ()
    ) -> Launch:
        plan.require_installed()
        folder = self._instance_folder / f"{self._start_count}{label}"
        launch = plan.launch(self._address(plan, folder), folder, protocol, behind)
        command = start_command(plan.adapter, launch)
        write_launch_files(launch, command, self._user if plan.adapter.unprivileged_user else None)
        position = self._log.position()
        preload = self._preload(plan, launch, command) if self._fork_servers else Preload()
        supervised = await self._supervise(plan, launch, command, preload)
        part = ChainMember(plan, launch, command, preload, supervised)
        self._members.append(part)
        await self._wait_until_ready(part, position)
        return launch

    async def _supervise(self, plan: Plan, launch: Launch, command: Command, preload: Preload) -> SupervisedProcess:
        folder = command.folder or launch.folder
        if plan.upstream is None and command.folder is not None:  # the launch folder is never copied
            folder = plan.app_setup.placed(command.folder)
        return await SupervisedProcess.start(
            command.argv,
            environment=self._environment(plan, command, launch.folder),
            folder=folder,
            log=self._log.path,
            remains=Remains(self._instance_folder, self._scratch),
            user=self._user if plan.adapter.unprivileged_user else None,
            fork=Fork(self._fork_servers, preload, launch.folder) if self._fork_servers else None,
        )

    def _preload(self, plan: Plan, launch: Launch, command: Command) -> Preload:
        """Return what a fork server must have imported to become the server; no modules if it cannot.

        A user app may do anything at its import. A server that changes its user needs an interpreter of its own.
        """
        modules, own = plan.adapter.preload(launch), self._added_variables(plan, command)
        if (
            not modules
            or self._user is not None
            or user_app_of(plan)
            or not runs_module_or_script(command.argv, launch.python)
            or any(map(is_read_at_start, own))
        ):
            return Preload()
        everything = self._environment(plan, command, launch.folder)
        environment = {name: value for name, value in everything.items() if name not in own and name != "TMPDIR"}
        environment["PYTHONPATH"] = os.pathsep.join(self._python_path(plan, command)[1:])
        modules += REFERENCE_APP_IMPORTS
        return Preload(launch.python, modules, tuple(sorted(environment.items())), tuple(command.files.items()))

    async def _wait_until_ready(self, part: ChainMember, position: int) -> None:
        try:
            await readiness.wait_until_ready(
                part.launch,
                part.supervised,
                name=part.plan.adapter.name if self.plan.upstream else self.name,
                nonce=self.nonce if part.plan.app.startswith(REFERENCE_APP_PACKAGE) else "",
                deadline=self._deadline,
                read_log=lambda: self.log_since(position),
            )
        except ServerDidNotStart as problem:
            if hint := part.plan.adapter.start_failure_hint:
                raise ServerDidNotStart(f"{problem} ({hint})") from None
            raise
        if self._user is not None and not part.plan.adapter.unprivileged_user and part.launch.address.path:
            grant_access(Path(part.launch.address.path), self._user)

    def _address(self, plan: Plan, folder: Path) -> Address:
        address = plan.address(folder)
        if address.path or address.pipe_socket:
            return address
        host = plan.host or loopback_host()
        return replace(address, host=host, port=self._leases.enter_context(leased_port(host)))

    def _python_path(self, plan: Plan, command: Command) -> list[str]:
        path = [str(self._instance_folder / "path")]
        # A command may need the folders of PYTHONPATH without --app too, to find the server itself.
        if plan.app_path is not None or command.folder is not None:
            path += import_path(plan)
        # The app under test is found first.
        return [*path, *filter(None, [plan.environment.get("PYTHONPATH", command.environment.get("PYTHONPATH", ""))])]

    def _added_variables(self, plan: Plan, command: Command) -> dict[str, str]:
        added = {NONCE_VARIABLE: self.nonce, **self.channel.environment, **command.environment, **plan.environment}
        if plan.upstream is None:  # a proxy runs no app
            added = {**app_variables(plan.app_setup), **added}
        if plan.app_path is not None and command.folder is None:
            added[USER_APP_FOLDER_VARIABLE] = str(working_folder(plan))
        added.pop("PYTHONPATH", None)
        # PEP 3333 calls this the simplest way to put a variable into environ. A server with another way gets it too.
        added.update(plan.settings.deployed)
        return added

    def _environment(self, plan: Plan, command: Command, folder: Path) -> dict[str, str]:
        path, added = self._python_path(plan, command), self._added_variables(plan, command)
        return server_environment(os.environ, path=path, temporary=str(folder), added=added)

    @property
    def _nonce_path(self) -> str:
        return f"{self.reference_app_path}/nonce"

    @property
    def _app_members(self) -> list[ChainMember]:
        """The members that run the app: in a chain all but the proxy, which is the last."""
        return self._members if self.plan.upstream is None else self._members[:-1]


def _remove_socket(address: Address) -> None:
    """Remove the path of a Unix socket: most servers do not accept one that a killed server left."""
    if address.path:
        Path(address.path).unlink(missing_ok=True)


def start_timeout(plan: Plan) -> float:
    """Return the seconds in which a server must be ready; a user app may take long to import."""
    return START_TIMEOUT_WITH_USER_APP if user_app_of(plan.app_plan) else START_TIMEOUT


def write_launch_files(launch: Launch, command: Command, user: User | None) -> None:
    """Make the launch folder with all files of the command, owned by `user` if there is one. Raises StorageFull."""
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


@asynccontextmanager
async def running(
    plan: Plan,
    *,
    scratch: Path,
    logs: Path | None,
    observe: bool = True,
    deadline: float | None = None,
    fork_servers: ForkServers | None = None,
) -> AsyncIterator[ServerInstance]:
    """Start the server of `plan`; stop it and remove its folder when the block ends, however it ends.

    `scratch` contains its private folder, `logs` its log; with `logs` None the log is deleted with the private folder.
    Without `observe` the app reports no events. `deadline` is the seconds for each start, by default `start_timeout`.
    `fork_servers` make a start cheaper; the memory of such a server is shared with others, so do not measure it.
    Raises ServerDidNotStart with a line of the log, PortTaken after three tries, NotInstalled, OutOfResources,
    StorageFull, and Unsupported if the adapter has no option for a setting.
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
                log = create_log_file(logs or instance_folder, plan.name)
                folders = InstanceFolders(instance_folder, scratch, log)
                create_app_path(instance_folder / "path", copy=plan.as_unprivileged_user)
                user = unprivileged_user() if plan.as_unprivileged_user else None
                if user is not None:
                    _require_app_accessible(plan)
                    _grant_folder(instance_folder, scratch, user)
                app_user = user if plan.app_plan.adapter.unprivileged_user else None
                place = Place(instance_folder, scratch, user=app_user, owner=user)
                plan = await stack.enter_async_context(prepared(plan, place))
                server = ServerInstance(plan, channel, folders, deadline or start_timeout(plan), fork_servers)
                stack.push_async_callback(server.discard)
                await server.start()
            except (GauntletError, OSError) as error:
                if instance_folder.is_dir() and channel.intact:
                    raise
                raise InstanceFilesDeleted(
                    f"{plan.name}: its files in {instance_folder} were deleted while it started"
                ) from error
            yield server
    finally:
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(clear, instance_folder)


def _grant_folder(instance_folder: Path, scratch: Path, user: User) -> None:
    with as_storage_errors(instance_folder):
        if instance_folder.parent == scratch.resolve():  # else it is the user's TMPDIR, which is traversable already
            allow_traversal(instance_folder.parent)
        chown_tree(instance_folder, user)


def _require_app_accessible(plan: Plan) -> None:
    # Without these checks the server reports a missing module or file, although the user sees it.
    setup = plan.app_setup
    for each in setup.static:
        if not setup.is_copied(each.folder) and not others_can_traverse(each.folder / "file"):
            raise ServerDidNotStart(
                f"{plan.name} gives up root and then cannot enter {each.folder} for {each.prefix}: "
                "let others pass through the folders above it (chmod o+x)"
            )
    if (
        plan.app_path is not None
        and not setup.is_copied(plan.app_path)
        and not others_can_traverse(plan.app_path / plan.app)
    ):
        raise ServerDidNotStart(
            f"{plan.name} gives up root and then cannot enter {plan.app_path} for the app: "
            "let others pass through the folder (chmod o+x), or run as the owner of the app"
        )
