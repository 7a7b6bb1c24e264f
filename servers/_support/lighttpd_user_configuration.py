"""A copy of a user's lighttpd.conf in which the addresses, logs and certificates are those of the harness.

Lines keep their numbers. https://redmine.lighttpd.net/projects/lighttpd/wiki/Docs_Configuration
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.model import ConfigOverride
from wsgi_gauntlet.servers._support.user_configuration import (
    MAX_FILES,
    NOT_USED,
    Edits,
    Overrides,
    copy_name,
    included_files,
    read_text,
)

REMOVED = frozenset(
    {"server.port", "server.bind", "server.pid-file", "server.username", "server.groupname", "server.chroot"}
    | {"server.errorlog", "server.breakagelog", "server.upload-dirs", "accesslog.filename", "accesslog.use-syslog"}
    | {"server.errorlog-use-syslog", "server.use-ipv6", "server.systemd-socket-activation"}
)
"""Settings of the harness: address, user, process and logs."""

TOKEN = re.compile(
    r"""(?P<space>[ \t\r]+)|(?P<newline>\n)|(?P<comment>\#[^\n]*)|(?P<string>"(?:\\.|[^"\\])*")
        |(?P<mark>=>|==|!=|=~|!~|=\^|=\$|\+=|:=|=|[(){},+\[\]])|(?P<word>[^\s"(){},=\[\]]+)""",
    re.VERBOSE | re.DOTALL,
)

ASSIGNMENTS = ("=", "+=", ":=")
SOCKET_BLOCK = re.compile(r'\$SERVER\["socket"\]')
HOST = re.compile(r'("host"\s*=>\s*)"(?:\\.|[^"\\])*"')
PORT = re.compile(r'("port"\s*=>\s*)(?:\d+|"\d+")')
SOCKET = re.compile(r'"socket"\s*=>\s*"(?:\\.|[^"\\])*"')


@dataclass(frozen=True)
class Token:
    """One token and its place."""

    kind: str
    text: str
    start: int
    end: int


@dataclass(frozen=True)
class Statement:
    """`name op value`, an include, or a block of a socket; `start` and `end` are its place in the text."""

    kind: str
    name: str
    value: str
    start: int
    end: int


def _tokens(text: str) -> list[Token]:
    return [
        Token(str(each.lastgroup), each[0], each.start(), each.end())
        for each in TOKEN.finditer(text)
        if each.lastgroup not in ("space", "comment")
    ]


def statements(text: str) -> Iterator[Statement]:
    """Yield the assignments, the includes and the socket blocks of a configuration, also those inside conditions."""
    tokens = _tokens(text)
    place = 0
    while place < len(tokens):
        token = tokens[place]
        following = tokens[place + 1] if place + 1 < len(tokens) else None
        if token.kind == "word" and following is not None and following.text in ASSIGNMENTS:
            end = _end_of_value(tokens, place + 2)
            last = tokens[end - 1]
            yield Statement("set", token.text, text[following.end : last.end].strip(), token.start, last.end)
            place = end
        elif token.text in ("include", "include_shell") and following is not None:
            end = _end_of_value(tokens, place + 1)
            last = tokens[end - 1]
            yield Statement(token.text, token.text, text[following.start : last.end], token.start, last.end)
            place = end
        elif SOCKET_BLOCK.match(text, token.start):
            end = _end_of_block(tokens, place)
            last = tokens[end - 1]
            if last.text != "}":
                return  # lighttpd says that the block has no end
            yield Statement("socket", '$SERVER["socket"]', _head(text[token.start : last.end]), token.start, last.end)
            place = end
        else:
            place += 1


def _head(block: str) -> str:
    return block.partition("{")[0].partition("==")[2].strip()


def _end_of_value(tokens: list[Token], place: int) -> int:
    """Return the number of the token after a value: it ends with its line, unless a bracket or a + is open."""
    depth = 0
    while place < len(tokens):
        token = tokens[place]
        if token.text == "(":
            depth += 1
        elif token.text == ")":
            depth -= 1
        elif depth == 0 and (token.text == "}" or (token.kind == "newline" and tokens[place - 1].text != "+")):
            return place
        place += 1
    return place


def _end_of_block(tokens: list[Token], place: int) -> int:
    depth = 0
    while place < len(tokens):
        depth += {"{": 1, "}": -1}.get(tokens[place].text, 0)
        place += 1
        if depth == 0 and tokens[place - 1].text == "}":
            return place
    return place


@dataclass(frozen=True)
class Copy:
    """The files of the launch folder, the user's files by their names there, and what was replaced.

    `written` are the settings of the harness that the copy has already.
    """

    files: Mapping[str, str]
    sources: Mapping[str, Path]
    overrides: tuple[ConfigOverride, ...]
    written: frozenset[str]


@dataclass(frozen=True)
class Behind:
    """The server behind the proxy, as words of a configuration: a host and a port, or a socket."""

    host: str = ""
    port: int = 0
    socket: str = ""


def copy(path: Path, folder: Path, behind: Behind, own: Mapping[str, str], user_settings: frozenset[str]) -> Copy:
    """Return the copy of the file `path` and of those that it includes, for the launch folder `folder`.

    `own` are the values of the harness by setting, for the list of what was replaced. `user_settings` are more settings
    that the harness writes. Raises ConfigurationError if no request is passed on.
    """
    return _Copier(path, folder, behind, own, REMOVED | user_settings).result()


class _Copier:
    def __init__(
        self, path: Path, folder: Path, behind: Behind, own: Mapping[str, str], removed: frozenset[str]
    ) -> None:
        self.path, self.folder, self.behind, self.own, self.removed = path, folder, behind, own, removed
        self.over = Overrides("lighttpd")
        self.files: dict[str, str] = {}
        self.sources: dict[str, Path] = {}
        self.passes_on = False
        self.written: set[str] = set()

    def result(self) -> Copy:
        self._copy(self.path, [])
        if not self.passes_on:
            raise ConfigurationError(
                f"{self.path}: it has no proxy.server; name the file that passes requests to a server behind it"
            )
        return Copy(self.files, self.sources, self.over.found, frozenset(self.written))

    def _copy(self, path: Path, parents: list[Path], group: str = "") -> str:
        if path in parents or len(self.sources) > MAX_FILES:
            raise ConfigurationError(f"{path} includes itself; remove the include")
        name = copy_name(len(self.sources), path, group)
        self.sources[name] = path
        text = read_text(path)
        edits = Edits(text)
        for each in statements(text):
            if (new := self._replacement(each, text, path, parents)) is not None:
                edits.replace(each.start, each.end, new)
        self.files[name] = edits.apply()
        return name

    def _replacement(self, each: Statement, text: str, path: Path, parents: list[Path]) -> str | None:
        if each.kind == "include":
            pattern = each.value.strip('"')
            found = included_files(pattern, [path.parent, self.path.parent, Path("/etc/lighttpd")])
            if not found:
                return None if "*" not in pattern else ""
            group = f"{len(self.sources)}/"
            for file in found:
                self._copy(file, [*parents, path], group)
            return f'include "{self.folder}/config/{group}*"'
        if each.kind == "include_shell" and "use-ipv6" in each.value:
            self.over.add("include_shell", each.value)  # the script of Debian lets it listen on IPv6 too
            return ""
        if each.kind == "socket":
            self.over.add("listen", each.value)
            return ""
        if each.name == "proxy.server":
            self.passes_on = True
            return self._proxy(text[each.start : each.end])
        if each.name in self.removed or each.name.startswith("ssl."):
            own = self.own.get(each.name)
            self.over.add(each.name, each.value, own or NOT_USED)
            if own is None or each.name in self.written or each.name.startswith("ssl."):
                return ""
            # In its place: later lines may use the value, as in `"..." + server.port`.
            self.written.add(each.name)
            return f"{each.name} = {own}"
        return None

    def _proxy(self, statement: str) -> str:
        behind = self.behind
        if behind.socket:
            new = HOST.sub(lambda _: f'"socket" => "{behind.socket}"', statement)
            new = re.sub(r',\s*"port"\s*=>\s*(?:\d+|"\d+")', "", new)
            new = SOCKET.sub(lambda _: f'"socket" => "{behind.socket}"', new)
        else:
            own = f'"host" => "{behind.host}", "port" => {behind.port}'
            new = SOCKET.sub(lambda _: own, statement)
            new = HOST.sub(lambda found: f'{found[1]}"{behind.host}"', new)
            new = PORT.sub(lambda found: f"{found[1]}{behind.port}", new)
            # Without a port lighttpd uses 80.
            new = re.sub(
                r'("host"\s*=>\s*"[^"]*")(\s*\))', lambda found: f'{found[1]}, "port" => {behind.port}{found[2]}', new
            )
        self.over.add("proxy.server", statement.partition("=")[2], " ".join(new.partition("=")[2].split()))
        return new


def effective(path: Path) -> dict[str, str]:
    """Return the last value of each setting that is a number, also from included files."""
    found: dict[str, str] = {}

    def read(file: Path, depth: int) -> None:
        text = read_text(file)
        for each in statements(text):
            if each.kind == "include" and depth < 10:
                for included in included_files(each.value.strip('"'), [file.parent, path.parent]):
                    read(included, depth + 1)
            elif each.kind == "set":
                found[each.name] = each.value.strip('"')

    read(path, 0)
    return {name: value for name, value in found.items() if value.isdigit()}
