"""The virtual host of Apache in a deployment. https://httpd.apache.org/docs/2.4/mod/mod_proxy.html"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

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
from wsgi_gauntlet.servers._support import apache_configuration
from wsgi_gauntlet.servers._support.apache_configuration import quoted

DEFAULT_SITE = "000-default"
"""The site that Debian's package switches on."""

USUAL_PORTS = (80, 443)
"""The ports that packages of Apache listen on: on 443 if mod_ssl is loaded."""


def files(launch: Launch, site: DeploymentSite, modules: Sequence[str], url: str) -> tuple[DeploymentFile, ...]:
    """Return the virtual host that passes requests on to `url`; it needs `modules`. Raises Unsupported."""
    for mapping in site.static:
        if "${" in str(mapping.folder):
            raise Unsupported(f"Apache takes the $ in {mapping.folder} for a variable: rename the folder")
    tls = ["ssl"] if launch.identity else []
    needed = dict.fromkeys((*modules, *(["alias"] if site.static else []), *tls))
    name = f"{site.service}.conf"
    path = site.system(f"/etc/apache2/sites-available/{name}")
    parts = (*_server_settings(launch), *_virtual_host(launch, site, url))
    start = f"sudo a2enmod {' '.join(needed)} && sudo a2ensite {site.service} && sudo systemctl restart apache2"
    if not site.host_names:
        # Without a name, requests for all hosts reach the first site of the port by name: Debian's own page.
        start = f"sudo a2dissite {DEFAULT_SITE}; {start}"
    return (DeploymentFile(name, configuration_text("apache", site, path, parts), path, start),)


def _server_settings(launch: Launch) -> Iterator[Commented]:
    """Yield the settings outside the virtual host: they apply to all of Apache."""
    asked, address = launch.settings, launch.address
    if processes := apache_configuration.processes(launch):
        yield commented(_processes_reason(launch), *processes)
    if asked.backlog is not None:
        yield commented(reasons.backlog_reason(asked.backlog), f"ListenBacklog {asked.backlog}")
    if address.port not in USUAL_PORTS or address.host != ALL_INTERFACES:
        where = str(address.port) if address.host == ALL_INTERFACES else address.authority
        yield commented("Visitors connect here.", f"Listen {where}{' https' if launch.identity else ''}")


def _processes_reason(launch: Launch) -> str:
    workers, threads = launch.settings.workers, launch.settings.threads
    texts = (
        f"{workers} {'process passes' if workers == 1 else 'processes pass'} requests on." if workers else "",
        f"Each process handles {threads} requests at the same time." if threads else "",
        "Apache replaces a process after this many connections." if launch.settings.max_requests else "",
    )
    return " ".join((*filter(None, texts), "This applies to all sites."))


def _virtual_host(launch: Launch, site: DeploymentSite, url: str) -> Iterator[Commented]:
    yield commented(
        "",
        f"<VirtualHost *:{launch.address.port}>",
        *comment_lines(_inside(launch, site, url), "    "),
        "</VirtualHost>",
    )


def _inside(launch: Launch, site: DeploymentSite, url: str) -> Iterator[Commented]:
    asked, behind = launch.settings, launch.upstream
    assert behind is not None
    if site.host_names:
        first, *others = site.host_names
        aliases = (f"ServerAlias {' '.join(others)}",) if others else ()
        yield commented("The names of the site.", f"ServerName {first.removeprefix('*.')}", *aliases)
    if launch.identity is not None:
        yield commented(
            "These files make https possible.",
            "SSLEngine on",
            f"SSLCertificateFile {quoted(launch.identity.certificate)}",
            f"SSLCertificateKeyFile {quoted(launch.identity.key)}",
        )
    keep_alive = apache_configuration.KEEP_ALIVE if asked.keep_alive is None else asked.keep_alive
    yield commented(reasons.keep_alive_reason(keep_alive), f"KeepAliveTimeout {_seconds(keep_alive)}")
    timeout = math.ceil(apache_configuration.TIMEOUT if asked.timeout is None else asked.timeout)
    yield commented(
        f"Apache ends a request if the visitor or the app does nothing for {timeout} s.", f"Timeout {timeout}"
    )
    yield commented("The app sees the host name that the visitor asked for.", "ProxyPreserveHost On")
    for mapping in site.static:
        yield commented(
            "Apache sends these files itself, without the app.",
            f"Alias {mapping.prefix}/ {quoted(f'{mapping.folder}/')}",
            f"ProxyPass {mapping.prefix}/ !",
            f"<Directory {quoted(mapping.folder)}>",
            "    Require all granted",
            "</Directory>",
        )
    if behind.tls:
        yield commented("The server with the app uses https.", "SSLProxyEngine On", "SSLProxyCheckPeerName Off")
    yield commented("The server with the app listens here.", f"ProxyPass / {quoted(url)}")


def _seconds(seconds: float) -> str:
    return str(int(seconds)) if seconds == int(seconds) else f"{math.ceil(seconds * 1000)}ms"
