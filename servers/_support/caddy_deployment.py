"""The Caddyfile of a deployment. https://caddyserver.com/docs/caddyfile"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from wsgi_gauntlet.harness.errors import Unsupported
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

INDENT = "\t"
"""Caddy warns about a file that is not indented with tabs."""


@dataclass(frozen=True)
class Proxy:
    """The effective settings of Caddy in seconds. `timeout` is None for no limit."""

    keep_alive: float
    timeout: float | None


def files(launch: Launch, site: DeploymentSite, proxy: Proxy) -> tuple[DeploymentFile, ...]:
    """Return the Caddyfile. Raises Unsupported for folders that it cannot name."""
    for mapping in site.static:
        if set("`{}") & set(str(mapping.folder)):
            raise Unsupported(f"Caddy takes signs in {mapping.folder} for a placeholder: rename the folder")
    path = site.system("/etc/caddy/Caddyfile")
    parts = (*_options(proxy), *_site(launch, site, proxy))
    text = configuration_text("caddy", site, path, parts)
    start = f"sudo caddy validate --config {path} --adapter caddyfile && sudo systemctl restart caddy"
    return (DeploymentFile("Caddyfile", text, path, start),)


def _options(proxy: Proxy) -> Iterator[Commented]:
    times = [
        commented(reasons.keep_alive_reason(proxy.keep_alive), f"idle {_duration(proxy.keep_alive)}"),
        *(
            commented(why, f"{name} {_duration(proxy.timeout)}")
            for name, why in (
                ("read_body", "A visitor has this long to send an upload."),
                ("read_header", "A visitor has this long to send the head of a request."),
                ("write", "A response has this long to arrive."),
            )
            if proxy.timeout is not None
        ),
    ]
    servers = ("servers {", f"{INDENT}timeouts {{", *comment_lines(times, INDENT * 2), f"{INDENT}}}", "}")
    inside = (
        commented("Nothing can change Caddy while it runs. After a change of this file, restart it.", "admin off"),
        commented("", *servers),
    )
    yield commented("", "{", *comment_lines(inside, INDENT), "}", "")


def _site(launch: Launch, site: DeploymentSite, proxy: Proxy) -> Iterator[Commented]:
    scheme, port = ("https" if launch.identity else "http"), launch.address.port
    names = ", ".join(f"{scheme}://{name}:{port}" for name in site.host_names) or f"{scheme}://:{port}"
    why = (
        "These are the names of the site."
        if launch.identity
        else "http was measured. With a name and without `http://` and the port, Caddy gets a certificate by itself."
    )
    yield commented(why, f"{names} {{", *comment_lines(_inside(launch, site, proxy), INDENT), "}")


def _inside(launch: Launch, site: DeploymentSite, proxy: Proxy) -> Iterator[Commented]:
    behind = launch.upstream
    assert behind is not None
    if launch.address.host != ALL_INTERFACES:
        yield commented("Visitors connect to this address.", f"bind {launch.address.host}")
    if launch.identity is not None:
        certificate, key = launch.identity.certificate, launch.identity.key
        yield commented("These files make https possible.", f"tls {_quoted(str(certificate))} {_quoted(str(key))}")
    for mapping in site.static:
        yield commented(
            "Caddy sends these files itself, without the app.",
            f"handle_path {mapping.prefix}/* {{",
            f"{INDENT}root * {_quoted(str(mapping.folder))}",
            f"{INDENT}file_server",
            "}",
        )
    to = f"unix/{behind.path}" if behind.path else behind.authority
    inside: tuple[str, ...] = (f"reverse_proxy {to}",)
    if transport := _transport(proxy, tls=behind.tls):
        inside = (f"reverse_proxy {to} {{", *(f"{INDENT}{line}" for line in transport), "}")
    yield commented("The server with the app listens here.", "handle {", *(f"{INDENT}{line}" for line in inside), "}")


def _transport(proxy: Proxy, *, tls: bool) -> tuple[str, ...]:
    lines = ["tls_insecure_skip_verify"] if tls else []
    if proxy.timeout is not None:
        lines += [f"{name}_timeout {_duration(proxy.timeout)}" for name in ("read", "write")]
    return ("transport http {", *(f"{INDENT}{line}" for line in lines), "}") if lines else ()


def _duration(seconds: float) -> str:
    return f"{seconds:g}s"


def _quoted(text: str) -> str:
    """Return one word; a quote is the only character that needs an escape."""
    return '"' + text.replace('"', '\\"') + '"'
