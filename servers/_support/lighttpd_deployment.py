"""The lighttpd.conf of a deployment. https://redmine.lighttpd.net/projects/lighttpd/wiki/Docs_ModProxy"""

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
    commented,
    configuration_text,
)
from wsgi_gauntlet.harness.server.static_mapping import DEFAULT_MEDIA_TYPE, MEDIA_TYPES
from wsgi_gauntlet.servers._support import lighttpd_configuration
from wsgi_gauntlet.servers._support.lighttpd_configuration import quoted


def files(launch: Launch, site: DeploymentSite, server: str) -> tuple[DeploymentFile, ...]:
    """Return lighttpd.conf; `server` is the address behind, as mod_proxy takes it."""
    path = site.system("/etc/lighttpd/lighttpd.conf")
    text = configuration_text("lighttpd", site, path, _directives(launch, site, server))
    start = f"sudo lighttpd -tt -f {path} && sudo systemctl restart lighttpd"
    return (DeploymentFile("lighttpd.conf", text, path, start),)


def _directives(launch: Launch, site: DeploymentSite, server: str) -> Iterator[Commented]:
    asked, address, default = launch.settings, launch.address, lighttpd_configuration
    modules = [*(["mod_openssl"] if launch.identity else []), *(["mod_alias"] if site.static else []), "mod_proxy"]
    yield commented("", f"server.modules = ( {', '.join(map(quoted, modules))} )")
    yield commented("lighttpd sends files only from the folders below.", 'server.document-root = "/nonexistent"')
    yield commented(
        "lighttpd does not stay root.",
        f"server.username = {quoted(site.user)}",
        f"server.groupname = {quoted(site.group)}",
    )
    lines = [f"server.port = {address.port}"]
    if address.host != ALL_INTERFACES:
        lines.append(f"server.bind = {quoted(f'[{address.host}]' if ':' in address.host else address.host)}")
    yield commented("Visitors connect here.", *lines)
    if launch.identity is not None:
        yield commented(
            "These files make https possible.",
            'ssl.engine = "enable"',
            f"ssl.pemfile = {quoted(launch.identity.certificate)}",
            f"ssl.privkey = {quoted(launch.identity.key)}",
        )
    if (workers := asked.workers or 1) > 1:
        yield commented(f"{workers} processes pass requests on. Measured.", f"server.max-worker = {workers}")
    keep_alive = math.ceil(default.KEEP_ALIVE if asked.keep_alive is None else asked.keep_alive)
    yield commented(reasons.keep_alive_reason(keep_alive), f"server.max-keep-alive-idle = {keep_alive}")
    timeout = math.ceil(default.READ_IDLE if asked.timeout is None else asked.timeout)
    yield commented("A visitor who sends nothing for this long is disconnected.", f"server.max-read-idle = {timeout}")
    if asked.timeout is not None:
        yield commented(
            "A visitor who takes nothing for this long is disconnected.", f"server.max-write-idle = {timeout}"
        )
    backlog = asked.backlog or default.BACKLOG
    yield commented(reasons.backlog_reason(backlog), f"server.listen-backlog = {backlog}")
    passed_on = f'proxy.server = ( "" => (( {server} )) )'
    if not site.static:
        yield commented("The server with the app listens here.", passed_on)
        return
    types = ", ".join(f'".{extension}" => "{media_type}"' for extension, media_type in MEDIA_TYPES.items())
    yield commented(
        "Browsers must know the types of static files.", f'mimetype.assign = ( {types}, "" => "{DEFAULT_MEDIA_TYPE}" )'
    )
    aliases = ", ".join(f"{quoted(f'{each.prefix}/')} => {quoted(f'{each.folder}/')}" for each in site.static)
    yield commented("lighttpd sends these files itself, without the app.", f"alias.url = ( {aliases} )")
    prefixes = "|".join(each.prefix.replace(".", "[.]") for each in site.static)
    yield commented(
        "All other requests go to the server with the app, which listens here.",
        f'$HTTP["url"] !~ "^({prefixes})/" {{',
        f"    {passed_on}",
        "}",
    )
