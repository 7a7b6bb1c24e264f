"""The uwsgi.ini of a deployment. https://uwsgi-docs.readthedocs.io/en/latest/Configuration.html"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.server import deployment as reasons
from wsgi_gauntlet.harness.server.adapter import Launch, Protocol
from wsgi_gauntlet.harness.server.deployment import (
    ALL_INTERFACES,
    Commented,
    DeploymentFile,
    DeploymentSite,
    commented,
    configuration_text,
)
from wsgi_gauntlet.harness.server.deployment_command import on_path, simple_command
from wsgi_gauntlet.harness.server.static_mapping import mime_types_file

FILE, MIME_TYPES_FILE = "uwsgi.ini", "mime.types"

PLACEHOLDERS = ("%", "$(", "@(")
"""What uWSGI replaces in values, core/config.c; it has no escape."""


@dataclass(frozen=True)
class Worker:
    """The effective settings of uWSGI. `program` are the words before its options.

    `address_option` is the option with the address. `plugins` are those of Debian's uWSGI. `greenlets` is None without
    gevent. `router_keep_alive` are seconds, 0 without. `timeout` (harakiri) are seconds, 0 for no limit.
    `worker_lifetime` are seconds that a worker lives at least.
    """

    program: Sequence[str]
    address_option: str
    plugins: str
    workers: int
    threads: int
    greenlets: int | None
    router_keep_alive: int
    timeout: int
    backlog: int
    master: bool
    worker_lifetime: int


def files(launch: Launch, site: DeploymentSite, worker: Worker) -> tuple[DeploymentFile, ...]:
    """Return the file, and the commands that start uWSGI with it. Raises Unsupported for a path that it cannot hold."""
    path = site.file(FILE)
    for each in (site.folder, *site.python_path, *(str(each.folder) for each in site.static)):
        if any(mark in each for mark in PLACEHOLDERS) or each != each.strip():
            raise Unsupported(f"uWSGI replaces a part of {each} in its configuration: rename the folder")
    variant = f"uwsgi:{launch.variant}" if launch.variant else "uwsgi"
    parts = [commented("", "[uwsgi]"), *_place(launch, site, worker), *_settings(launch, site, worker)]
    argv = [*worker.program, "--ini", FILE]
    on_port = simple_command(on_path(argv, site), {}) if _visitors_connect(launch, site) else ""
    main = DeploymentFile(FILE, configuration_text(variant, site, path, parts), path, simple_command(argv, {}), on_port)
    types = DeploymentFile(MIME_TYPES_FILE, mime_types_file(), site.file(MIME_TYPES_FILE))
    return (main, *((types,) if site.static else ()))


def _visitors_connect(launch: Launch, site: DeploymentSite) -> bool:
    """Return whether no proxy is in front of uWSGI, and it listens on a port for HTTP."""
    tcp = launch.address.host == site.host and not launch.address.path
    return tcp and launch.protocol is Protocol.HTTP and launch.identity is None


def _place(launch: Launch, site: DeploymentSite, worker: Worker) -> Iterator[Commented]:
    where = launch.address.path or launch.address.authority
    option = worker.address_option
    if launch.identity is not None:
        where = f"{where},{launch.identity.certificate},{launch.identity.key}"
    if launch.address.path:
        yield commented("uWSGI listens here. The proxy connects to this socket.", f"{option} = {where}")
        yield commented("Only the user and the group of the server may connect.", "chmod-socket = 660")
    elif _visitors_connect(launch, site):
        yield commented(
            "uWSGI listens here, or on the port in the variable PORT if there is one.",
            "if-env = PORT",
            f"{option} = {ALL_INTERFACES}:%(_)",
            "endif =",
            "if-not-env = PORT",
            f"{option} = {where}",
            "endif =",
        )
    else:
        yield commented("uWSGI listens here.", f"{option} = {where}")
    # uWSGI puts each folder before the earlier ones, plugins/python/python_plugin.c.
    folders = [*reversed(site.python_path), site.folder]
    last_wins = " The last folder wins." if len(folders) > 1 else ""
    yield commented(
        f"Python finds the app's modules here.{last_wins}",
        *(f"pythonpath = {site.relative(each)}" for each in folders),
    )
    if worker.plugins:
        yield commented("Debian's uWSGI has Python in a plugin.", f"plugin = {worker.plugins}")
    yield commented("This is the app. Without it uWSGI ends.", f"module = {launch.app}", "need-app = true")


def _settings(launch: Launch, site: DeploymentSite, worker: Worker) -> Iterator[Commented]:
    if worker.master:
        yield commented("A first process starts the workers and replaces those that die.", "master = true")
    yield commented("The usual signal of services ends uWSGI. By default it restarts it.", "die-on-term = true")
    yield commented(reasons.workers_reason(worker.workers), f"processes = {worker.workers}")
    if worker.greenlets is not None:
        yield commented(
            f"Each process serves up to {worker.greenlets} requests at the same time, because most of them wait.",
            f"gevent = {worker.greenlets}",
        )
        yield commented(
            "Code of the standard library that waits lets other requests run.", "gevent-monkey-patch = true"
        )
    elif launch.settings.threads is None:
        # With threads = 1 uWSGI would start Python's threads, which it does not do by default.
        yield commented("Each process answers one request at a time. For more, write threads = 2 or more.")
    else:
        yield commented(reasons.threads_reason(worker.threads), f"threads = {worker.threads}")
    if worker.router_keep_alive:
        yield commented(
            reasons.keep_alive_reason(worker.router_keep_alive),
            f"http-keepalive = {worker.router_keep_alive}",
            "http-auto-chunked = true",
        )
    if worker.timeout:
        yield commented(
            f"uWSGI kills a process that needs more than {worker.timeout} s for one request, and starts another.",
            f"harakiri = {worker.timeout}",
        )
    yield commented(reasons.backlog_reason(worker.backlog), f"listen = {worker.backlog}")
    if (most := launch.settings.max_requests) is not None:
        yield commented(
            reasons.recycling_reason(most), f"max-requests = {most}", f"min-worker-lifetime = {worker.worker_lifetime}"
        )
    yield commented("A line in the log for each request costs time. It was not measured.", "disable-logging = true")
    if site.static:
        yield commented("Browsers must know the types of static files.", f"mime-file = {MIME_TYPES_FILE}")
    for mapping in site.static:
        yield commented(
            "uWSGI sends these files itself, without the app.", f"static-map = {mapping.prefix}={mapping.folder}"
        )


def program(words: Sequence[str]) -> tuple[tuple[str, ...], str]:
    """Return the words of uWSGI's command before its options without its plugins, and the plugins."""
    words = list(words)
    if "--plugin" not in words:
        return tuple(words), ""
    place = words.index("--plugin")
    return (*words[:place], *words[place + 2 :]), words[place + 1]
