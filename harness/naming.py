"""A server as the user names it, taken apart: `gunicorn`, `gunicorn:gthread`, `gunicorn[workers=4]`, `gunicorn[tls]`,
`gunicorn@20.1.0`, `nginx+gunicorn:sync`. Text in, values out; whether such a server exists is planning.py's business.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields, replace
from typing import Any

from packaging.version import InvalidVersion, Version

from .adapter import Settings
from .catalog import suggestion
from .errors import BadConfiguration

PART = re.compile(
    r"""(?P<adapter>[A-Za-z0-9][A-Za-z0-9_.-]*)
        (:(?P<variant>[A-Za-z0-9][A-Za-z0-9_-]*))?
        (@(?P<version>[0-9][A-Za-z0-9.!+_-]*))?
        (\[(?P<settings>[^\[\]]*)\])?""",
    re.VERBOSE,
)

WHOLE = frozenset({"workers", "threads", "backlog"})
ON_OFF = {"": True, "on": True, "off": False}
SWITCHES = {"tls": ON_OFF, "unix": ON_OFF, "tuned": ON_OFF}
SETTABLE = frozenset(each.name for each in fields(Settings)) - {"mount", "deployed", "features"}
WORD = re.compile(r"[a-z][a-z0-9-]*")
"""A feature of one adapter's own, as gzip in nginx[gzip]; which there are only the adapter knows."""
LARGEST = 100_000
"""No server has more workers, threads, seconds or waiting connections than this; a larger number is a slip."""


@dataclass(frozen=True)
class Part:
    """One server of a chain: the adapter's name, and '' or the default for what the user left out."""

    adapter: str
    variant: str = ""
    version: str = ""
    settings: Settings = field(default_factory=Settings)


@dataclass(frozen=True)
class ServerName:
    """A server, and the front before it where it has one. `text` is what the user wrote."""

    text: str
    server: Part
    front: Part | None = None


def parse(text: str) -> ServerName:
    """Return `text` taken apart. Raises BadConfiguration where it is not a server's name."""
    parts = [_part(each, text) for each in _split(text)]
    if len(parts) > 2:
        raise BadConfiguration(f"{text!r} chains {len(parts)} servers; a chain is a front and a server: nginx+gunicorn")
    return ServerName(text, parts[-1], parts[0] if len(parts) == 2 else None)


def at_version(text: str, version: str) -> str:
    """Return the name `text` with `version`, as gunicorn@20.1.0[workers=2]; of a chain the server behind has it.

    Raises BadConfiguration where it has one already, or is no name.
    """
    if said := parse(text).server.version:
        raise BadConfiguration(f"{text!r} names version {said}; its history is about all of them, so leave @{said} out")
    return _versioned(text, f"@{version}")


def unversioned(text: str) -> str:
    """Return the name `text` without the version of its server; of a chain that of the server behind."""
    return _versioned(text, "")


def _versioned(text: str, version: str) -> str:
    *front, server = _split(text)
    match = PART.fullmatch(server)
    if match is None:
        return text
    variant, settings = match["variant"], match["settings"]
    part = f"{match['adapter']}{f':{variant}' if variant else ''}{version}{f'[{settings}]' if settings else ''}"
    return "+".join([*front, part])


def same_version(version: str, other: str) -> bool:
    """Say whether two versions are one, as 20.1 and 20.1.0 are."""
    try:
        return Version(version) == Version(other)
    except InvalidVersion:
        return version == other


def with_word(text: str, word: str) -> str:
    """Return the name `text` with `word` in the brackets of its server, of a chain the one behind."""
    return f"{text[:-1]},{word}]" if text.endswith("]") else f"{text}[{word}]"


def _split(text: str) -> list[str]:
    # A '+' separates servers, but belongs to a version such as 2.0+1, where no letter follows.
    return re.split(r"\+(?=[A-Za-z])(?![^\[]*\])", text.strip())


def _part(text: str, whole: str) -> Part:
    match = PART.fullmatch(text)
    if match is None:
        raise BadConfiguration(
            f"{whole!r} is not a server's name; the form is front+server:variant@version[workers=4,threads=2]"
        )
    return Part(
        match["adapter"], match["variant"] or "", match["version"] or "", settings(match["settings"] or "", whole)
    )


def settings(text: str, whole: str) -> Settings:
    """Return `workers=4,tls` as Settings. Raises BadConfiguration; `whole` is what its message names."""
    chosen: dict[str, Any] = {}
    for item in filter(None, (each.strip() for each in text.split(","))):
        name, equals, value = (each.strip() for each in item.partition("="))
        key = name.replace("-", "_")
        where = f"{item!r} in {whole!r}"
        if key not in SETTABLE and WORD.fullmatch(item):
            chosen["features"] = chosen.get("features", frozenset()) | {item}
            continue
        if key not in SETTABLE:
            raise BadConfiguration(
                f"{where} is no setting{suggestion(key, SETTABLE)}; there are {', '.join(sorted(SETTABLE))}"
            )
        if key in SWITCHES:
            if (equals and not value) or value not in SWITCHES[key]:
                raise BadConfiguration(f"{where}: {key} is on or off, as {key} or {key}=on or {key}=off")
            chosen[key] = SWITCHES[key][value]
            continue
        chosen[key] = _number(key, value, where)
    return replace(Settings(), **chosen)


def _number(key: str, value: str, where: str) -> float:
    try:
        number = int(value) if key in WHOLE else float(value)
    except ValueError:
        number = -1
    if not (1 if key in WHOLE else 0) <= number <= LARGEST:
        raise BadConfiguration(f"{where}: {key} takes a number, as {key}=4{'; 1 or more' if key in WHOLE else ''}")
    return number
