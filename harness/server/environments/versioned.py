"""Environments with one version of one server, made once and kept: what `gunicorn@20.1.0` runs in.

There is one for each interpreter, distribution, version and what the variant needs beside it. A stamp that is written
last says which folder is whole, so one whose making was cut short is made anew; a lock has two runs make it once, and
keeps one that a run uses from being cleared.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from wsgi_gauntlet.harness.errors import EnvironmentUnavailable, StorageFull
from wsgi_gauntlet.harness.events import EventHandler, Message, Progress
from wsgi_gauntlet.harness.server.adapter import Installation, absolute_interpreter, direct_url_origin, python_version
from wsgi_gauntlet.harness.server.environments.cache import LOCK_POLL_INTERVAL, FileLock, cache_folder, mode
from wsgi_gauntlet.harness.server.environments.installer import (
    ProgressCallback,
    install,
    interpreter,
    is_offline_index,
    progress_callback,
)
from wsgi_gauntlet.harness.server.name import same_version
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.user_app import REFERENCE_APP_PACKAGE

CREATION_TIMEOUT = 300.0
"""Seconds in which an environment must be made: a server with parts in C is compiled in two minutes or so."""

SETUPTOOLS_REQUIREMENT = "setuptools<81"
"""Many an older server imports pkg_resources, which setuptools 81 leaves out, and no newer Python brings."""

STAMP_FILE = "stamp.json"

BUILTIN_ADAPTERS = "wsgi_gauntlet.servers."
"""Where adapters are whose distributions are known to be what the package index has under that name."""


class Stamp(msgspec.Struct, frozen=True):
    """What is in an environment. `folder` is which of its folders is whole, `made` when (ISO 8601), `by` with what."""

    distribution: str
    version: str
    beside: tuple[str, ...]
    python: str
    interpreter: str
    folder: str
    made: str
    by: str


class CachedEnvironment(msgspec.Struct, frozen=True):
    """One environment of the cache, `size` bytes large; `stamp` is None for one whose making was cut short."""

    name: str
    path: str
    size: int
    stamp: Stamp | None


@dataclass(frozen=True)
class EnvironmentSpec:
    """An environment: `distribution` in `version`, for `python`, with `beside` it what pip takes.

    With `lends`, what `python` has can be imported behind it: a user's own app needs more than a server.
    """

    python: str
    distribution: str
    version: str
    beside: tuple[str, ...] = ()
    extras: str = ""
    inherits_packages: bool = False

    @property
    def requirements(self) -> list[str]:
        """What pip is to install."""
        return [f"{self.distribution}{self.extras}=={self.version}", *self.beside, SETUPTOOLS_REQUIREMENT]

    @property
    def name(self) -> str:
        """The name of its folder: readable, and another for all that may differ."""
        parts = (self.python, python_version(self.python), *self.requirements, str(self.inherits_packages))
        digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
        return re.sub(r"[^A-Za-z0-9.+_-]", "-", f"{self.distribution}-{self.version}-{digest}")


_held_locks: dict[Path, FileLock] = {}
"""Shared locks on what this process uses, until it ends."""


def ensure_environments(plan: Plan, handle: EventHandler, *, skip_unavailable_versions: bool = False) -> Plan:
    """Return `plan` with each server of it in the version that it names, in an environment made or found for that.

    Where the interpreter asked for has that version, nothing is made. Raises EnvironmentUnavailable, in one line,
    where the version cannot be had; with `tolerant` the plan then says so of itself, as of a server that is not
    installed.
    """
    try:
        if plan.upstream is not None:
            plan = replace(
                plan,
                upstream=ensure_environments(
                    plan.upstream, handle, skip_unavailable_versions=skip_unavailable_versions
                ),
            )
        if not plan.version or plan.found.available:
            return plan
        wanted = environment_for(plan)
        python = str(made(wanted, plan.name, handle))
        found = plan.adapter.find(python)
        if found.available and not same_version(found.version, plan.version):
            raise EnvironmentUnavailable(
                f"{plan.name}: an environment with {wanted.distribution} {plan.version} was made, and yet "
                f"{plan.adapter.name} runs in version {found.version} from elsewhere ({found.executable})"
            )
        if found.available and (missing_for := plan.adapter.missing_for(python, plan.variant)).why:
            found = missing_for
        return replace(plan, python=python, found=found)
    except EnvironmentUnavailable as problem:
        if not skip_unavailable_versions:
            raise
        return replace(plan, found=Installation(why=str(problem).removeprefix(f"{plan.name}: ")))


def environment_for(plan: Plan) -> EnvironmentSpec:
    """Return the environment in which `plan`'s server (not the one behind it) has the version that it names.

    Raises EnvironmentUnavailable for a server that comes with the interpreter, from the system or from nowhere.
    """
    adapter, named = plan.adapter, f"{plan.name}: {plan.adapter.name}"
    if adapter.unavailable_reason:
        raise EnvironmentUnavailable(f"{named} cannot be had: {adapter.unavailable_reason}")
    if not adapter.distribution:
        if plan.found.version == python_version(plan.python):
            raise EnvironmentUnavailable(
                f"{named} is the interpreter's own and as old as that ({plan.found.version}); "
                "name an interpreter of the version that you want with --python"
            )
        there = f" ({plan.found.version} is installed)" if plan.found.version else ""
        raise EnvironmentUnavailable(
            f"{named} is not installed by pip, so only the version that is here can be run{there}; leave the @ out"
        )
    # Where it was installed from a folder and the adapter is not ours, a package of that name may be a stranger's.
    known = type(adapter).__module__.startswith(BUILTIN_ADAPTERS) or is_offline_index()
    if not known and (tree := direct_url_origin(plan.python, adapter.distribution)):
        raise EnvironmentUnavailable(
            f"{named} is installed from {tree}, and {adapter.distribution} on the package index may be another's; "
            "leave the @ out, or put its releases into a folder and set PIP_NO_INDEX=1 and PIP_FIND_LINKS=FOLDER"
        )
    own = canonicalize_name(adapter.distribution)
    optional = {
        canonicalize_name(_requirement_name(each)) for names in adapter.extra_requirements.values() for each in names
    }
    extras, always = "", []
    for each in adapter.requires:
        if canonicalize_name(_requirement_name(each)) == own:
            extras = _requirement_extras(each)
        elif canonicalize_name(_requirement_name(each)) not in optional:
            always.append(each)
    beside = dict.fromkeys([*always, *adapter.extra_requirements.get(plan.variant, ())])
    inherits_packages = not plan.app.startswith(REFERENCE_APP_PACKAGE)
    return EnvironmentSpec(
        absolute_interpreter(plan.python), adapter.distribution, plan.version, tuple(beside), extras, inherits_packages
    )


def made(wanted: EnvironmentSpec, server: str, handle: EventHandler) -> Path:
    """Return the interpreter of the environment `wanted`, which is made where it is not there yet.

    `server` is for whom, as the user wrote it. Raises EnvironmentUnavailable.
    """
    home = _environments_folder()
    deadline = time.monotonic() + CREATION_TIMEOUT
    lock = _held_locks.setdefault(home / wanted.name, FileLock(home / f"{wanted.name}.lock"))

    on_progress = progress_callback(handle, server)

    def on_wait() -> None:
        on_progress("another run makes its environment")

    try:
        # Whoever makes it holds the lock alone; once it is whole, all hold it together. So nobody may wait to have it
        # alone: another may have come first, have made it, and use it for as long as its run takes.
        while True:
            if not lock.acquire(exclusive=False, deadline=deadline, on_wait=on_wait):
                raise EnvironmentUnavailable(
                    f"{server}: another run has been making its environment for {CREATION_TIMEOUT:.0f} s"
                )
            if (found := _complete_interpreter(home / wanted.name)) is not None:
                return found
            lock.release()
            if lock.acquire(exclusive=True, deadline=0.0):
                break
            if time.monotonic() >= deadline:
                raise EnvironmentUnavailable(
                    f"{server}: another run holds its environment; try again when that is done"
                )
            time.sleep(
                random.uniform(0.0, LOCK_POLL_INTERVAL)
            )  # two that look in step would be in each other's way for ever
        if (found := _complete_interpreter(home / wanted.name)) is None:
            handle(
                Message(
                    f"{server}: making an environment with {wanted.distribution} {wanted.version}; the next run has it"
                )
            )
            try:
                found = _create(wanted, server, home / wanted.name, on_progress, deadline)
            except BaseException:
                lock.remove()
                raise
        if not lock.acquire(exclusive=False, deadline=deadline):
            raise EnvironmentUnavailable(f"{server}: its environment was removed while it was made; try again")
        return found
    except BaseException:
        lock.release()
        raise
    finally:
        handle(Progress(server, "has its environment", 1.0))


def list_environments() -> list[CachedEnvironment]:
    """Return what is in the cache, by name."""
    home = _environments_folder()
    return [
        CachedEnvironment(each.name, str(each), _disk_usage(each), _read_stamp(each))
        for each in sorted(home.iterdir())
        if each.is_dir()
    ]


def clear_environments() -> tuple[list[str], list[str]]:
    """Remove what is in the cache; return the names of what went, and of what was left because a run uses it."""
    home = _environments_folder()
    gone, used = [], []
    for each in sorted(path for path in home.iterdir() if path.is_dir()):
        lock = FileLock(home / f"{each.name}.lock")
        if not lock.acquire(exclusive=True, deadline=0.0):
            used.append(each.name)
            continue
        shutil.rmtree(each, ignore_errors=True)
        lock.remove()
        gone.append(each.name)
    return gone, used


def _create(wanted: EnvironmentSpec, server: str, place: Path, on_progress: ProgressCallback, deadline: float) -> Path:
    try:
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(mode=mode())
        # A name of its own for each try: a pip that nobody could end does not write into the next one.
        folder = Path(tempfile.mkdtemp(prefix="e-", dir=place))
        folder.chmod(mode())
        temp_folder = Path(tempfile.mkdtemp(prefix="t-", dir=place))
        try:
            by = install(wanted.python, folder, temp_folder, wanted.requirements, on_progress, deadline)
            python = interpreter(folder)
            if wanted.inherits_packages:
                _inherit_packages(wanted.python, python)
            found = Stamp(
                wanted.distribution,
                wanted.version,
                wanted.beside,
                python_version(wanted.python),
                wanted.python,
                folder.name,
                datetime.now(UTC).isoformat(timespec="seconds"),
                by,
            )
            (temp_folder / STAMP_FILE).write_bytes(msgspec.json.encode(found))
            (temp_folder / STAMP_FILE).replace(place / STAMP_FILE)
        finally:
            shutil.rmtree(temp_folder, ignore_errors=True)
    except BaseException as problem:
        shutil.rmtree(place, ignore_errors=True)
        if isinstance(problem, EnvironmentUnavailable):
            raise EnvironmentUnavailable(f"{server}: {problem}") from None
        if isinstance(problem, OSError):
            raise StorageFull(f"{place}: {problem.strerror}; WSGI_GAUNTLET_CACHE names another folder") from None
        raise
    return python


def _inherit_packages(python: str, environment_python: Path) -> None:
    """Have `borrower` find behind its own packages those of `python`, editable ones too."""
    base_packages = _query_paths(python, "print(json.dumps([each for each in sys.path if each.endswith('-packages')]))")
    own = _query_paths(str(environment_python), "print(json.dumps([sysconfig.get_path('purelib')]))")
    # A folder that stands in a .pth alone is searched, but .pth files in it, those of editable installs, are not read.
    lines = "".join(f"import site; site.addsitedir({each!r})\n" for each in base_packages)
    Path(own[0], "wsgi_gauntlet_lent.pth").write_text(lines, encoding="utf-8")


def _query_paths(python: str, program: str) -> list[str]:
    try:
        done = subprocess.run(
            [python, "-c", f"import json, sys, sysconfig; {program}"], capture_output=True, check=True, timeout=30
        )
        return msgspec.json.decode(done.stdout, type=list[str])
    except (OSError, subprocess.SubprocessError, msgspec.DecodeError):
        raise EnvironmentUnavailable(f"{python} does not say where its packages are, which the app may need") from None


def _environments_folder() -> Path:
    home = cache_folder(os.environ) / "environments"
    try:
        home.mkdir(mode=mode(), exist_ok=True)
    except OSError as problem:
        raise StorageFull(f"{home}: {problem.strerror}; WSGI_GAUNTLET_CACHE names another folder") from None
    return home


def _complete_interpreter(place: Path) -> Path | None:
    stamp = _read_stamp(place)
    python = interpreter(place / stamp.folder) if stamp is not None else None
    return python if python is not None and python.exists() else None


def _read_stamp(place: Path) -> Stamp | None:
    try:
        return msgspec.json.decode((place / STAMP_FILE).read_bytes(), type=Stamp)
    except (OSError, msgspec.DecodeError):
        return None


def _disk_usage(place: Path) -> int:
    size = 0
    for each in _files(place):
        with contextlib.suppress(FileNotFoundError):  # a run may be making it right now
            size += each.lstat().st_blocks * 512
    return size


def _files(place: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(place):
        yield from (Path(folder, each) for each in names)


def _requirement_name(requirement: str) -> str:
    try:
        return Requirement(requirement).name
    except InvalidRequirement:
        return requirement


def _requirement_extras(requirement: str) -> str:
    try:
        extras = sorted(Requirement(requirement).extras)
    except InvalidRequirement:
        return ""
    return f"[{','.join(extras)}]" if extras else ""
