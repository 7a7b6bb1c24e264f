"""What is done for the user app of a server instance: its folder is copied, commands run before and after.

`rehearsed` does the same once before a run, so that a mistake of the user ends it before a server is started.
"""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import trio

from wsgi_gauntlet.harness.errors import ConfigurationError, GauntletError, ServerDidNotStart
from wsgi_gauntlet.harness.server.adapter import absolute_interpreter
from wsgi_gauntlet.harness.server.app_setup import AppSetup
from wsgi_gauntlet.harness.server.fresh_copy import copy_fresh, is_folder
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.process.environment import FLASK_NAMES, server_environment, user_python_path
from wsgi_gauntlet.harness.server.process.supervised_process import Remains, SupervisedProcess
from wsgi_gauntlet.harness.server.process.supervisor import clear
from wsgi_gauntlet.harness.server.process.unprivileged_user import User, chown_tree
from wsgi_gauntlet.harness.server.temp_dirs import as_storage_errors, create_private_folder, scratch_folder

COMMAND_TIMEOUT_SECONDS = 600.0
"""Seconds for a command of the user: migrations and a database with test data take minutes."""

CLEANUP_TIMEOUT_SECONDS = 60.0
"""Seconds for the command after a server that was interrupted: the user waits."""

COMMAND_GRACE_SECONDS = 1.0

SHOWN_LINES = 3
MAX_SHOWN_CHARACTERS = 600
"""How much of a command's output an error shows: the end."""

MAX_READ_BYTES = 1 << 16
"""Bytes at the end of a command's output that are read for an error: a command may print without end."""

COPY_NAME = "app"
"""The fresh copy in the private folder of an instance."""


_lock: trio.lowlevel.RunVar[trio.Lock] = trio.lowlevel.RunVar("command_lock")


@dataclass(frozen=True)
class Place:
    """Where the app of an instance is prepared: its private folder, and the scratch folder that contains it.

    `user` runs the commands, and `owner` gets the fresh copy: None is the user of the harness.
    """

    instance: Path
    scratch: Path | None
    user: User | None = None
    owner: User | None = None


def working_folder(plan: Plan) -> Path:
    """Return the folder that the user app of `plan` runs in."""
    return plan.app_setup.copy or (plan.app_path or Path()).resolve()


def import_path(plan: Plan) -> list[str]:
    """Return the folders that a user app and the modules beside it are imported from, for PYTHONPATH."""
    setup = plan.app_setup
    own = [plan.app_path.resolve()] if plan.app_path is not None else []
    placed = [str(setup.placed(each)) for each in (*setup.import_folders, *own, *setup.python_path)]
    shell = [str(setup.placed(Path(each))) for each in user_python_path()]
    return list(dict.fromkeys([*placed, *shell]))


def app_variables(setup: AppSetup) -> dict[str, str]:
    """Return the variables of the env file for a server or a command."""
    return dict(setup.variables)


def in_fresh_copy(plan: Plan, copy: Path) -> Plan:
    """Return `plan`, and the server behind it, with the app in the fresh copy `copy`."""
    behind = in_fresh_copy(plan.upstream, copy) if plan.upstream is not None else None
    return replace(plan, app_setup=plan.app_setup.with_copy(copy), upstream=behind)


@asynccontextmanager
async def prepared(plan: Plan, place: Place) -> AsyncIterator[Plan]:
    """Prepare the user app of `plan`, yield the plan of this instance, and run the command after it.

    Raises ServerDidNotStart, in one line, if the folder cannot be copied or a command fails. After an error of the
    block, the command after it runs too, and its own error is dropped.
    """
    if not plan.app_setup.needs_preparation:
        yield plan
        return
    try:
        ready = await _begin(plan, place)
    except ConfigurationError as problem:
        raise ServerDidNotStart(f"{plan.name}: {problem}") from None
    try:
        yield ready
    except BaseException:
        await _end_after_error(ready, place)
        raise
    try:
        await _run("--after", ready.app_setup.after, ready, place, COMMAND_TIMEOUT_SECONDS)
    except ConfigurationError as problem:
        raise ServerDidNotStart(f"{plan.name}: {problem}") from None


@contextmanager
def rehearsed(plan: Plan) -> Iterator[Plan]:
    """Prepare the user app of `plan` once without a server, yield its plan, and run the command after it.

    Raises ConfigurationError, in one line, if the folder cannot be copied or a command fails.
    """
    if not plan.app_setup.needs_preparation:
        yield plan
        return
    with scratch_folder() as scratch:
        place = Place(create_private_folder(scratch), scratch)
        try:
            ready = trio.run(_begin, plan, place)
            try:
                yield ready
            except BaseException:
                trio.run(_end_after_error, ready, place)
                raise
            trio.run(_run, "--after", ready.app_setup.after, ready, place, COMMAND_TIMEOUT_SECONDS)
        finally:
            clear(place.instance)


async def _begin(plan: Plan, place: Place) -> Plan:
    """Copy the folder of the app, run the command before the server, and return the plan with the copy."""
    setup = plan.app_setup
    if setup.fresh_copy is not None:
        copy = place.instance / COPY_NAME
        with as_storage_errors(copy):
            await trio.to_thread.run_sync(copy_fresh, setup.fresh_copy, copy)
            if place.owner is not None:
                chown_tree(copy, place.owner)
        plan = in_fresh_copy(plan, copy.resolve())
    try:
        await _run("--before", setup.before, plan, place, COMMAND_TIMEOUT_SECONDS)
        _require_static_folders(plan.app_setup)
    except BaseException:
        await _end_after_error(plan, place)
        raise
    return plan


async def _end_after_error(plan: Plan, place: Place) -> None:
    """Run the command after the server. The earlier error says more than an error of this command."""
    with trio.CancelScope(shield=True), suppress(GauntletError):
        await _run("--after", plan.app_setup.after, plan, place, CLEANUP_TIMEOUT_SECONDS)


def _require_static_folders(setup: AppSetup) -> None:
    for each in setup.static:
        if not is_folder(each.folder):
            folder = setup.for_people(str(each.folder))
            what = (
                f"--before did not make the folder {folder}; correct one of them"
                if setup.before
                else f"{folder} is no folder; name one"
            )
            raise ConfigurationError(f"--static {each.prefix}: {what}")


async def _run(option: str, command: str, plan: Plan, place: Place, timeout: float) -> None:
    """Run `command` in a shell, in the folder of the app and with its environment. Raises ConfigurationError."""
    if not command:
        return
    if plan.app_setup.copy is None:
        async with _command_lock():  # the instances share the folder, and often one database
            await _run_now(option, command, plan, place, timeout)
    else:
        await _run_now(option, command, plan, place, timeout)


async def _run_now(option: str, command: str, plan: Plan, place: Place, timeout: float) -> None:
    log = place.instance / f"{option.lstrip('-')}.log"
    with as_storage_errors(log):
        log.write_bytes(b"")
    process = await SupervisedProcess.start(
        ["/bin/sh", "-c", command],
        environment=command_environment(plan, place.instance),
        folder=working_folder(plan),
        log=log,
        remains=Remains(place.instance, place.scratch),
        user=place.user,
    )
    end = ""
    try:
        with trio.move_on_after(timeout):
            await process.wait_ended()
            end = process.ended
    finally:
        await process.stop(signal.SIGTERM, COMMAND_GRACE_SECONDS)
    if end == "exit code 0":
        return
    how = f"failed with {end}" if end else f"took more than {timeout:g} s"
    shown = plan.app_setup.for_people(command)
    raise ConfigurationError(f"{option} {shown!r} {how}: {_end_of_output(log, plan.app_setup)}")


def _end_of_output(log: Path, setup: AppSetup) -> str:
    """Return the last lines of the output of a command, in one line and without the values of its variables."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - MAX_READ_BYTES))
        text = file.read(MAX_READ_BYTES).decode(errors="replace")
    # The values go first: a part of one at the beginning of what is shown would not be found.
    lines = [" ".join(line.split()) for line in setup.for_people(text).splitlines()]
    return " | ".join([line for line in lines if line][-SHOWN_LINES:])[-MAX_SHOWN_CHARACTERS:] or "it printed nothing"


def command_environment(plan: Plan, temporary: Path) -> dict[str, str]:
    """Return the environment of the user's commands: that of the app, and the programs beside its interpreter first.

    They also get the variables of the command `flask`, which would configure a server.
    """
    flask = {name: value for name, value in os.environ.items() if name in FLASK_NAMES}
    own = {**flask, **plan.app_setup.command_variables, **app_variables(plan.app_setup)}
    environment = server_environment(os.environ, path=import_path(plan), temporary=str(temporary), added=own)
    python = absolute_interpreter(plan.interpreter)
    programs = [str(Path(python).parent)] if "/" in python else []
    return {**environment, "PATH": os.pathsep.join([*programs, environment.get("PATH", os.defpath)])}


def _command_lock() -> trio.Lock:
    """Return the lock of this event loop for commands in the user's own folder."""
    try:
        return _lock.get()
    except LookupError:
        _lock.set(trio.Lock())
        return _lock.get()
