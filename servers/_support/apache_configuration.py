"""What every configuration of Apache has in common here. https://httpd.apache.org/docs/2.4/mod/core.html"""

from __future__ import annotations

import math
import signal
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.server.adapter import Command, Installation, Launch, reject_unsupported
from wsgi_gauntlet.harness.server.certificates import CertificateFiles
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
"""modules/filters/mod_reqtimeout.c, MRT_DEFAULT_*: it ends slow requests whatever Timeout says."""

MODULE_FOLDERS = (
    "/usr/lib/apache2/modules",
    "/usr/lib64/httpd/modules",
    "/usr/lib/httpd/modules",
    "/usr/local/apache2/modules",
)
"""Debian's, Fedora's, Arch's, and the sources' own."""

NO_FILES: Mapping[str, str] = MappingProxyType({})

STOP_SIGNAL = signal.SIGTERM
RELOAD_SIGNAL = signal.SIGUSR1
"""https://httpd.apache.org/docs/2.4/stopping.html: TERM stops at once, USR1 restarts gracefully."""


def found() -> Installation:
    """Return what there is of Apache."""
    return find_system_program("apache2", "-v", r"Apache/(\S+)", "httpd")


def module(name: str) -> Path | None:
    """Return the file of the module `name`, as `wsgi`; None where it is not installed."""
    return next(filter(Path.is_file, (Path(each, f"mod_{name}.so") for each in MODULE_FOLDERS)), None)


def quoted(value: object) -> str:
    """Return `value` as one word of a configuration: it knows two escapes, and takes ${...} for a variable."""
    escaped = str(value).replace("\\", "\\\\").replace('"', '\\"').replace("${", "${dollar}{")
    return f'"{escaped}"'


def command(
    launch: Launch,
    executable: str,
    modules: Iterable[str],
    lines: Iterable[str],
    files: Mapping[str, str] = NO_FILES,
) -> Command:
    """Return Apache's command line with a configuration that loads `modules` and has `lines` at its end.

    All that it writes goes into the launch folder, what it logs to stderr. `files` are written beside it. Raises
    Unsupported for a module that is not installed, and for a time without limit.
    """
    reject_unlimited_timeout(launch)
    configuration = "\n".join((*_common_directives(launch, modules), *lines, ""))
    return Command(
        (executable, "-f", str(launch.folder / "apache.conf"), "-D", "FOREGROUND"),
        files={"apache.conf": configuration, **files},
        stop_signal=STOP_SIGNAL,
        reload_signal=RELOAD_SIGNAL,
    )


def reject_unlimited_timeout(launch: Launch) -> None:
    """Raise Unsupported where no limit of time is asked for: a Timeout of 0 s ends whatever has to be waited for."""
    reject_unsupported("apache", unlimited_time=launch.settings.timeout == 0)


def processes(launch: Launch) -> list[str]:
    """Return the directives that have exactly as many processes and threads as are asked for."""
    workers, threads = launch.settings.workers, launch.settings.threads
    lines = []
    if threads is not None:
        lines += [f"ThreadLimit {threads}", f"ThreadsPerChild {threads}"]
    if workers is not None:
        total = workers * (threads or THREADS_PER_CHILD)
        lines += [f"ServerLimit {workers}", f"StartServers {workers}", f"MaxRequestWorkers {total}"]
        lines += [f"MinSpareThreads {total}", f"MaxSpareThreads {total + (threads or THREADS_PER_CHILD)}"]
    return lines


def conditions(launch: Launch) -> dict[str, object]:
    """Return Apache's settings, its defaults filled in: it starts more processes when few threads are free."""
    asked = launch.settings
    # MaxRequestWorkers stays what its defaults make of it, whatever ThreadsPerChild is.
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
    """Yield the directives that have it speak https on all ports."""
    yield from _load_module("ssl")
    yield "SSLEngine on"
    yield f"SSLCertificateFile {quoted(identity.certificate)}"
    yield f"SSLCertificateKeyFile {quoted(identity.key)}"


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
    # The log's one reader looks for the app's own words; time and pid in front of each line hide them.
    yield "ErrorLogFormat %M"
    yield f"ServerName {'https' if launch.identity else 'http'}://localhost:{launch.address.port}"
    # mod_unixd is part of Debian's program and a file elsewhere; mod_reqtimeout is on wherever Apache is packaged.
    for each in ("mpm_event", "unixd", "authz_core", "env", "reqtimeout", *modules):
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
    file = module(name)
    if file is None and name == "unixd":
        return Path("mod_unixd.so")  # it is part of the program then, and the line never read
    if file is None:
        raise Unsupported(f"this Apache has no mod_{name}")
    return file
