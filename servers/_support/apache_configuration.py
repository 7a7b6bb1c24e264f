"""The common part of all configurations of Apache. https://httpd.apache.org/docs/2.4/mod/core.html"""

from __future__ import annotations

import math
import signal
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from wsgi_gauntlet.harness.server.adapter import Command, Installation, Launch, no_option_for
from wsgi_gauntlet.harness.server.certificates import CertificateFiles
from wsgi_gauntlet.harness.server.static_mapping import MEDIA_TYPES
from wsgi_gauntlet.servers._support.system_programs import find_system_program

START_SERVERS = 3
SERVER_LIMIT = 16
THREADS_PER_CHILD = 25
"""server/mpm/event/event.c: DEFAULT_START_DAEMON, DEFAULT_SERVER_LIMIT, DEFAULT_THREADS_PER_CHILD; as in worker.c."""
KEEP_ALIVE = 5
KEEP_ALIVE_REQUESTS = 100
TIMEOUT = 60
"""include/http_core.h and httpd.h: DEFAULT_KEEPALIVE_TIMEOUT, DEFAULT_KEEPALIVE, DEFAULT_TIMEOUT."""
BACKLOG = 511
"""include/ap_listen.h, DEFAULT_LISTENBACKLOG."""

READ_TIMEOUTS = "a head for 20 s, a body for 20 s; a second more for each 500 bytes, a head for 40 s at most"
"""modules/filters/mod_reqtimeout.c, MRT_DEFAULT_*: it ends slow requests, even if Timeout is longer."""

MODULE_FOLDERS = (
    "/usr/lib/apache2/modules",
    "/usr/lib64/httpd/modules",
    "/usr/lib/httpd/modules",
    "/usr/local/apache2/modules",
)
"""The folders on Debian, Fedora and Arch, and of a build from the sources."""

COMMON_MODULES = ("mpm_event", "unixd", "authz_core", "env", "reqtimeout")
"""Modules of every configuration. Debian's program contains mod_unixd; packages of Apache enable mod_reqtimeout."""

NO_FILES: Mapping[str, str] = MappingProxyType({})

STOP_SIGNAL = signal.SIGTERM
RELOAD_SIGNAL = signal.SIGUSR1
GRACEFUL_SIGNALS = (signal.SIGWINCH,)
QUICK_SIGNALS = (signal.SIGTERM, signal.SIGINT)
"""https://httpd.apache.org/docs/2.4/stopping.html: TERM stops at once, USR1 restarts gracefully, WINCH stops so. INT
has the handler of TERM (server/mpm_unix.c)."""


def found() -> Installation:
    """Return the installation of Apache."""
    return find_system_program("apache2", "-v", r"Apache/(\S+)", "httpd")


def module(name: str) -> Path | None:
    """Return the file of the module `name`, for example `wsgi`; None if it is not installed."""
    return next(filter(Path.is_file, (Path(each, f"mod_{name}.so") for each in MODULE_FOLDERS)), None)


def quoted(value: object) -> str:
    """Return `value` as one quoted word. A configuration has two escapes, and reads ${...} as a variable."""
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"').replace("${", "${dollar}{")
    return f'"{escaped}"'


def command(
    launch: Launch,
    executable: str,
    modules: Iterable[str],
    lines: Iterable[str],
    files: Mapping[str, str] = NO_FILES,
) -> Command:
    """Return Apache's command line with a configuration that loads `modules` and ends with `lines`.

    All its files go into the launch folder, and its log goes to stderr. `files` are written beside the configuration.
    """
    configuration = "\n".join((*_common_directives(launch, modules), *lines, ""))
    return Command(
        (executable, "-f", str(launch.folder / "apache.conf"), "-D", "FOREGROUND"),
        files={"apache.conf": configuration, **files},
        stop_signal=STOP_SIGNAL,
        reload_signal=RELOAD_SIGNAL,
        graceful_signals=GRACEFUL_SIGNALS,
        quick_signals=QUICK_SIGNALS,
    )


def supports(launch: Launch, modules: Iterable[str]) -> str:
    """Return why Apache cannot do what `launch` asks with `modules`, '' if it can."""
    wanted = (*COMMON_MODULES, *modules, *(["ssl"] if launch.identity else []))
    missing = next((each for each in wanted if each != "unixd" and module(each) is None), "")
    return unlimited_timeout_reason(launch) or (f"this Apache has no mod_{missing}" if missing else "")


def unlimited_timeout_reason(launch: Launch) -> str:
    """Return a reason if `launch` asks for unlimited time: Apache with a Timeout of 0 s ends every wait at once."""
    return no_option_for("apache", unlimited_time=launch.settings.timeout == 0)


def processes(launch: Launch) -> list[str]:
    """Return the directives for exactly the number of processes and threads that the settings ask for.

    Apache counts connections instead of requests before it replaces a process.
    """
    workers, threads = launch.settings.workers, launch.settings.threads
    most = launch.settings.max_requests
    lines = [] if most is None else [f"MaxConnectionsPerChild {most}"]
    if threads is not None:
        lines += [f"ThreadLimit {threads}", f"ThreadsPerChild {threads}"]
    if workers is not None:
        total = workers * (threads or THREADS_PER_CHILD)
        lines += [f"ServerLimit {workers}", f"StartServers {workers}", f"MaxRequestWorkers {total}"]
        lines += [f"MinSpareThreads {total}", f"MaxSpareThreads {total + (threads or THREADS_PER_CHILD)}"]
    return lines


def conditions(launch: Launch) -> dict[str, object]:
    """Return Apache's settings with its defaults: it starts more processes when few threads are free."""
    asked = launch.settings
    # MaxRequestWorkers keeps its default for every ThreadsPerChild.
    threads = THREADS_PER_CHILD * SERVER_LIMIT
    most = max(1, min(SERVER_LIMIT, threads // (asked.threads or THREADS_PER_CHILD)))
    return {
        "workers": asked.workers or (f"{START_SERVERS} to {most}" if most > START_SERVERS else most),
        "threads": asked.threads or THREADS_PER_CHILD,
        "keep-alive": KEEP_ALIVE if asked.keep_alive is None else asked.keep_alive,
        "keep-alive requests": KEEP_ALIVE_REQUESTS,
        "timeout": TIMEOUT if asked.timeout is None else math.ceil(asked.timeout),
        "waits for": READ_TIMEOUTS,
        "backlog": asked.backlog or BACKLOG,
    }


def tls(identity: CertificateFiles) -> Iterator[str]:
    """Yield the directives for https on all ports."""
    yield from _load_module("ssl")
    yield "SSLEngine on"
    yield f"SSLCertificateFile {quoted(identity.certificate)}"
    yield f"SSLCertificateKeyFile {quoted(identity.key)}"


def static_modules(launch: Launch) -> list[str]:
    """Return the modules for the static files of the user."""
    return ["alias", "mime"] if launch.static else []


def static_files(launch: Launch, *, passed_on: bool) -> Iterator[str]:
    """Yield the directives for the static files of the user. With `passed_on` a ProxyPass for all paths comes later.

    Apache takes the first ProxyPass and the first Alias that match.
    """
    if launch.static:
        yield "TypesConfig /dev/null"
        yield from (f"AddType {media_type} .{extension}" for extension, media_type in MEDIA_TYPES.items())
    for each in launch.static:
        path = quoted(f"{launch.settings.mount}{each.prefix}/")
        if passed_on:
            yield f"ProxyPass {path} !"
        yield f"Alias {path} {quoted(f'{each.folder}/')}"


def _load_module(name: str) -> Iterator[str]:
    yield f"<IfModule !mod_{name}.c>"
    yield f"LoadModule {name}_module {quoted(_require_module(name))}"
    yield "</IfModule>"


def _common_directives(launch: Launch, modules: Iterable[str]) -> Iterator[str]:
    asked, folder = launch.settings, launch.folder
    yield "Define dollar $"
    yield f"ServerRoot {quoted(folder)}"
    yield f"DefaultRuntimeDir {quoted(folder)}"
    yield f"PidFile {quoted(folder / 'apache.pid')}"
    yield f"Mutex {quoted(f'file:{folder}')} default"
    yield "ErrorLog /dev/stderr"
    # Cases search the log for lines of the app; time and pid before each line would hide them.
    yield "ErrorLogFormat %M"
    yield f"ServerName {'https' if launch.identity else 'http'}://localhost:{launch.address.port}"
    for each in (*COMMON_MODULES, *modules):
        yield from _load_module(each)
    yield f"Listen {launch.address.authority}{' https' if launch.identity else ''}"
    if launch.identity:
        yield from tls(launch.identity)
    if asked.keep_alive is not None:
        yield f"KeepAliveTimeout {math.ceil(asked.keep_alive * 1000)}ms"
    if asked.timeout is not None:
        yield f"Timeout {math.ceil(asked.timeout)}"
    if asked.backlog is not None:
        yield f"ListenBacklog {asked.backlog}"
    yield "<Location />"
    yield "Require all granted"
    yield "</Location>"


def _require_module(name: str) -> Path:
    # Debian's program contains mod_unixd; then Apache does not read the line.
    return module(name) or Path(f"mod_{name}.so")
