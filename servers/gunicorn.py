"""gunicorn: a master that forks workers. https://docs.gunicorn.org/en/stable/settings.html"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import ClassVar

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.server.adapter import (
    Adapter,
    Command,
    Installation,
    Launch,
    Protocol,
    Settings,
    distribution_version,
    pip_install_command,
    reject_unsupported,
)
from wsgi_gauntlet.servers._support import a2wsgi_bridge, script_server

WORKERS = 1
THREADS = 1
KEEP_ALIVE = 2
TIMEOUT = 30
BACKLOG = 2048
"""gunicorn's own defaults, gunicorn/config.py; unchanged since 19.0."""

GREENLETS = 1000
"""Greenlets of a gevent or eventlet worker: worker_connections in gunicorn/config.py."""

TORNADO_KEEP_ALIVE = 3600
"""Tornado's own, tornado/httpserver.py of 6.6."""

SLOW_SIGTERM_WORKERS = frozenset({"gevent", "eventlet", "tornado"})
"""Workers that look once a second whether SIGTERM has come, and the one of Tornado twice before it ends."""

EVENTLET_REMOVED_IN = (26, 0)
"""The eventlet worker was removed then: https://docs.gunicorn.org/en/stable/news.html"""
ASGI_ADDED_IN = (24, 0)
"""The ASGI worker came then, with its settings: `versionadded` of asgi_loop in gunicorn/config.py."""
UNKNOWN_VERSION = (0, 0)
"""What stands for the version of a gunicorn that is not there, or does not say it in numbers."""


class Gunicorn(Adapter):
    """gunicorn, with its own defaults but for what would write outside the launch folder."""

    name = "gunicorn"
    title = "gunicorn"
    distribution = "gunicorn"
    requires = ("gunicorn", "gevent", "tornado", "a2wsgi")
    extra_requirements: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "gevent": ("gevent",),
        "tornado": ("tornado",),
        "asgi": ("a2wsgi",),
        "eventlet": ("eventlet",),
    }
    variants: ClassVar[Mapping[str, str]] = {
        "sync": "one request at a time in each worker, no keep-alive",
        "gthread": "a pool of threads in each worker",
        "gevent": "a greenlet for each connection in each worker",
        "tornado": "Tornado's HTTP server in each worker, one request at a time",
        "asgi": "its ASGI worker, the app in a pool of threads through a2wsgi's WSGIMiddleware",
        "eventlet": "a greenlet for each connection in each worker; gone since gunicorn 26.0",
    }
    default_variants = ("gunicorn:sync", "gunicorn:gthread")
    environ_support = "in the environment of its processes, as by its option --env; it has none for environ"

    def missing_for(self, python: str, variant: str) -> Installation:
        """Return what `variant` lacks: a gunicorn that still has the eventlet worker, or has the ASGI worker yet."""
        why, needed = _missing_worker(_version(python), variant)
        return (
            Installation(why=why, get=pip_install_command(python, *needed.split()))
            if why
            else super().missing_for(python, variant)
        )

    def command(self, launch: Launch) -> Command:
        """Return gunicorn's command line; a mount is told to it by SCRIPT_NAME, as its documentation says."""
        asked, variant = launch.settings, launch.variant or "sync"
        _require_supported(launch, variant)
        bind = f"unix:{launch.address.path}" if launch.address.path else launch.address.authority
        argv = [launch.python, "-m", "gunicorn", "--bind", bind, "--worker-class", variant]
        # Its default is /tmp, where a killed worker would leave its file.
        argv += ["--worker-tmp-dir", str(launch.folder)]
        argv += _version_options(launch.python)
        for option, value in (
            ("--workers", asked.workers),
            ("--threads", asked.threads if variant in ("sync", "gthread") else None),
            ("--keep-alive", script_server.whole_seconds(asked.keep_alive)),
            ("--timeout", script_server.whole_seconds(asked.timeout)),
            ("--backlog", asked.backlog),
        ):
            if value is not None:
                argv += [option, str(value)]
        if launch.identity is not None:
            argv += ["--certfile", str(launch.identity.certificate), "--keyfile", str(launch.identity.key)]
        if variant == "asgi":
            # Its event loop is uvloop where that is installed, as the parser is another where it is.
            argv += ["--asgi-loop", "asyncio", *(("--root-path", asked.mount) if asked.mount else ())]
            app = (*argv, a2wsgi_bridge.MODULE_APP)
            return Command(app, files=a2wsgi_bridge.files(launch), reload_signal=signal.SIGHUP)
        environment = {"SCRIPT_NAME": asked.mount} if asked.mount else {}
        stop_signal = signal.SIGQUIT if variant in SLOW_SIGTERM_WORKERS else signal.SIGTERM
        return Command(
            (*argv, launch.app), environment=environment, stop_signal=stop_signal, reload_signal=signal.SIGHUP
        )

    def tuned_settings(self, variant: str, cores: int) -> Settings:
        """Return (2 x cores) + 1 workers, and for gthread the 2 x cores threads that its settings begin with.

        https://docs.gunicorn.org/en/stable/design.html#how-many-workers and settings.html#threads
        """
        return Settings(workers=2 * cores + 1, threads=2 * cores if variant == "gthread" else None)

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return gunicorn's settings, its defaults filled in. The sync worker keeps no connection alive."""
        asked, variant = launch.settings, launch.variant or "sync"
        keep_alive, timeout = script_server.whole_seconds(asked.keep_alive), script_server.whole_seconds(asked.timeout)
        threads = {"gthread": asked.threads or THREADS, "asgi": asked.threads or a2wsgi_bridge.THREADS}
        fixed_keep_alive = {"sync": 0, "tornado": TORNADO_KEEP_ALIVE}
        effective: dict[str, object] = {
            "workers": asked.workers or WORKERS,
            "threads": threads.get(variant, 1),
            "keep-alive": fixed_keep_alive.get(variant, KEEP_ALIVE if keep_alive is None else keep_alive),
            "timeout": TIMEOUT if timeout is None else timeout,
            "backlog": asked.backlog or BACKLOG,
        }
        return effective | ({"greenlets": GREENLETS} if variant in ("gevent", "eventlet") else {})


def _require_supported(launch: Launch, variant: str) -> None:
    """Raise Unsupported for what this worker has no option for, some of which it would take and ignore."""
    asked = launch.settings
    if launch.protocol is not Protocol.HTTP:
        raise Unsupported(f"gunicorn does not speak {launch.protocol} here")
    if variant == "sync":
        if (asked.threads or 1) > 1:
            raise Unsupported("gunicorn's sync worker has one thread; gunicorn:gthread has a pool of them")
        reject_unsupported("gunicorn's sync worker", keep_alive=asked.keep_alive)
    if variant in ("gevent", "eventlet") and (asked.threads or 1) > 1:
        raise Unsupported(
            f"gunicorn's {variant} worker has greenlets in place of threads; gunicorn:gthread has threads"
        )
    why, _ = _missing_worker(_version(launch.python), variant)
    if why:
        raise Unsupported(why)
    if variant == "tornado":
        if (asked.threads or 1) > 1:
            raise Unsupported("gunicorn's tornado worker runs the app on its event loop; gunicorn:gthread has threads")
        # It sets no_keep_alive on the server, where Tornado has not looked for it since version 4.
        if asked.keep_alive is not None:
            raise Unsupported("gunicorn's tornado worker takes --keep-alive but keeps connections as Tornado does")
        reject_unsupported("gunicorn", mounting=asked.mount)


def _missing_worker(version: tuple[int, int], variant: str) -> tuple[str, str]:
    """Return why `version` has no such worker, '' where it has, and what to install for one that does."""
    if variant == "eventlet" and version >= EVENTLET_REMOVED_IN:
        return "gunicorn has had no eventlet worker since version 26.0", "gunicorn<26 eventlet"
    if variant == "asgi" and UNKNOWN_VERSION < version < ASGI_ADDED_IN:
        return "gunicorn has no ASGI worker before version 24.0", "gunicorn>=24 a2wsgi"
    return "", ""


def _version(python: str) -> tuple[int, int]:
    major, _, rest = distribution_version(python, "gunicorn").partition(".")
    minor = rest.partition(".")[0]
    return int(major) if major.isdigit() else 0, int(minor) if minor.isdigit() else 0


def _version_options(python: str) -> list[str]:
    """Return the options that newer versions need and older ones do not know."""
    version = _version(python)
    options = []
    if version >= (25, 1):  # from then on it listens on a control socket in the home directory
        options.append("--no-control-socket")
    if version >= (25, 2):  # the C parser that it takes from then on, where it finds it, gives other answers
        options += ["--http-parser", "python"]
    return options


ADAPTER = Gunicorn()
