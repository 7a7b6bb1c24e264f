"""The unprivileged user for servers that do not serve as root, and access to the files that they need."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

USER_NAMES = ("www-data", "http", "apache", "nobody")
"""Users that web servers run as: on Debian, Arch and Fedora, and on every system."""

NOBODY_ID = 65534
"""Linux's overflow uid and gid (/proc/sys/kernel/overflowuid), for a machine without these users."""


@dataclass(frozen=True)
class User:
    """The user and group that a process is started as."""

    uid: int
    gid: int


def unprivileged_user() -> User | None:
    """Return the user for such a server if the harness runs as root, else None."""
    if os.geteuid() != 0:
        return None
    known = mapped_ids(Path("/proc/self/uid_map").read_text())
    for name in USER_NAMES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if known(entry.pw_uid):
            return User(entry.pw_uid, entry.pw_gid)
    return User(NOBODY_ID, NOBODY_ID) if known(NOBODY_ID) else None


def mapped_ids(uid_map: str) -> Callable[[int], bool]:
    """Return a test for the uids that exist, given the text of /proc/self/uid_map (user_namespaces(7)).

    The root of a user namespace may be its only user, and cannot change to another one.
    """
    ranges = [range(int(first), int(first) + int(count)) for first, _, count in map(str.split, uid_map.splitlines())]
    return lambda uid: any(uid in each for each in ranges)


def chown_tree(folder: Path, user: User) -> None:
    """Give `folder` and its contents to `user`: it stays private, to them and to root. Raises OSError."""
    for place, folders, files in os.walk(folder):
        os.chown(place, user.uid, user.gid)
        for name in (*folders, *files):
            os.chown(Path(place, name), user.uid, user.gid, follow_symlinks=False)


def grant_access(socket: Path, user: User) -> None:
    """Let `user` connect to `socket` of a server that runs as root, in a folder of the harness. Raises OSError."""
    allow_traversal(socket.parent)
    os.chown(socket, user.uid, user.gid)


def allow_traversal(folder: Path) -> None:
    """Let others pass through `folder` to its contents, but not list it. Raises OSError."""
    folder.chmod(folder.stat().st_mode | 0o011)


def others_can_traverse(folder: Path) -> bool:
    """Return whether everybody can pass through all folders above `folder`."""
    return all(each.stat().st_mode & 0o001 for each in folder.resolve().parents)
