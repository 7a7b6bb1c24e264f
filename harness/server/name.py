"""Server names as the user writes them: `gunicorn`, `gunicorn:gthread`, `gunicorn[workers=4]`, `gunicorn[tls]`,
`gunicorn@20.1.0`, `nginx+gunicorn:sync`. Text in, values out; planning.py checks whether such a server exists.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields, replace

from packaging.version import InvalidVersion, Version

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.model.naming import did_you_mean
from wsgi_gauntlet.harness.server.adapter import Settings

SERVER_PATTERN = re.compile(
    r"""(?P<adapter>[A-Za-z0-9][A-Za-z0-9_.-]*)
        (:(?P<variant>[A-Za-z0-9][A-Za-z0-9_-]*))?
        (@(?P<version>[0-9][A-Za-z0-9.!+_-]*))?
        (\[(?P<settings>[^\[\]]*)\])?""",
    re.VERBOSE,
)

INTEGER_SETTINGS = frozenset({"workers", "threads", "backlog", "max_requests"})
ON_OFF_VALUES = {"": True, "on": True, "off": False}
BOOLEAN_SETTINGS = {"tls": ON_OFF_VALUES, "unix": ON_OFF_VALUES, "tuned": ON_OFF_VALUES}
SETTING_NAMES = frozenset(each.name for each in fields(Settings)) - {"mount", "deployed", "features"}
FEATURE_PATTERN = re.compile(r"[a-z][a-z0-9-]*")
"""A feature of one adapter, as gzip in nginx[gzip]; only the adapter knows which features exist."""
MAX_SETTING_VALUE = 100_000
"""No server has more workers, threads, seconds or waiting connections than this; a larger number is a mistake."""


@dataclass(frozen=True)
class ServerSpec:
    """One server of a chain: the adapter's name, and '' or the default for each part that the user left out."""

    adapter: str
    variant: str = ""
    version: str = ""
    settings: Settings = field(default_factory=Settings)


@dataclass(frozen=True)
class ServerName:
    """A server, and the proxy before it if there is one. `text` is the name that the user wrote."""

    text: str
    server: ServerSpec
    front: ServerSpec | None = None


def parse(text: str) -> ServerName:
    """Return the parts of the server name `text`. Raises ConfigurationError if it is not a server name."""
    parts = [_parse_spec(each, text) for each in _split_chain(text)]
    if len(parts) > 2:
        raise ConfigurationError(
            f"{text!r} chains {len(parts)} servers; a chain is a proxy and a server: nginx+gunicorn"
        )
    return ServerName(text, parts[-1], parts[0] if len(parts) == 2 else None)


def with_version(text: str, version: str) -> str:
    """Return the server name `text` with `version`, as gunicorn@20.1.0[workers=2]; in a chain for the server behind.

    Raises ConfigurationError if it has a version already, or is not a server name.
    """
    if named_version := parse(text).server.version:
        raise ConfigurationError(
            f"{text!r} names version {named_version}, but the history covers all versions; leave @{named_version} out"
        )
    return _replace_version(text, f"@{version}")


def without_version(text: str) -> str:
    """Return the server name `text` without the version of its server; in a chain of the server behind."""
    return _replace_version(text, "")


def _replace_version(text: str, version: str) -> str:
    *front, server = _split_chain(text)
    match = SERVER_PATTERN.fullmatch(server)
    if match is None:
        return text
    variant, settings = match["variant"], match["settings"]
    part = f"{match['adapter']}{f':{variant}' if variant else ''}{version}{f'[{settings}]' if settings else ''}"
    return "+".join([*front, part])


def same_version(version: str, other: str) -> bool:
    """Return whether two versions are the same, as 20.1 and 20.1.0 are."""
    try:
        return Version(version) == Version(other)
    except InvalidVersion:
        return version == other


def with_setting(text: str, word: str) -> str:
    """Return the server name `text` with `word` in the brackets of its server; in a chain of the server behind."""
    return f"{text[:-1]},{word}]" if text.endswith("]") else f"{text}[{word}]"


def _split_chain(text: str) -> list[str]:
    # '+' separates servers; in a version such as 2.0+1 no letter follows it.
    return re.split(r"\+(?=[A-Za-z])(?![^\[]*\])", text.strip())


def _parse_spec(text: str, full_name: str) -> ServerSpec:
    match = SERVER_PATTERN.fullmatch(text)
    if match is None:
        raise ConfigurationError(
            f"{full_name!r} is not a server name; the form is proxy+server:variant@version[workers=4,threads=2]"
        )
    return ServerSpec(
        match["adapter"], match["variant"] or "", match["version"] or "", settings(match["settings"] or "", full_name)
    )


def settings(text: str, full_name: str) -> Settings:
    """Return `workers=4,tls` as Settings. Raises ConfigurationError, whose message contains `full_name`."""
    chosen: dict[str, float | bool] = {}
    features: set[str] = set()
    for item in filter(None, (each.strip() for each in text.split(","))):
        name, equals, value = (each.strip() for each in item.partition("="))
        key = name.replace("-", "_")
        where = f"{item!r} in {full_name!r}"
        if key not in SETTING_NAMES and FEATURE_PATTERN.fullmatch(item):
            features.add(item)
        elif key not in SETTING_NAMES:
            raise ConfigurationError(
                f"{where} is no setting{did_you_mean(key, SETTING_NAMES)}; settings are "
                f"{', '.join(sorted(SETTING_NAMES))}"
            )
        elif key in BOOLEAN_SETTINGS:
            if (equals and not value) or value not in BOOLEAN_SETTINGS[key]:
                raise ConfigurationError(f"{where}: {key} is on or off; write {key}, {key}=on or {key}=off")
            chosen[key] = BOOLEAN_SETTINGS[key][value]
        else:
            chosen[key] = _parse_number(key, value, where)
    return replace(Settings(features=frozenset(features)), **chosen)  # type: ignore[arg-type]  # the names are checked


def _parse_number(key: str, value: str, where: str) -> float:
    try:
        number = int(value) if key in INTEGER_SETTINGS else float(value)
    except ValueError:
        number = -1
    if not (1 if key in INTEGER_SETTINGS else 0) <= number <= MAX_SETTING_VALUE:
        raise ConfigurationError(
            f"{where}: {key} is a number; write {key}=4{', 1 or more' if key in INTEGER_SETTINGS else ''}"
        )
    return number
