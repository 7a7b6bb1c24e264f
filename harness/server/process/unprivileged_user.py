"""The user that stands in for root where a server will not serve as root, and what must be made theirs."""

from __future__ import annotations

import os
import pwd
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

USER_NAMES = ("www-data", "http", "apache", "nobody")
"""Who web servers run as: Debian's, Arch's, Fedora's, and the last one everywhere."""

NOBODY_ID = 65534
"""Linux's overflow uid and gid (/proc/sys/kernel/overflowuid), for a machine that names none of them."""


@dataclass(frozen=True)
class User:
    """Whom a process is started as."""

    uid: int
    gid: int


def unprivileged_user() -> User | None:
    """Return whom root starts such a server as; None for anybody else, who has no choice."""
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
    """Return which uids there are, given the text of /proc/self/uid_map (user_namespaces(7)).

    The root of a user namespace may be the only user in it, and can become nobody else.
    """
    ranges = [range(int(first), int(first) + int(count)) for first, _, count in map(str.split, uid_map.splitlines())]
    return lambda uid: any(uid in each for each in ranges)


def chown_tree(folder: Path, user: User) -> None:
    """Make `folder` and all in it `user`'s: it stays private, to them and to root. Raises OSError."""
    for place, folders, files in os.walk(folder):
        os.chown(place, user.uid, user.gid)
        for name in (*folders, *files):
            os.chown(Path(place, name), user.uid, user.gid, follow_symlinks=False)


def grant_access(socket: Path, user: User) -> None:
    """Let `user` connect to `socket` of a server that runs as root, in a folder of ours. Raises OSError."""
    allow_traversal(socket.parent)
    os.chown(socket, user.uid, user.gid)


def allow_traversal(folder: Path) -> None:
    """Let others pass through `folder`, ours, to what lies in it; not list it. Raises OSError."""
    folder.chmod(folder.stat().st_mode | 0o011)


def others_can_traverse(folder: Path) -> bool:
    """Say whether everybody can pass through all folders above `folder`."""
    return all(each.stat().st_mode & 0o001 for each in folder.resolve().parents)
