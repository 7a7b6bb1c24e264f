"""The haproxy.cfg of a deployment. https://docs.haproxy.org/2.6/configuration.html"""

from __future__ import annotations

import math
from collections.abc import Iterator

from wsgi_gauntlet.harness.server import deployment as reasons
from wsgi_gauntlet.harness.server.adapter import Launch
from wsgi_gauntlet.harness.server.deployment import (
    ALL_INTERFACES,
    Commented,
    DeploymentFile,
    DeploymentSite,
    comment_lines,
    commented,
    configuration_text,
)

INDENT = "    "


def files(launch: Launch, site: DeploymentSite, *, connect: float, timeout: float) -> tuple[DeploymentFile, ...]:
    """Return haproxy.cfg; `connect` and `timeout` are its effective time-outs in seconds."""
    path = site.system("/etc/haproxy/haproxy.cfg")
    sections = (
        ("global", _global(launch, site)),
        ("defaults", _defaults(launch, connect, timeout)),
        (f"frontend {site.service}", _frontend(launch, site)),
        ("backend app", _backend(launch)),
    )
    parts = [commented("", name, *comment_lines(inside, INDENT), "") for name, inside in sections]
    start = f"sudo haproxy -c -f {path} && sudo systemctl restart haproxy"
    return (DeploymentFile("haproxy.cfg", configuration_text("haproxy", site, path, parts), path, start),)


def _global(launch: Launch, site: DeploymentSite) -> Iterator[Commented]:
    yield commented("systemd puts the warnings into its journal.", "log stderr format raw local0 warning")
    yield commented("HAProxy does not stay root.", f"user {site.user}", f"group {site.group}")
    if launch.settings.threads is None:
        yield commented("HAProxy has one thread for each core. For fewer, add nbthread.")
    else:
        threads = launch.settings.threads
        yield commented(
            f"{threads} {'thread passes' if threads == 1 else 'threads pass'} requests on. Measured.",
            f"nbthread {threads}",
        )


def _defaults(launch: Launch, connect: float, timeout: float) -> Iterator[Commented]:
    asked = launch.settings
    yield commented("", "mode http", "log global")
    yield commented(
        "The server with the app must accept a connection in this time.", f"timeout connect {_time(connect)}"
    )
    yield commented(
        "A visitor who sends or takes nothing for this long is disconnected.", f"timeout client {_time(timeout)}"
    )
    yield commented(
        "If the app sends nothing for this long, the visitor gets the error 504.", f"timeout server {_time(timeout)}"
    )
    if asked.keep_alive:
        yield commented(
            reasons.keep_alive_reason(asked.keep_alive), f"timeout http-keep-alive {_time(asked.keep_alive)}"
        )


def _frontend(launch: Launch, site: DeploymentSite) -> Iterator[Commented]:
    asked, address = launch.settings, launch.address
    where = f":{address.port}" if address.host == ALL_INTERFACES else address.authority
    if launch.identity is not None:
        yield commented("This file must hold the certificate, and after it its key.")
        where += f' ssl crt "{launch.identity.certificate}"'
    queue = "" if asked.backlog is None else f" {reasons.backlog_reason(asked.backlog)}"
    where += "" if asked.backlog is None else f" backlog {asked.backlog}"
    yield commented(f"Visitors connect here.{queue}", f"bind {where}")
    if asked.keep_alive == 0:
        yield commented(reasons.keep_alive_reason(0), "option httpclose")
    yield commented(
        "The server learns the visitor's address, and whether they use https. HAProxy replaces what visitors claim.",
        "http-request set-header X-Forwarded-For %[src]",
        f"http-request set-header X-Forwarded-Proto {'https' if launch.identity else 'http'}",
    )
    for mapping in site.static:
        yield commented(f"HAProxy sends no files: the app gets the requests for {mapping.prefix}/.")
    yield commented("", "default_backend app")


def _backend(launch: Launch) -> Iterator[Commented]:
    behind = launch.upstream
    assert behind is not None
    where = f"unix@{behind.path}" if behind.path else behind.authority
    yield commented(
        "The server with the app listens here.", f"server app {where}{' ssl verify none' if behind.tls else ''}"
    )


def _time(seconds: float) -> str:
    return f"{int(seconds)}s" if seconds == int(seconds) else f"{math.ceil(seconds * 1000)}ms"
