"""gunicorn: a master that forks workers. https://docs.gunicorn.org/en/stable/settings.html"""

from __future__ import annotations

import getpass
import signal
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from wsgi_gauntlet.harness.server import deployment as reasons
from wsgi_gauntlet.harness.server.adapter import (
    Adapter,
    Command,
    Installation,
    Launch,
    Settings,
    distribution_version,
    no_option_for,
    pip_install_command,
)
from wsgi_gauntlet.harness.server.deployment import DeploymentFile, DeploymentSite
from wsgi_gauntlet.harness.server.deployment_command import command_files
from wsgi_gauntlet.servers._support import gunicorn_configuration, gunicorn_deployment, script_server

WORKERS = 1
THREADS = 1
KEEP_ALIVE = 2
TIMEOUT = 30
BACKLOG = 2048
"""gunicorn's defaults, gunicorn/config.py; unchanged since 19.0."""

GREENLETS = 1000
"""Greenlets of a gevent or eventlet worker: worker_connections in gunicorn/config.py."""

TORNADO_KEEP_ALIVE = 3600
"""Tornado's default, tornado/httpserver.py of 6.6."""

SLOW_SIGTERM_WORKERS = frozenset({"gevent", "eventlet", "tornado"})
"""Workers that check for SIGTERM once a second; the one of Tornado checks twice before it ends."""

EVENTLET_REMOVED_IN = (26, 0)
"""This version removed the eventlet worker: https://docs.gunicorn.org/en/stable/news.html"""
ASGI_ADDED_IN = (24, 0)
"""This version added the ASGI worker and its settings: `versionadded` of asgi_loop in gunicorn/config.py."""
GRACEFUL_SIGNALS = (signal.SIGTERM,)
QUICK_SIGNALS = (signal.SIGINT, signal.SIGQUIT)
"""https://docs.gunicorn.org/en/stable/signals.html: TERM is a graceful shutdown, QUIT and INT are quick ones."""

MEMORY_FOLDER = "/dev/shm"  # noqa: S108 - gunicorn makes a file there that only its user can open
"""The folder for --worker-tmp-dir that gunicorn's documentation advises.

https://docs.gunicorn.org/en/stable/faq.html#how-do-i-avoid-gunicorn-excessively-blocking-in-os-fchmod
"""

UNKNOWN_VERSION = (0, 0)
"""The version of a gunicorn that is not installed, or whose version is no number."""


class Gunicorn(Adapter):
    """gunicorn with its defaults, except for settings that write outside the launch folder."""

    name = "gunicorn"
    title = "gunicorn"
    deployment_guides = ("Django", "Flask")
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
        "eventlet": "a greenlet for each connection in each worker; removed in gunicorn 26.0",
    }
    default_variants = ("gunicorn:sync", "gunicorn:gthread")
    config_patterns = ("*.py",)
    environ_support = "in the environment of its processes, as by its option --env; it has none for environ"
    recycles_workers = True

    def missing_for(self, python: str, variant: str) -> Installation:
        """Return what `variant` lacks: a gunicorn that has the eventlet worker, or the ASGI worker."""
        why, needed = _missing_worker(_version(python), variant)
        return (
            Installation(why=why, get=pip_install_command(python, *needed.split()))
            if why
            else super().missing_for(python, variant)
        )

    def preload(self, launch: Launch) -> tuple[str, ...]:
        """Return modules of the master and of workers that patch nothing.

        gunicorn.config is not among them: when it is imported, it reads the working folder and the environment.
        """
        variant = launch.variant or "sync"
        if launch.config is not None or variant not in ("sync", "gthread"):
            return ()
        return ("argparse", "ssl", "gunicorn.arbiter", "gunicorn.glogging", f"gunicorn.workers.{variant}")

    def supports(self, launch: Launch) -> str:
        if launch.config is not None and not launch.variant:
            return ""  # the file chooses the worker
        return _unsupported_by_worker(launch, launch.variant or "sync")

    def command(self, launch: Launch) -> Command:
        """Return gunicorn's command line; SCRIPT_NAME sets a mount, as its documentation says."""
        if launch.config is not None:
            return _command_with_file(launch, launch.config)
        asked, variant = launch.settings, launch.variant or "sync"
        argv = [launch.python, "-m", "gunicorn", "--bind", _bind(launch), "--worker-class", variant]
        # By default this is /tmp, where a killed worker would leave its file.
        argv += ["--worker-tmp-dir", str(launch.folder)]
        argv += _version_options(launch.python)
        argv += _setting_options(launch, variant)
        if variant == "asgi":
            # By default it uses uvloop if that is installed.
            argv += ["--asgi-loop", "asyncio", *(("--root-path", asked.mount) if asked.mount else ())]
            app = (*argv, script_server.A2WSGI_APP)
            return Command(
                app,
                files=script_server.a2wsgi_files(launch),
                reload_signal=signal.SIGHUP,
                graceful_signals=GRACEFUL_SIGNALS,
                quick_signals=QUICK_SIGNALS,
            )
        return Command(
            (*argv, launch.app),
            environment={"SCRIPT_NAME": asked.mount} if asked.mount else {},
            stop_signal=_stop_signal(variant),
            reload_signal=signal.SIGHUP,
            graceful_signals=GRACEFUL_SIGNALS,
            quick_signals=QUICK_SIGNALS,
        )

    def deployment(self, launch: Launch, site: DeploymentSite) -> tuple[DeploymentFile, ...]:
        """Return gunicorn.conf.py, or for the ASGI worker the command and the module for a2wsgi."""
        variant = launch.variant or "sync"
        asked, effective = launch.settings, self.conditions(launch)
        worker = gunicorn_deployment.Worker(
            variant=variant,
            workers=asked.workers or WORKERS,
            threads=asked.threads or (script_server.A2WSGI_THREADS if variant == "asgi" else THREADS),
            greenlets=GREENLETS if "greenlets" in effective else None,
            # The other workers do not have the setting.
            keep_alive=script_server.whole_seconds(KEEP_ALIVE if asked.keep_alive is None else asked.keep_alive)
            if variant in ("gthread", "gevent", "eventlet", "asgi")
            else None,
            timeout=script_server.whole_seconds(TIMEOUT if asked.timeout is None else asked.timeout) or 0,
            backlog=asked.backlog or BACKLOG,
            version_options=tuple(_version_options(launch.python)),
        )
        if variant == "asgi":
            return self._asgi_files(launch, site, worker)
        return gunicorn_deployment.files(launch, site, worker)

    def _asgi_files(
        self, launch: Launch, site: DeploymentSite, worker: gunicorn_deployment.Worker
    ) -> tuple[DeploymentFile, ...]:
        asked = launch.settings
        settings = replace(
            asked,
            workers=worker.workers,
            keep_alive=worker.keep_alive,
            timeout=worker.timeout,
            backlog=worker.backlog,
        )
        recycling = () if asked.max_requests is None else (
            f"--max-requests: {reasons.recycling_reason(asked.max_requests)}",
        )  # fmt: skip
        return command_files(
            self,
            # The folder is that of --worker-tmp-dir.
            replace(launch, settings=settings, folder=Path(MEMORY_FOLDER)),
            site,
            (
                f"--worker-tmp-dir: files in {MEMORY_FOLDER} are in memory, so that a slow disk delays no worker.",
                f"--workers: {reasons.workers_reason(worker.workers)}",
                "a2wsgi runs the app in threads. Their number is in through_a2wsgi.py.",
                reasons.threads_reason(worker.threads),
                f"--keep-alive: {reasons.keep_alive_reason(worker.keep_alive or 0)}",
                f"--timeout: {gunicorn_deployment.timeout_reason(worker)}",
                f"--backlog: {reasons.backlog_reason(worker.backlog)}",
                *recycling,
            ),
        )

    def tuned_settings(self, variant: str, cores: int) -> Settings:
        """Return (2 x cores) + 1 workers, and 2 x cores threads for gthread.

        https://docs.gunicorn.org/en/stable/design.html#how-many-workers and settings.html#threads
        """
        return Settings(workers=2 * cores + 1, threads=2 * cores if variant == "gthread" else None)

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return gunicorn's settings with its defaults. The sync worker keeps no connection alive."""
        if launch.config is not None:
            return _conditions_with_file(launch, launch.config)
        asked, variant = launch.settings, launch.variant or "sync"
        keep_alive, timeout = script_server.whole_seconds(asked.keep_alive), script_server.whole_seconds(asked.timeout)
        threads = {"gthread": asked.threads or THREADS, "asgi": asked.threads or script_server.A2WSGI_THREADS}
        fixed_keep_alive = {"sync": 0, "tornado": TORNADO_KEEP_ALIVE}
        effective: dict[str, object] = {
            "workers": asked.workers or WORKERS,
            "threads": threads.get(variant, 1),
            "keep-alive": fixed_keep_alive.get(variant, KEEP_ALIVE if keep_alive is None else keep_alive),
            "timeout": TIMEOUT if timeout is None else timeout,
            "backlog": asked.backlog or BACKLOG,
            **script_server.recycling(asked),
        }
        return effective | ({"greenlets": GREENLETS} if variant in ("gevent", "eventlet") else {})


def _bind(launch: Launch) -> str:
    return f"unix:{launch.address.path}" if launch.address.path else launch.address.authority


def _setting_options(launch: Launch, variant: str) -> list[str]:
    asked = launch.settings
    options = script_server.options(
        ("--workers", asked.workers),
        ("--threads", asked.threads if variant in ("sync", "gthread") else None),
        ("--keep-alive", script_server.whole_seconds(asked.keep_alive)),
        ("--timeout", script_server.whole_seconds(asked.timeout)),
        ("--backlog", asked.backlog),
        ("--max-requests", asked.max_requests),
    )
    if launch.identity is not None:
        options += ["--certfile", str(launch.identity.certificate), "--keyfile", str(launch.identity.key)]
    return options


def _stop_signal(variant: str) -> signal.Signals:
    return signal.SIGQUIT if variant in SLOW_SIGTERM_WORKERS else signal.SIGTERM


def _asked_settings(launch: Launch) -> dict[str, object]:
    """Return the settings of the server name, by their names in gunicorn's file."""
    asked = launch.settings
    named: dict[str, object] = {
        "worker_class": launch.variant or None,
        "workers": asked.workers,
        # With more threads gunicorn would replace the sync worker by gthread.
        "threads": 1 if launch.variant == "sync" else asked.threads,
        "keepalive": script_server.whole_seconds(asked.keep_alive),
        "timeout": script_server.whole_seconds(asked.timeout),
        "backlog": asked.backlog,
        "max_requests": asked.max_requests,
    }
    return {name: value for name, value in named.items() if value is not None}


def _command_with_file(launch: Launch, config: Path) -> Command:
    """Return the command with a wrapper of the user's file; it runs in the current folder, like the user's own."""
    settings = _asked_settings(launch)
    effective = gunicorn_configuration.effective(launch.python, config, settings)
    file = launch.folder / "gunicorn_wrapper.conf.py"
    argv = [launch.python, "-m", "gunicorn", "--config", str(file), "--bind", _bind(launch)]
    argv += ["--worker-class", launch.variant] if launch.variant else []
    argv += ["--no-control-socket"] if _version(launch.python) >= (25, 1) else []
    argv += ["--threads", "1"] if launch.variant == "sync" else []
    argv += _setting_options(launch, launch.variant or "gthread")
    now: dict[str, object] = {**settings, "bind": _bind(launch), "wsgi_app": launch.app, "daemon": False}
    now |= {"user": getpass.getuser(), "errorlog": "-"}
    if launch.identity is not None:
        now |= {"certfile": launch.identity.certificate, "keyfile": launch.identity.key}
    files = {file.name: gunicorn_configuration.wrapper(config, settings)}
    environment = {"SCRIPT_NAME": launch.settings.mount} if launch.settings.mount else {}
    app = launch.app
    if effective.worker == "asgi":
        files |= script_server.a2wsgi_files(launch)
        app, environment = script_server.A2WSGI_APP, {"PYTHONPATH": str(launch.folder)}
        argv += ["--asgi-loop", "asyncio", *(("--root-path", launch.settings.mount) if launch.settings.mount else ())]
    return Command(
        (*argv, app),
        environment=environment,
        files=files,
        stop_signal=_stop_signal(effective.worker),
        reload_signal=signal.SIGHUP,
        folder=Path.cwd(),
        overrides=gunicorn_configuration.overrides(effective, now),
        graceful_signals=GRACEFUL_SIGNALS,
        quick_signals=QUICK_SIGNALS,
    )


def _conditions_with_file(launch: Launch, config: Path) -> dict[str, object]:
    found = gunicorn_configuration.effective(launch.python, config, _asked_settings(launch))
    effective: dict[str, object] = {
        "configuration": str(config),
        "worker class": found.worker,
        "workers": found.workers,
        "threads": found.threads if found.worker in ("gthread", "asgi") else 1,
        "keep-alive": {"sync": 0, "tornado": TORNADO_KEEP_ALIVE}.get(found.worker, found.keepalive),
        "timeout": found.timeout,
        "backlog": found.backlog,
    }
    effective |= {"greenlets": found.worker_connections} if found.worker in ("gevent", "eventlet") else {}
    return effective | ({"max-requests": found.max_requests} if found.max_requests else {})


def _unsupported_by_worker(launch: Launch, variant: str) -> str:
    asked = launch.settings
    if variant == "sync":
        if (asked.threads or 1) > 1:
            return "gunicorn's sync worker has one thread; gunicorn:gthread has a pool of them"
        return no_option_for("gunicorn's sync worker", keep_alive=asked.keep_alive)
    if variant in ("gevent", "eventlet") and (asked.threads or 1) > 1:
        return f"gunicorn's {variant} worker has greenlets instead of threads; gunicorn:gthread has threads"
    why, _ = _missing_worker(_version(launch.python), variant)
    if why or variant != "tornado":
        return why
    if (asked.threads or 1) > 1:
        return "gunicorn's tornado worker runs the app on its event loop; gunicorn:gthread has threads"
    # It sets no_keep_alive on the server, which Tornado has ignored since version 4.
    if asked.keep_alive is not None:
        return "gunicorn's tornado worker takes --keep-alive but keeps connections as Tornado does"
    return no_option_for("gunicorn", mounting=asked.mount)


def _missing_worker(version: tuple[int, int], variant: str) -> tuple[str, str]:
    """Return why `version` lacks the worker, and the requirements of one that has it; '' if it has it."""
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
    """Return the options that newer versions need and older ones do not have."""
    version = _version(python)
    options = []
    if version >= (25, 1):  # it listens on a control socket in the home directory
        options.append("--no-control-socket")
    if version >= (25, 2):  # it uses a C parser if one is installed, which behaves differently
        options += ["--http-parser", "python"]
    return options


ADAPTER = Gunicorn()
