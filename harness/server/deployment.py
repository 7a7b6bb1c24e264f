"""Files to paste: where a person installs a server, and the files that the adapters make for that place. Pure.

An adapter makes its files from the launch that was measured (`Adapter.deployment`); deployment_files.py calls it. Each
setting has one line above it that says in plain words why it is there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.server.static_mapping import StaticMapping, is_path_prefix

ALL_INTERFACES = "0.0.0.0"
"""The address on which other machines reach a server."""

LOOPBACK = "127.0.0.1"
"""The address on which a proxy of the same machine reaches a server."""

PLAIN_PATH = re.compile(r"/[A-Za-z0-9_./-]+")
HOST_NAME = re.compile(r"(\*\.)?[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
IP_ADDRESS = re.compile(r"[0-9A-Fa-f.:]+")
USER_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
SITE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
APP = re.compile(r"(?P<module>\w[\w-]*(\.\w[\w-]*)*):(?P<attribute>[^\W\d]\w*(\.[^\W\d]\w*)*)(?P<call>\(.*\))?")
"""`module:callable`, or `module:function(...)`. Servers also import modules with a name such as my-shop."""

NOT_IN_A_SITE_NAME = re.compile(r"[^A-Za-z0-9_.-]+")
DEFAULT_NAME = "app"
"""The name of services for an app whose package has no letters that fit."""

MAX_PORT = 65_535


@dataclass(frozen=True)
class DeploymentSite:
    """Where and how a person installs the servers. Raises ConfigurationError for a value that no file can hold.

    `app` is `module:callable` or `module:function(...)`. `folder` is its working folder and `python` its interpreter;
    both are absolute paths. `python_path` are more folders of its modules. `env_file` is the absolute path of a file
    with environment variables; its content is never read. `name` names services and files; '' means the app's package.
    `host_names` are the names of the site, none for all names.

    `host` is the address on which visitors reach the first server. Alone a server listens on `port`. Behind a proxy it
    listens on `port` of the loopback interface, or on the Unix socket `socket` ('' for the usual place), and the proxy
    listens on `public_port`. `static` are files that a proxy, or uWSGI, sends without the app.

    `user` of `group` runs servers and proxies. `certificate` and `certificate_key` are PEM files, for https.
    `root` is put before paths such as /etc/nginx, for tests and images: '' for the running system.
    """

    app: str
    folder: str
    python: str
    name: str = ""
    host_names: tuple[str, ...] = ()
    host: str = ALL_INTERFACES
    port: int = 8000
    public_port: int = 80
    socket: str = ""
    static: tuple[StaticMapping, ...] = ()
    env_file: str = ""
    python_path: tuple[str, ...] = ()
    user: str = "www-data"
    group: str = "www-data"
    certificate: str = "/etc/ssl/certs/site.pem"
    certificate_key: str = "/etc/ssl/private/site.key"
    root: str = ""

    def __post_init__(self) -> None:
        if not (APP.fullmatch(self.app) and self.app.isprintable()):
            raise ConfigurationError(f"{self.app!r} is no app: write module:callable or module:function()")
        for what, path in (
            ("the folder of the app", self.folder),
            ("the interpreter", self.python),
            ("the file with environment variables", self.env_file or "/"),
            ("the certificate", self.certificate),
            ("the certificate's key", self.certificate_key),
            *(("a folder of modules", each) for each in self.python_path),
            *(("the folder of static files", str(each.folder)) for each in self.static),
        ):
            _require_absolute(what, path)
        for mapping in self.static:
            if not is_path_prefix(mapping.prefix):
                raise ConfigurationError(
                    f"static files at {mapping.prefix!r}: write a path with plain letters, as /static"
                )
        patterns = (
            ("the name of the site", SITE_NAME, self.service, "letters, digits, dots, - and _"),
            ("the user", USER_NAME, self.user, "the name of a user"),
            ("the group", USER_NAME, self.group, "the name of a group"),
            ("the address", IP_ADDRESS, self.host, "an IP address"),
            ("the root folder", PLAIN_PATH, self.root or "/x", "an absolute path of letters, digits, dots, - and _"),
            ("the Unix socket", PLAIN_PATH, self.socket_path, "an absolute path of letters, digits, dots, - and _"),
            *(("the host name", HOST_NAME, each, "a name such as example.com") for each in self.host_names),
        )
        for what, pattern, value, expected in patterns:
            if not pattern.fullmatch(value):
                raise ConfigurationError(f"{what} {value!r} does not fit into configuration files: use {expected}")
        for port in (self.port, self.public_port):
            if not 0 < port <= MAX_PORT:
                raise ConfigurationError(f"port {port} does not exist: choose one from 1 to {MAX_PORT}")

    @property
    def service(self) -> str:
        """The name of services and files."""
        package = self.app.partition(":")[0].partition(".")[0]
        return self.name or NOT_IN_A_SITE_NAME.sub("-", package).strip("-_") or DEFAULT_NAME

    @property
    def socket_path(self) -> str:
        """The Unix socket of the server behind a proxy, in the folder that systemd makes for the service."""
        return self.socket or self.system(f"/run/{self.service}/{self.service}.sock")

    def system(self, path: str) -> str:
        """Return the system's file `path`, as /etc/nginx/nginx.conf, below `root`."""
        return f"{self.root.rstrip('/')}{path}"

    def file(self, name: str) -> str:
        """Return the path of the file `name` in the folder of the app."""
        return f"{self.folder.rstrip('/')}/{name}"

    def relative(self, path: str) -> str:
        """Return `path` from the folder of the app, as `src`; `path` itself if it is not in that folder."""
        if path.rstrip("/") == self.folder.rstrip("/"):
            return "."
        return path.removeprefix(f"{self.folder.rstrip('/')}/")


@dataclass(frozen=True)
class DeploymentFile:
    """One file to paste.

    `name` is for people. `install_path` is where it belongs. `start` is the command that uses it, for a shell in the
    app's folder; '' if another file's command does. For a server with the app it is a simple command, see
    deployment_command.py. `start_on_port` is the command for a platform that gives the port in the variable PORT; '' if
    there is none.
    """

    name: str
    text: str
    install_path: str
    start: str = ""
    start_on_port: str = ""


@dataclass(frozen=True)
class Commented:
    """Lines of a configuration with one comment line above them, `why`; '' for none."""

    why: str
    lines: tuple[str, ...]


def commented(why: str, *lines: str) -> Commented:
    """Return lines with the reason for them."""
    return Commented(why, lines)


def comment_lines(parts: Iterable[Commented], indent: str = "") -> Iterator[str]:
    """Yield the lines of `parts`, each part below its comment; `#` begins a comment in every format that is used."""
    for each in parts:
        if each.why:
            yield f"{indent}# {each.why}"
        yield from (f"{indent}{line}" for line in each.lines)


def configuration_text(server: str, site: DeploymentSite, install_path: str, parts: Iterable[Commented]) -> str:
    """Return the text of a file: what it is and where it belongs, then `parts`."""
    # Each line ends with a full stop: Apache continues a comment that ends with a backslash.
    head = (
        f"# {server} for {site.app}. wsgi-gauntlet made this file from the settings that it measured.",
        f"# This file belongs at {install_path}.",
        "",
    )
    return "\n".join((*head, *comment_lines(parts), ""))


# ---------------------------------------------------------------------- reasons that several servers share


def workers_reason(workers: int) -> str:
    """Say what `workers` processes do."""
    if workers == 1:
        return "One process runs the app. It uses one core and the least memory."
    return f"{workers} processes run the app, so {workers} cores can work at the same time. Each needs its own memory."


def threads_reason(threads: int) -> str:
    """Say what `threads` threads in each process do."""
    if threads == 1:
        return "Each process answers one request at a time."
    return f"Each process answers up to {threads} requests at the same time, because most of them wait for something."


def keep_alive_reason(seconds: float) -> str:
    """Say what a keep-alive time does."""
    if not seconds:
        return "Each connection is closed after one response."
    return f"An idle connection stays open for {seconds:g} s. A browser uses it again, and its next request is faster."


def backlog_reason(backlog: int) -> str:
    """Say what a listen backlog does."""
    return f"Up to {backlog} new connections wait in a queue while the server is busy."


def recycling_reason(requests: int) -> str:
    """Say what a number of requests for each worker does."""
    return f"A new process replaces each process after {requests} requests, so leaked memory returns to the system."


def _require_absolute(what: str, path: str) -> None:
    if not path.startswith("/"):
        raise ConfigurationError(f"{what} {path!r} is no absolute path: begin it with /")
    if not path.isprintable() or "\\" in path:
        raise ConfigurationError(f"{what} {path!r} does not fit into configuration files: rename it")
