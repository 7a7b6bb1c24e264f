"""The common part of all configurations of lighttpd. https://redmine.lighttpd.net/projects/lighttpd/wiki"""

from __future__ import annotations

import math
import signal
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType

from wsgi_gauntlet.harness.server.adapter import Command, Installation, Launch, no_option_for
from wsgi_gauntlet.servers._support.system_programs import find_system_program

KEEP_ALIVE = 5
KEEP_ALIVE_REQUESTS = 1000
READ_IDLE = 60
BACKLOG = 1024
"""lighttpd's defaults, src/configfile.c and src/network.c of 1.4."""

MODULE_FOLDERS = ("/usr/lib/lighttpd", "/usr/lib64/lighttpd", "/usr/local/lib")
"""On Debian and Fedora, and of the sources."""

NO_FILES: Mapping[str, str] = MappingProxyType({})


def found() -> Installation:
    """Return the installation of lighttpd."""
    return find_system_program("lighttpd", "-v", r"lighttpd/(\S+)")


@lru_cache(maxsize=1)
def has_tls() -> bool:
    """Return whether its module for OpenSSL is installed: Debian has it in another package."""
    return any(Path(each, "mod_openssl.so").is_file() for each in MODULE_FOLDERS)


def quoted(value: object) -> str:
    """Return `value` as a string of a configuration, which has one escape; any other backslash stands for itself."""
    escaped = str(value).replace('"', '\\"')
    return f'"{escaped}"'


def command(
    launch: Launch, executable: str, modules: Iterable[str], lines: Iterable[str], files: Mapping[str, str] = NO_FILES
) -> Command:
    """Return lighttpd's command line with a configuration that loads `modules` and ends with `lines`.

    All its files go into the launch folder, its log to stderr. `files` are written beside the configuration.
    """
    configuration = "\n".join((*_common_directives(launch, modules), *lines, ""))
    return run_command(executable, str(launch.folder / "lighttpd.conf"), {"lighttpd.conf": configuration, **files})


def run_command(executable: str, file: str, files: Mapping[str, str]) -> Command:
    """Return lighttpd's command line for the configuration `file`."""
    return Command(
        (executable, "-D", "-f", file),
        files=files,
        # https://redmine.lighttpd.net/projects/lighttpd/wiki/Docs_StopOrRestart: INT waits for requests, TERM does not.
        stop_signal=signal.SIGTERM,
        reload_signal=signal.SIGUSR1,
        graceful_signals=(signal.SIGINT,),
        quick_signals=(signal.SIGTERM,),
    )


def supports(launch: Launch) -> str:
    """Return why lighttpd cannot do what `launch` asks, '' if it can."""
    asked = launch.settings
    if launch.identity is not None and not has_tls():
        return "lighttpd has no mod_openssl; get it with: apt-get install lighttpd-mod-openssl"
    # A time-out of 0 s becomes one of less than 1 s.
    return no_option_for("lighttpd", threads=(asked.threads or 1) > 1, unlimited_time=asked.timeout == 0)


def conditions(launch: Launch) -> dict[str, object]:
    """Return lighttpd's settings with its defaults: one process with one thread."""
    asked = launch.settings
    return {
        "workers": asked.workers or 1,
        "threads": 1,
        "keep-alive": KEEP_ALIVE if asked.keep_alive is None else math.ceil(asked.keep_alive),
        "keep-alive requests": KEEP_ALIVE_REQUESTS,
        "timeout": READ_IDLE if asked.timeout is None else math.ceil(asked.timeout),
        "backlog": asked.backlog or BACKLOG,
    }


def _common_directives(launch: Launch, modules: Iterable[str]) -> Iterator[str]:
    names = [*(["openssl"] if launch.identity else []), *modules]
    yield f"server.modules = ( {', '.join(quoted(f'mod_{each}') for each in names)} )"
    yield f"server.document-root = {quoted(launch.folder / 'nothing')}"
    yield from (f"{name} = {value}" for name, value in own_directives(launch).items())


def own_directives(launch: Launch) -> dict[str, str]:
    """Return the directives of the harness: the address, the certificate, the logs, and the settings asked for."""
    asked, address = launch.settings, launch.address
    own = {"server.upload-dirs": f"( {quoted(launch.folder)} )", "server.errorlog": '"/dev/stderr"'}
    if address.path:
        own["server.bind"] = quoted(address.path)
    else:
        own["server.bind"] = quoted(f"[{address.host}]" if ":" in address.host else address.host)
        own["server.port"] = str(address.port)
    if launch.identity is not None:
        own["ssl.engine"] = '"enable"'
        own["ssl.pemfile"] = quoted(launch.identity.certificate)
        own["ssl.privkey"] = quoted(launch.identity.key)
    if asked.workers is not None and asked.workers > 1:
        own["server.max-worker"] = str(asked.workers)
    if asked.keep_alive is not None:
        own["server.max-keep-alive-idle"] = str(math.ceil(asked.keep_alive))
    if asked.timeout is not None:
        own["server.max-read-idle"] = own["server.max-write-idle"] = str(math.ceil(asked.timeout))
    if asked.backlog is not None:
        own["server.listen-backlog"] = str(asked.backlog)
    return own
