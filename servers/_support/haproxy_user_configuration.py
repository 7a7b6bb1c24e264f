"""A copy of a user's haproxy.cfg in which the addresses, logs and certificates are those of the harness. Pure.

One frontend (or `listen` section) is served: the first that has servers behind it. Lines keep their numbers, except
after lines that are added to that section.
https://docs.haproxy.org/2.6/configuration.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.model import ConfigOverride
from wsgi_gauntlet.servers._support.user_configuration import NOT_USED, Overrides

SECTIONS = frozenset(
    {"global", "defaults", "frontend", "backend", "listen", "peers", "resolvers", "mailers", "program", "userlist"}
    | {"cache", "http-errors", "ring", "fcgi-app", "crt-store", "traces", "log-profile", "log-forward"}
)
REMOVED_SECTIONS = frozenset({"peers", "program", "mailers", "log-forward"})
"""Sections that listen on ports or start programs."""

REMOVED_GLOBALS = frozenset(
    {
        "daemon",
        "user",
        "group",
        "uid",
        "gid",
        "chroot",
        "pidfile",
        "log",
        "log-send-hostname",
        "master-worker",
        "nbproc",
    }
    | {"crt-base", "ca-base", "ssl-dh-param-file", "setcap", "node"}
)
KEPT_BIND_OPTIONS = ("backlog", "maxconn", "nice", "tcp-ut", "mss")
"""Options of `bind` with one value that do not concern the address or TLS."""

SERVER_TLS_FLAGS = frozenset({"ssl", "no-sslv3", "no-tlsv10", "no-tlsv11", "no-tlsv12", "no-tlsv13", "force-tlsv12"})
SERVER_TLS_VALUES = frozenset(
    {"verify", "ca-file", "crt", "sni", "crl-file", "alpn", "check-alpn", "check-sni", "verifyhost", "ciphers", "npn"}
    | {"ssl-min-ver", "ssl-max-ver", "resolvers", "init-addr", "resolve-prefer", "source", "port", "addr"}
)
SERVER_FLAGS = frozenset({"backup", "disabled", "send-proxy", "send-proxy-v2", "check-ssl", "agent-check", "check"})
"""Options without a value. The test app has no page for health checks, so that HAProxy would call it down."""

WORD = re.compile(r"""(?:\\.|"(?:\\.|[^"\\])*"|'[^']*'|[^\s#"'\\])+""")


@dataclass(frozen=True)
class Line:
    """One line: its words, and the section that contains it."""

    number: int
    words: tuple[str, ...]
    section: tuple[str, ...]

    @property
    def first(self) -> str:
        """The keyword of the line."""
        return self.words[0] if self.words else ""


def lines(text: str) -> list[Line]:
    """Return the lines of a configuration."""
    found: list[Line] = []
    section: tuple[str, ...] = ()
    for number, raw in enumerate(text.split("\n")):
        words = tuple(WORD.findall(_without_comment(raw)))
        if words and words[0] in SECTIONS:
            section = words[:2]
        found.append(Line(number, words, section))
    return found


def _without_comment(line: str) -> str:
    place = 0
    while place < len(line):
        if match := WORD.match(line, place):
            place = match.end()
        elif line[place] == "#":
            return line[:place]
        else:
            place += 1
    return line


def copy(
    text: str, name: str, bind: str, server: str, settings: Mapping[str, str]
) -> tuple[str, tuple[ConfigOverride, ...]]:
    """Return the copy of `text`, the file `name`, and what was replaced.

    `bind` and `server` are the words after the keyword `bind` and after a server's name. `settings` are values for the
    keywords of defaults, frontends and backends that the server name asks for, as `timeout client`, and for `nbthread`.
    Raises ConfigurationError if no frontend passes requests on.
    """
    every = lines(text)
    served = _served(every, name)
    over = Overrides("haproxy")
    texts = text.split("\n")
    first_bind = True
    servers: set[tuple[str, ...]] = set()
    for each in every:
        new: str | None = None
        if each.section[:1] and each.section[0] in REMOVED_SECTIONS:
            new = ""
            if each.first == each.section[0]:
                over.add(" ".join(each.section), "the section")
        elif each.section[:1] == ("global",) and (
            each.first in REMOVED_GLOBALS or each.words[:2] in (("stats", "socket"), ("stats", "bind-process"))
        ):
            new = ""
            over.add(each.first, " ".join(each.words[1:]) or "on")
        elif each.first == "log" and each.words[1:2] != ("global",):
            new = ""
            over.add("log", " ".join(each.words[1:]))
        elif each.first == "bind":
            wanted = each.section == served and first_bind
            first_bind = first_bind and not wanted
            new = f"    bind {bind}{_kept(each.words[2:])}" if wanted else ""
            now = f"{bind}{_kept(each.words[2:])}" if wanted else NOT_USED
            over.add(f"{' '.join(each.section)}: bind", " ".join(each.words[1:]), now)
        elif each.first in ("server", "server-template"):
            new = "" if each.section in servers else f"    server {_server_words(each, server)}"
            servers.add(each.section)
            now = f"{_server_words(each, server)}" if new else NOT_USED
            over.add(f"{' '.join(each.section)}: {each.first}", " ".join(each.words[1:]), now)
        else:
            for keyword, value in settings.items():
                if each.words[: len(keyword.split())] == tuple(keyword.split()):
                    new = f"    {keyword} {value}"
                    over.add(keyword, " ".join(each.words[len(keyword.split()) :]), value)
        if new is not None:
            texts[each.number] = new
    return _with_global_lines(texts, every, served, bind, first_bind, settings), over.found


def _with_global_lines(
    texts: list[str],
    every: Sequence[Line],
    served: tuple[str, ...],
    bind: str,
    needs_bind: bool,
    settings: Mapping[str, str],
) -> str:
    """Return the text with a global section of the harness and its settings, without new lines before the user's."""
    head = 'log stderr format raw local0 warning\n    setenv dollar "\\$"\n    setenv comma ","'
    nbthread = settings.get("nbthread")
    if nbthread and not any(each.first == "nbthread" for each in every):
        head += f"\n    nbthread {nbthread}"
    present = {" ".join(each.words[: len(key.split())]) for each in every for key in settings}
    added = [f"    {key} {value}" for key, value in settings.items() if key not in present and key != "nbthread"]
    added += [f"    bind {bind}"] if needs_bind else []
    # A section may come again, so that these can follow the user's lines.
    after = "\n".join(["", "global", f"    {head}", ""])
    if added:
        last = max(each.number for each in every if each.section == served and each.words)
        texts[last] = "\n".join([texts[last], *added])
    return "\n".join(texts) + after


def _served(every: Sequence[Line], name: str) -> tuple[str, ...]:
    modes = {each.section: each.words[1] for each in every if each.first == "mode" and len(each.words) > 1}
    default = next((value for section, value in modes.items() if section[:1] == ("defaults",)), "tcp")
    with_servers = {each.section for each in every if each.first in ("server", "server-template")}
    backends = {section[1] for section in with_servers if len(section) > 1}
    for each in every:
        kind = each.section[:1]
        if modes.get(each.section, default) != "http":
            continue
        if kind == ("listen",) and each.section in with_servers:
            return each.section
        if (
            kind == ("frontend",)
            and each.first in ("default_backend", "use_backend")
            and set(each.words[1:2]) & backends
        ):
            return each.section
    raise ConfigurationError(
        f"{name}: no frontend of mode http passes requests to a backend with servers; name the file with the site of "
        "your app"
    )


def _kept(words: Sequence[str]) -> str:
    found = [f" {word} {words[place + 1]}" for place, word in enumerate(words[:-1]) if word in KEPT_BIND_OPTIONS]
    return "".join(found)


def _server_words(line: Line, server: str) -> str:
    """Return the name of a server, the address of the harness, and the options that do not concern the address."""
    first = 3 if line.first == "server" else 4
    words, kept, place = line.words, [], first
    while place < len(words):
        if words[place] in SERVER_TLS_VALUES:
            place += 2
            continue
        if words[place] not in SERVER_TLS_FLAGS | SERVER_FLAGS:
            kept.append(words[place])
        place += 1
    return " ".join([words[1] if len(words) > 1 else "app", server, *kept])


def effective(text: str) -> dict[str, str]:
    """Return the values that a reader of a figure must know, by keyword; the last of each counts."""
    found: dict[str, str] = {}
    for each in lines(text):
        if each.first == "nbthread" and len(each.words) > 1:
            found["nbthread"] = each.words[1]
        elif each.first == "timeout" and len(each.words) > 2:
            found[f"timeout {each.words[1]}"] = each.words[2]
        elif each.first == "bind" and "backlog" in each.words[:-1]:
            found["backlog"] = each.words[each.words.index("backlog") + 1]
    return found


def number(value: str | None, default: int) -> object:
    """Return a number, `default` without one; as text if it is a variable."""
    plain = (value or "").strip("\"'")
    return int(plain) if plain.isdigit() else plain or default


def seconds(value: str) -> object:
    """Return a time of HAProxy in seconds; without a unit it is milliseconds."""
    units = {"us": 1e-6, "ms": 1e-3, "": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
    match = re.fullmatch(r"(\d+)(us|ms|[smhd]?)", value)
    if match is None:
        return value
    number = int(match[1]) * units[match[2]]
    return int(number) if number.is_integer() else number
