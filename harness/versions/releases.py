"""Which releases of a distribution there are, as pip finds them for an interpreter."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from packaging.version import InvalidVersion, Version

from ..errors import NoEnvironment
from .installing import LISTING, Tell, ask_pip, explained, pip_for

LIMIT = 60.0
"""Seconds in which the package index must have answered."""

_LISTED = re.compile(r"^\s*Available versions:(?P<versions>.*)$", re.MULTILINE)
_REFUSED = re.compile(r"\(from versions:(?P<versions>[^)]*)\)")
NO_SUCH = "0.0.dev0"
"""A version that nobody has released: asked for it, every pip says which there are."""


def releases(distribution: str, python: str, tell: Tell) -> list[Version]:
    """Return every release of `distribution` that pip would install for `python`, in their order, also preliminary.

    Raises NoEnvironment where there are none, or the index cannot be asked.
    """
    until = time.monotonic() + LIMIT
    with tempfile.TemporaryDirectory(prefix="wsgi-gauntlet-index-") as folder:
        room = Path(folder)
        tell(f"asking the package index for the releases of {distribution}")
        pip = pip_for(python, room, tell, until)
        if pip is None:
            raise NoEnvironment(
                f"neither {python} nor this program's own interpreter has pip, which knows the releases"
            )
        said = ask_pip([*pip, "index", "versions", "--pre", distribution], room, tell, until).said
        found = listed(said, _LISTED)
        if not found:  # an older pip, or one that has dropped its experiment
            said = ask_pip([*pip, *LISTING, f"{distribution}=={NO_SUCH}"], room, tell, until).said
            found = listed(said, _REFUSED)
    if not found:
        raise NoEnvironment(explained(said, f"{distribution}=={NO_SUCH}", python).replace(f"=={NO_SUCH}", ""))
    return found


def listed(said: str, where: re.Pattern[str] = _LISTED) -> list[Version]:
    """Return the versions that pip lists in what it `said`, in their order; what is none by PEP 440 is left out."""
    match = where.search(said)
    found = set()
    for each in match["versions"].split(",") if match else ():
        try:
            found.add(Version(each.strip()))
        except InvalidVersion:
            continue
    return sorted(found)


def last(found: Sequence[Version], number: int, *, since: Version | None = None, pre: bool = False) -> list[Version]:
    """Return the last `number` releases of `found`, in their order; all of those from `since` on where that is given.

    Final releases (and their post-releases) only, unless `pre` asks for preliminary ones as well.
    """
    chosen = [each for each in sorted(found) if pre or not each.is_prerelease]
    if since is not None:
        chosen = [each for each in chosen if each >= since]
    return chosen[-number:] if number else chosen
