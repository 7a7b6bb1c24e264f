"""Environments with one version of one server, for names such as `gunicorn@20.1.0`. Each is made once and kept.

There is one for each combination of interpreter, distribution, version and extra requirements. A stamp names the
complete folder. It is written last; without it the environment is made again. A lock lets only one run make it, and
keeps an environment in use from being cleared.
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
from packaging.version import Version

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
"""Seconds in which an environment must be made: compiling a server in C takes about two minutes."""

SETUPTOOLS_REQUIREMENT = "setuptools<81"
"""Many older servers import pkg_resources, which setuptools 81 and newer versions of Python do not have."""

STAMP_FILE = "stamp.json"

BUILTIN_ADAPTERS = "wsgi_gauntlet.servers."
"""The package of the adapters whose distributions are known to be those of that name on the package index."""


class Stamp(msgspec.Struct, frozen=True):
    """The contents of an environment. `folder` is the complete one; it was `made` at a time (ISO 8601) `by` a tool."""

    distribution: str
    version: str
    beside: tuple[str, ...]
    python: str
    interpreter: str
    folder: str
    made: str
    by: str


class CachedEnvironment(msgspec.Struct, frozen=True):
    """One environment of the cache; `size` is in bytes, `stamp` is None if it is incomplete."""

    name: str
    path: str
    size: int
    stamp: Stamp | None


@dataclass(frozen=True)
class EnvironmentSpec:
    """An environment for `python` with `distribution` in `version`; `beside` are further pip requirements.

    With `inherits_packages` the packages of `python` can be imported too: a user app needs more than the server.
    """

    python: str
    distribution: str
    version: str
    beside: tuple[str, ...] = ()
    extras: str = ""
    inherits_packages: bool = False

    @property
    def requirements(self) -> list[str]:
        """The pip requirements."""
        return [f"{self.distribution}{self.extras}=={self.version}", *self.beside, SETUPTOOLS_REQUIREMENT]

    @property
    def name(self) -> str:
        """The name of its folder: readable, and different for each combination."""
        parts = (self.python, python_version(self.python), *self.requirements, str(self.inherits_packages))
        digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
        return re.sub(r"[^A-Za-z0-9.+_-]", "-", f"{self.distribution}-{self.version}-{digest}")


_held_locks: dict[Path, FileLock] = {}
"""Shared locks on the environments that this process uses, until it ends."""


def ensure_environments(plan: Plan, handle: EventHandler, *, skip_unavailable_versions: bool = False) -> Plan:
    """Return `plan` with each server in the version that it names, in an environment that is made or found for it.

    No environment is made if the given interpreter has that version. Raises EnvironmentUnavailable, in one line, if the
    version is unavailable. With `skip_unavailable_versions` the plan then says so, like one without an installation.
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
        require_startable_version(plan)
        wanted = environment_for(plan)
        python = str(made(wanted, plan.name, handle))
        found = plan.adapter.find(python)
        if found.available and not same_version(found.version, plan.version):
            raise EnvironmentUnavailable(
                f"{plan.name}: an environment with {wanted.distribution} {plan.version} was made, but "
                f"{plan.adapter.name} runs in version {found.version} from another place ({found.executable})"
            )
        if found.available and (missing_for := plan.adapter.missing_for(python, plan.variant)).why:
            found = missing_for
        return replace(plan, python=python, found=found)
    except EnvironmentUnavailable as problem:
        if not skip_unavailable_versions:
            raise
        return replace(plan, found=Installation(why=str(problem).removeprefix(f"{plan.name}: ")))


def require_startable_version(plan: Plan) -> None:
    """Raise EnvironmentUnavailable if the adapter cannot start the version that `plan` names."""
    adapter = plan.adapter
    if adapter.minimum_version and Version(plan.version) < Version(adapter.minimum_version):
        newer = f"{adapter.name}@{adapter.minimum_version}"
        raise EnvironmentUnavailable(
            f"{plan.name}: wsgi-gauntlet starts {adapter.name} {adapter.minimum_version} and newer; name {newer} or a "
            "newer version"
        )


def environment_for(plan: Plan) -> EnvironmentSpec:
    """Return the environment in which the server of `plan` (not the one behind it) has the version that it names.

    Raises EnvironmentUnavailable for a server that comes with the interpreter or the system, or is unavailable.
    """
    adapter, named = plan.adapter, f"{plan.name}: {plan.adapter.name}"
    if adapter.unavailable_reason:
        raise EnvironmentUnavailable(f"{named} is unavailable: {adapter.unavailable_reason}")
    if not adapter.distribution:
        if plan.found.version == python_version(plan.python):
            raise EnvironmentUnavailable(
                f"{named} comes with the interpreter and has its version ({plan.found.version}); "
                "name an interpreter of the version that you want with --python"
            )
        there = f" ({plan.found.version} is installed)" if plan.found.version else ""
        raise EnvironmentUnavailable(
            f"{named} is not installed by pip, so only the installed version can be run{there}; leave the @ out"
        )
    # A package of that name may be another project if this one was installed from a folder and has a foreign adapter.
    known = type(adapter).__module__.startswith(BUILTIN_ADAPTERS) or is_offline_index()
    if not known and (tree := direct_url_origin(plan.python, adapter.distribution)):
        raise EnvironmentUnavailable(
            f"{named} is installed from {tree}, and {adapter.distribution} on the index may be another project; "
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
    """Return the interpreter of the environment `wanted`; make it if it does not exist yet.

    `server` is the server name, for messages. Raises EnvironmentUnavailable.
    """
    home = _environments_folder()
    deadline = time.monotonic() + CREATION_TIMEOUT
    lock = _held_locks.setdefault(home / wanted.name, FileLock(home / f"{wanted.name}.lock"))

    on_progress = progress_callback(handle, server)

    def on_wait() -> None:
        on_progress("another run is making its environment")

    try:
        # The maker has the lock alone; all users of the complete environment share it. So nobody may wait for the
        # exclusive lock: another run may have made the environment and use it for hours.
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
            # Two runs that try at the same times would block each other for ever.
            time.sleep(random.uniform(0.0, LOCK_POLL_INTERVAL))
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
            raise EnvironmentUnavailable(f"{server}: another program removed its environment; try again")
        return found
    except BaseException:
        lock.release()
        raise
    finally:
        handle(Progress(server, "has its environment", 1.0))


def list_environments() -> list[CachedEnvironment]:
    """Return the environments in the cache, by name."""
    home = _environments_folder()
    return [
        CachedEnvironment(each.name, str(each), _disk_usage(each), _read_stamp(each))
        for each in sorted(home.iterdir())
        if each.is_dir()
    ]


def clear_environments() -> tuple[list[str], list[str]]:
    """Remove the environments; return the names of the removed ones, and of those that a run uses."""
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
        # A new name for each attempt: a pip that could not be stopped does not write into the next folder.
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
    """Let `environment_python` import the packages of `python` after its own, also editable ones."""
    base_packages = _query_paths(python, "print(json.dumps([each for each in sys.path if each.endswith('-packages')]))")
    own = _query_paths(str(environment_python), "print(json.dumps([sysconfig.get_path('purelib')]))")
    # A folder that is only named in a .pth file is searched, but its own .pth files (editable installs) are not read.
    lines = "".join(f"import site; site.addsitedir({each!r})\n" for each in base_packages)
    Path(own[0], "wsgi_gauntlet_inherited.pth").write_text(lines, encoding="utf-8")


def _query_paths(python: str, program: str) -> list[str]:
    try:
        done = subprocess.run(
            [python, "-c", f"import json, sys, sysconfig; {program}"], capture_output=True, check=True, timeout=30
        )
        return msgspec.json.decode(done.stdout, type=list[str])
    except (OSError, subprocess.SubprocessError, msgspec.DecodeError):
        raise EnvironmentUnavailable(f"{python} does not report the folders of its packages for the app") from None


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
