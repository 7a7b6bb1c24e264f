"""A uwsgi.ini of the user, or one in YAML, JSON or XML: its options, and a copy without those that the harness owns.

uWSGI cannot unset an option, and adds the addresses of its command line to those of the file. So it reads a copy.
Placeholders and conditions stay in the copy. https://uwsgi-docs.readthedocs.io/en/latest/Configuration.html
"""

from __future__ import annotations

import json
import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.model import ConfigOverride
from wsgi_gauntlet.servers._support.user_configuration import MAX_FILES, NOT_USED, Overrides, read_text

SECTION = "uwsgi"

ROUTER_ADDRESSES = frozenset({"http", "httprouter", "https", "https2"})
"""The addresses of the HTTP router, core of the plugin plugins/http/http.c."""

WORKER_ADDRESSES = frozenset(
    {
        *(
            "socket",
            "s",
            "uwsgi-socket",
            "suwsgi-socket",
            "ssl-socket",
            "puwsgi-socket",
            "shared-socket",
            "http-socket",
        ),
        *("https-socket", "http11-socket", "fastcgi-socket", "fastcgi-nph-socket", "scgi-socket", "scgi-nph-socket"),
        *("raw-socket", "upload-socket", "udp", "protocol", "socket-protocol"),
    }
)
OTHER_ADDRESSES = frozenset(
    {"http-to", "http-to-https", "http-subscription-server", "fastrouter", "rawrouter", "sslrouter", "stats"}
    | {"stats-server", "stats-http", "carbon", "subscribe-to", "subscribe2", "subscribe"}
)
APPS = frozenset(
    {"module", "wsgi", "w", "wsgi-file", "file", "callable", "mount", "app", "eval", "pyrun", "paste", "ini-paste"}
    | {"ini-paste-logged", "paste-logger", "wsgi-lite", "pump", "web3", "manage-script-name"}
)
PROCESSES = frozenset(
    {"daemonize", "daemonize2", "d", "pidfile", "pidfile2", "safe-pidfile", "safe-pidfile2", "uid", "gid", "chuid"}
    | {"immediate-uid", "immediate-gid", "chroot", "emperor", "vassals-dir", "zerg", "zergpool", "legion"}
    | {"chown-socket", "no-server", "version", "help", "show-config"}
)
LOGS = frozenset(
    {
        "logto",
        "logto2",
        "logger",
        "req-logger",
        "worker-logger",
        "log-syslog",
        "log-rsyslog",
        "log-socket",
        "log-zeromq",
    }
)
OWNED = ROUTER_ADDRESSES | WORKER_ADDRESSES | OTHER_ADDRESSES | APPS | PROCESSES | LOGS
"""Options of the harness: addresses, apps, user, process and logs. It reads the log on stderr."""

INCLUDES = frozenset({"ini", "yaml", "yml", "json", "js", "xml", "config", "include", "inherit"})

SYNONYMS = {"p": "processes", "workers": "processes", "l": "listen", "t": "harakiri", "M": "master"} | {
    "R": "max-requests",
    "z": "socket-timeout",
    "b": "buffer-size",
}
"""Other names of options, core/uwsgi.c."""

OFF = ("0", "false", "off", "no")
"""The values that turn an option off, uwsgi_opt_true in core/uwsgi.c."""

MAGIC = re.compile(r"%(.)")
PLACEHOLDER = re.compile(r"%\(([^)]*)\)|\$\(([^)]*)\)")


@dataclass(frozen=True)
class Option:
    """One option of a file. `value` has the values of those placeholders that name the file."""

    key: str
    value: str


def options(path: Path) -> list[Option]:
    """Return the options of the file `path`, with those of the files that it includes in their places.

    Raises ConfigurationError.
    """
    found: list[Option] = []
    _read(path, SECTION, found, [])
    return found


def _read(path: Path, section: str, found: list[Option], parents: list[Path]) -> None:
    if path in parents or len(parents) > MAX_FILES:
        raise ConfigurationError(f"{path} includes itself; remove the include")
    text = read_text(path)
    for key, value in _PARSERS[_format(path, text)](path, text, section):
        known = MAGIC.sub(lambda letter: _magic(letter, path), value)
        if key not in INCLUDES:
            found.append(Option(key, known))
            continue
        where, _, part = _resolve(known, found).partition(":")
        included = next((each for each in (Path(where), path.parent / where) if each.is_file()), None)
        if included is None:
            raise ConfigurationError(f"{path}: it includes {where}, and there is no such file")
        _read(included.absolute(), part or SECTION, found, [*parents, path])


def _format(path: Path, text: str) -> str:
    suffixes = {".ini": "ini", ".yaml": "yaml", ".yml": "yaml", ".json": "json", ".js": "json", ".xml": "xml"}
    if path.suffix.lower() in suffixes:
        return suffixes[path.suffix.lower()]
    beginning = text.lstrip()
    if beginning.startswith("{"):
        return "json"
    if beginning.startswith("<"):
        return "xml"
    return "yaml" if re.search(rf"^{SECTION}:\s*$", text, re.MULTILINE) else "ini"


def _ini(path: Path, text: str, section: str) -> Iterator[tuple[str, str]]:
    sections = 0
    current = ""
    for number, raw in enumerate(re.sub(r"\\\n\s*", "", text).splitlines(), 1):
        line = raw.strip()
        if not line or line[0] in "#;":
            continue
        if line[0] == "[":
            if not line.endswith("]"):
                raise ConfigurationError(f"{path}: line {number}: {line} has no ]; close the name of the section")
            current = line[1:-1]
            sections += 1
        elif current == section:
            key, _, value = line.partition("=")
            yield key.strip(), value.strip()
    if not sections:
        raise ConfigurationError(f"{path} has no section [{SECTION}]; write that line before the options")


def _yaml(path: Path, text: str, section: str) -> Iterator[tuple[str, str]]:
    # uWSGI without libyaml reads lines too, core/yaml.c.
    key, inside, indent = "", False, 0
    for number, raw in enumerate(text.splitlines(), 1):
        line = re.sub(r"(^|\s)#.*", "", raw).rstrip()
        if not line.strip() or line.strip() in ("---", "..."):
            continue
        if "\t" in line[: len(line) - len(line.lstrip())]:
            raise ConfigurationError(f"{path}: line {number}: YAML has no tabs before a key; use spaces")
        if not line[0].isspace():
            inside = line.strip().rstrip(":").strip() == section
            if not line.endswith(":"):
                raise ConfigurationError(f"{path}: line {number}: write `{section}:` before the options")
            continue
        if not inside:
            continue
        words = line.strip()
        if words.startswith("- "):
            yield key, _unquoted(words[2:])
            continue
        name, colon, value = words.partition(":")
        depth = len(line) - len(line.lstrip())
        indent = indent or depth
        if not colon or depth != indent or (value and not value[0].isspace()):
            raise ConfigurationError(f"{path}: line {number}: write this line as `key: value`: {words}")
        key = _unquoted(name)
        if value.strip():
            yield key, _unquoted(value)


def _unquoted(text: str) -> str:
    word = text.strip()
    return word[1:-1] if len(word) > 1 and word[0] == word[-1] and word[0] in "'\"" else word


def _json(path: Path, text: str, section: str) -> Iterator[tuple[str, str]]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise ConfigurationError(f"{path} is not JSON: {problem}") from None
    values = document.get(section) if isinstance(document, dict) else None
    if not isinstance(values, dict):
        raise ConfigurationError(f'{path} has no object "{section}"; put the options into it')
    for key, value in values.items():
        for each in value if isinstance(value, list) else [value]:
            yield key, {True: "true", False: "false"}[each] if isinstance(each, bool) else str(each)


def _xml(path: Path, text: str, section: str) -> Iterator[tuple[str, str]]:
    if "<!ENTITY" in text:
        raise ConfigurationError(f"{path} declares entities; write the values in their places")
    try:
        root = ET.fromstring(text)  # noqa: S314 - a file of the user, without entities
    except ET.ParseError as problem:
        raise ConfigurationError(f"{path} is not XML: {problem}") from None
    found = root if root.tag == section else root.find(f".//{section}")
    if found is None:
        raise ConfigurationError(f"{path} has no element <{section}>; put the options into it")
    for each in found:
        yield each.tag, (each.text or "").strip()


_PARSERS = {"ini": _ini, "yaml": _yaml, "json": _json, "xml": _xml}


def _magic(letter: re.Match[str], path: Path) -> str:
    """Return the value of a placeholder that names the file. uWSGI knows the values of the others itself."""
    known = {
        "d": f"{path.parent}/",
        "p": str(path),
        "o": str(path),
        "s": path.name,
        "n": path.name.rpartition(".")[0] or path.name,
        "e": path.suffix.lstrip("."),
        "c": path.parent.name,
    }
    return known.get(letter[1].lower(), letter[0])


def _resolve(value: str, found: Iterable[Option]) -> str:
    """Return `value` with the values of `%(name)` and `$(NAME)` that are known."""
    known = {each.key: each.value for each in found}
    for _ in range(5):
        value = PLACEHOLDER.sub(
            lambda name: known.get(name[1], name[0]) if name[1] is not None else os.environ.get(name[2], ""), value
        )
    return value


def copy_text(found: Iterable[Option], dropped: frozenset[str]) -> str:
    """Return an ini file with the options but `dropped`."""
    kept = [f"{each.key} = {each.value}".rstrip() for each in found if SYNONYMS.get(each.key, each.key) not in dropped]
    return "\n".join((f"[{SECTION}]", *kept, ""))


def effective(found: Iterable[Option]) -> dict[str, str]:
    """Return the last value of each option, under its long name."""
    every = list(found)
    return {SYNONYMS.get(each.key, each.key): _resolve(each.value, every) for each in every}


def number(values: Mapping[str, str], key: str, default: int) -> object:
    """Return the option `key` as a number; as text if it is none."""
    value = values.get(key)
    return default if value is None else int(value) if value.isdigit() else value or default


def has_master(found: Iterable[Option]) -> bool:
    """Return whether the file starts uWSGI's master. An option without a value is on."""
    return effective(found).get("master", "0").lower() not in OFF


def uses_router(found: Iterable[Option]) -> bool:
    """Return whether the file lets the HTTP router accept requests, and no worker."""
    keys = {each.key for each in found}
    return bool(keys & ROUTER_ADDRESSES) and "http-socket" not in keys


def overrides(found: list[Option], dropped: frozenset[str], now: Mapping[str, str]) -> tuple[ConfigOverride, ...]:
    """Return the options that are not used. `now` are values of the harness by the option's group or name."""
    made = Overrides("uwsgi")
    groups = {"address": ROUTER_ADDRESSES | WORKER_ADDRESSES, "app": APPS - {"manage-script-name", "callable"}}
    for each in found:
        name = SYNONYMS.get(each.key, each.key)
        if name in dropped:
            group = next((group for group, names in groups.items() if name in names), name)
            made.add(each.key, _resolve(each.value, found), now.get(group, NOT_USED))
    return made.found
