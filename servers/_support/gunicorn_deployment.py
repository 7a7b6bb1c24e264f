"""The gunicorn.conf.py of a deployment. https://docs.gunicorn.org/en/stable/settings.html"""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from wsgi_gauntlet.harness.server import deployment as reasons
from wsgi_gauntlet.harness.server.adapter import Launch
from wsgi_gauntlet.harness.server.deployment import (
    ALL_INTERFACES,
    Commented,
    DeploymentFile,
    DeploymentSite,
    commented,
    configuration_text,
)
from wsgi_gauntlet.harness.server.deployment_command import environment, on_path, platform_command, simple_command

FILE = "gunicorn.conf.py"

VERSION_SETTINGS = {
    "--no-control-socket": commented("Nothing uses gunicorn's control socket here.", "control_socket_disable = True"),
    "--http-parser": commented(
        "The parser that was measured, also if another one is installed.", 'http_parser = "python"'
    ),
}
"""The settings for options that newer versions need."""


@dataclass(frozen=True)
class Worker:
    """The effective settings of gunicorn's workers.

    `greenlets` and `keep_alive` are None for workers without them. Times are in seconds. `version_options` are options
    that the measured version needs.
    """

    variant: str
    workers: int
    threads: int
    greenlets: int | None
    keep_alive: int | None
    timeout: int
    backlog: int
    version_options: tuple[str, ...]


def files(launch: Launch, site: DeploymentSite, worker: Worker) -> tuple[DeploymentFile, ...]:
    """Return the file, and the commands that start gunicorn with it."""
    path = site.file(FILE)
    text = configuration_text(f"gunicorn:{worker.variant}", site, path, _settings(launch, worker))
    argv = [site.python, "-m", "gunicorn", "--config", FILE, site.app]
    on_port = ""
    if not launch.address.path and launch.identity is None:
        *program, app = on_path(argv, site)
        words = (shlex.join(program), f"--bind {ALL_INTERFACES}:$PORT", shlex.quote(app))
        on_port = platform_command(site, words, environment(site, argv))
    return (DeploymentFile(FILE, text, path, simple_command(argv, environment(site, argv)), on_port),)


def _settings(launch: Launch, worker: Worker) -> Iterator[Commented]:
    address = f"unix:{launch.address.path}" if launch.address.path else launch.address.authority
    yield commented("gunicorn listens here.", f'bind = "{address}"')
    yield commented(reasons.workers_reason(worker.workers), f"workers = {worker.workers}")
    # With more than one thread gunicorn would replace the sync worker by gthread.
    yield commented(
        "This worker was measured. The other workers have other limits.", f'worker_class = "{worker.variant}"'
    )
    if worker.greenlets is None:
        yield commented(reasons.threads_reason(worker.threads), f"threads = {worker.threads}")
    else:
        yield commented(
            f"Each process serves up to {worker.greenlets} connections at the same time, because most of them wait.",
            f"worker_connections = {worker.greenlets}",
        )
    if worker.keep_alive is not None:
        yield commented(reasons.keep_alive_reason(worker.keep_alive), f"keepalive = {worker.keep_alive}")
    yield commented(timeout_reason(worker), f"timeout = {worker.timeout}")
    yield commented(reasons.backlog_reason(worker.backlog), f"backlog = {worker.backlog}")
    if (most := launch.settings.max_requests) is not None:
        yield commented(reasons.recycling_reason(most), f"max_requests = {most}")
    if launch.identity is not None:
        yield commented(
            "These files make https possible.",
            f"certfile = {str(launch.identity.certificate)!r}",
            f"keyfile = {str(launch.identity.key)!r}",
        )
    yield from (VERSION_SETTINGS[each] for each in worker.version_options if each in VERSION_SETTINGS)


def timeout_reason(worker: Worker) -> str:
    """Say what gunicorn's timeout does."""
    if not worker.timeout:
        return "gunicorn waits without limit for a worker that is stuck."
    if worker.variant == "sync":
        return f"gunicorn kills a process that needs more than {worker.timeout} s for one request, and starts another."
    return f"gunicorn kills a process that gives no sign of life for {worker.timeout} s, and starts another."
