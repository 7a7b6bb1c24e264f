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

from ..adapter import Found, located, python_version, working_tree
from ..errors import NoEnvironment, StorageFull
from ..launching.ownapp import PACKAGE
from ..launching.plan import Plan
from ..naming import same_version
from ..progress import Listener
from .cache import LOOK, Lock, cache_folder, mode
from .installing import Tell, install, interpreter, no_public_index, telling

LIMIT = 300.0
"""Seconds in which an environment must be made: a server with parts in C is compiled in two minutes or so."""

OLD_SETUPTOOLS = "setuptools<81"
"""Many an older server imports pkg_resources, which setuptools 81 leaves out, and no newer Python brings."""

STAMP = "stamp.json"

OURS = "wsgi_gauntlet.servers."
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


class Kept(msgspec.Struct, frozen=True):
    """One environment of the cache, `size` bytes large; `stamp` is None for one whose making was cut short."""

    name: str
    path: str
    size: int
    stamp: Stamp | None


@dataclass(frozen=True)
class Wanted:
    """An environment: `distribution` in `version`, for `python`, with `beside` it what pip takes.

    With `lends`, what `python` has can be imported behind it: a user's own app needs more than a server.
    """

    python: str
    distribution: str
    version: str
    beside: tuple[str, ...] = ()
    extras: str = ""
    lends: bool = False

    @property
    def requirements(self) -> list[str]:
        """What pip is to install."""
        return [f"{self.distribution}{self.extras}=={self.version}", *self.beside, OLD_SETUPTOOLS]

    @property
    def name(self) -> str:
        """The name of its folder: readable, and another for all that may differ."""
        parts = (self.python, python_version(self.python), *self.requirements, str(self.lends))
        digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]
        return re.sub(r"[^A-Za-z0-9.+_-]", "-", f"{self.distribution}-{self.version}-{digest}")


_in_use: dict[Path, Lock] = {}
"""Shared locks on what this process uses, until it ends."""


def provided(plan: Plan, listener: Listener, *, tolerant: bool = False) -> Plan:
    """Return `plan` with each server of it in the version that it names, in an environment made or found for that.

    Where the interpreter asked for has that version, nothing is made. Raises NoEnvironment, in one line, where the
    version cannot be had; with `tolerant` the plan then says so of itself, as of a server that is not installed.
    """
    try:
        if plan.upstream is not None:
            plan = replace(plan, upstream=provided(plan.upstream, listener, tolerant=tolerant))
        if not plan.version or plan.found.here:
            return plan
        wanted = wanted_by(plan)
        python = str(made(wanted, plan.name, listener))
        found = plan.adapter.find(python)
        if found.here and not same_version(found.version, plan.version):
            raise NoEnvironment(
                f"{plan.name}: an environment with {wanted.distribution} {plan.version} was made, and yet "
                f"{plan.adapter.name} runs in version {found.version} from elsewhere ({found.executable})"
            )
        if found.here and (lacking := plan.adapter.lacking(python, plan.variant)).why:
            found = lacking
        return replace(plan, python=python, found=found)
    except NoEnvironment as problem:
        if not tolerant:
            raise
        return replace(plan, found=Found(why=str(problem).removeprefix(f"{plan.name}: ")))


def wanted_by(plan: Plan) -> Wanted:
    """Return the environment in which `plan`'s server (not the one behind it) has the version that it names.

    Raises NoEnvironment for a server that comes with the interpreter, from the system or from nowhere.
    """
    adapter, named = plan.adapter, f"{plan.name}: {plan.adapter.name}"
    if adapter.gone:
        raise NoEnvironment(f"{named} cannot be had: {adapter.gone}")
    if not adapter.distribution:
        if plan.found.version == python_version(plan.python):
            raise NoEnvironment(
                f"{named} is the interpreter's own and as old as that ({plan.found.version}); "
                "name an interpreter of the version that you want with --python"
            )
        there = f" ({plan.found.version} is installed)" if plan.found.version else ""
        raise NoEnvironment(
            f"{named} is not installed by pip, so only the version that is here can be run{there}; leave the @ out"
        )
    # Where it was installed from a folder and the adapter is not ours, a package of that name may be a stranger's.
    known = type(adapter).__module__.startswith(OURS) or no_public_index()
    if not known and (tree := working_tree(plan.python, adapter.distribution)):
        raise NoEnvironment(
            f"{named} is installed from {tree}, and {adapter.distribution} on the package index may be another's; "
            "leave the @ out, or put its releases into a folder and set PIP_NO_INDEX=1 and PIP_FIND_LINKS=FOLDER"
        )
    own = canonicalize_name(adapter.distribution)
    optional = {canonicalize_name(_name(each)) for names in adapter.companions.values() for each in names}
    extras, always = "", []
    for each in adapter.requires:
        if canonicalize_name(_name(each)) == own:
            extras = _extras(each)
        elif canonicalize_name(_name(each)) not in optional:
            always.append(each)
    beside = dict.fromkeys([*always, *adapter.companions.get(plan.variant, ())])
    lends = not plan.app.startswith(PACKAGE)
    return Wanted(located(plan.python), adapter.distribution, plan.version, tuple(beside), extras, lends)


def made(wanted: Wanted, server: str, listener: Listener) -> Path:
    """Return the interpreter of the environment `wanted`, which is made where it is not there yet.

    `server` is for whom, as the user wrote it. Raises NoEnvironment.
    """
    home = _home()
    until = time.monotonic() + LIMIT
    lock = _in_use.setdefault(home / wanted.name, Lock(home / f"{wanted.name}.lock"))

    tell = telling(listener, server)

    def waiting() -> None:
        tell("another run makes its environment")

    try:
        # Whoever makes it holds the lock alone; once it is whole, all hold it together. So nobody may wait to have it
        # alone: another may have come first, have made it, and use it for as long as its run takes.
        while True:
            if not lock.take(exclusive=False, until=until, waiting=waiting):
                raise NoEnvironment(f"{server}: another run has been making its environment for {LIMIT:.0f} s")
            if (found := _whole(home / wanted.name)) is not None:
                return found
            lock.release()
            if lock.take(exclusive=True, until=0.0):
                break
            if time.monotonic() >= until:
                raise NoEnvironment(f"{server}: another run holds its environment; try again when that is done")
            time.sleep(random.uniform(0.0, LOOK))  # two that look in step would be in each other's way for ever
        if (found := _whole(home / wanted.name)) is None:
            listener.remark(
                f"{server}: making an environment with {wanted.distribution} {wanted.version}; the next run has it"
            )
            try:
                found = _make(wanted, server, home / wanted.name, tell, until)
            except BaseException:
                lock.remove()
                raise
        if not lock.take(exclusive=False, until=until):
            raise NoEnvironment(f"{server}: its environment was removed while it was made; try again")
        return found
    except BaseException:
        lock.release()
        raise
    finally:
        listener.working(server, "has its environment", 1.0)


def listed() -> list[Kept]:
    """Return what is in the cache, by name."""
    home = _home()
    return [Kept(each.name, str(each), _size(each), _stamp(each)) for each in sorted(home.iterdir()) if each.is_dir()]


def cleared() -> tuple[list[str], list[str]]:
    """Remove what is in the cache; return the names of what went, and of what was left because a run uses it."""
    home = _home()
    gone, used = [], []
    for each in sorted(path for path in home.iterdir() if path.is_dir()):
        lock = Lock(home / f"{each.name}.lock")
        if not lock.take(exclusive=True, until=0.0):
            used.append(each.name)
            continue
        shutil.rmtree(each, ignore_errors=True)
        lock.remove()
        gone.append(each.name)
    return gone, used


def _make(wanted: Wanted, server: str, place: Path, tell: Tell, until: float) -> Path:
    try:
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(mode=mode())
        # A name of its own for each try: a pip that nobody could end does not write into the next one.
        folder = Path(tempfile.mkdtemp(prefix="e-", dir=place))
        folder.chmod(mode())
        room = Path(tempfile.mkdtemp(prefix="t-", dir=place))
        try:
            by = install(wanted.python, folder, room, wanted.requirements, tell, until)
            python = interpreter(folder)
            if wanted.lends:
                _lend(wanted.python, python)
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
            (room / STAMP).write_bytes(msgspec.json.encode(found))
            (room / STAMP).replace(place / STAMP)
        finally:
            shutil.rmtree(room, ignore_errors=True)
    except BaseException as problem:
        shutil.rmtree(place, ignore_errors=True)
        if isinstance(problem, NoEnvironment):
            raise NoEnvironment(f"{server}: {problem}") from None
        if isinstance(problem, OSError):
            raise StorageFull(f"{place}: {problem.strerror}; WSGI_GAUNTLET_CACHE names another folder") from None
        raise
    return python


def _lend(python: str, borrower: Path) -> None:
    """Have `borrower` find behind its own packages those of `python`, editable ones too."""
    theirs = _told(python, "print(json.dumps([each for each in sys.path if each.endswith('-packages')]))")
    own = _told(str(borrower), "print(json.dumps([sysconfig.get_path('purelib')]))")
    # A folder that stands in a .pth alone is searched, but .pth files in it, those of editable installs, are not read.
    lines = "".join(f"import site; site.addsitedir({each!r})\n" for each in theirs)
    Path(own[0], "wsgi_gauntlet_lent.pth").write_text(lines, encoding="utf-8")


def _told(python: str, program: str) -> list[str]:
    try:
        done = subprocess.run(
            [python, "-c", f"import json, sys, sysconfig; {program}"], capture_output=True, check=True, timeout=30
        )
        return msgspec.json.decode(done.stdout, type=list[str])
    except (OSError, subprocess.SubprocessError, msgspec.DecodeError):
        raise NoEnvironment(f"{python} does not say where its packages are, which the app may need") from None


def _home() -> Path:
    home = cache_folder(os.environ) / "environments"
    try:
        home.mkdir(mode=mode(), exist_ok=True)
    except OSError as problem:
        raise StorageFull(f"{home}: {problem.strerror}; WSGI_GAUNTLET_CACHE names another folder") from None
    return home


def _whole(place: Path) -> Path | None:
    stamp = _stamp(place)
    python = interpreter(place / stamp.folder) if stamp is not None else None
    return python if python is not None and python.exists() else None


def _stamp(place: Path) -> Stamp | None:
    try:
        return msgspec.json.decode((place / STAMP).read_bytes(), type=Stamp)
    except (OSError, msgspec.DecodeError):
        return None


def _size(place: Path) -> int:
    size = 0
    for each in _files(place):
        with contextlib.suppress(FileNotFoundError):  # a run may be making it right now
            size += each.lstat().st_blocks * 512
    return size


def _files(place: Path) -> Iterator[Path]:
    for folder, _, names in os.walk(place):
        yield from (Path(folder, each) for each in names)


def _name(requirement: str) -> str:
    try:
        return Requirement(requirement).name
    except InvalidRequirement:
        return requirement


def _extras(requirement: str) -> str:
    try:
        extras = sorted(Requirement(requirement).extras)
    except InvalidRequirement:
        return ""
    return f"[{','.join(extras)}]" if extras else ""
