"""The files of nginx in a deployment: its own configuration, and the site.

The directives that pass requests on are those of the measured configuration (nginx_configuration.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.http.address import Address
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
from wsgi_gauntlet.servers._support.nginx_configuration import (
    GZIP_TYPES,
    MAX_BODY_MEGABYTES,
    duration,
    format_address,
    proxy_directives,
    quoted,
    upstream_address,
    upstream_block,
    uses_upstream_block,
)

WAITS = {
    "client_header_timeout": "A visitor has this long to send the head of a request.",
    "client_body_timeout": "A visitor who sends nothing of an upload for this long is disconnected.",
    "send_timeout": "A visitor who takes nothing of a response for this long is disconnected.",
}
READ_WAIT = "If the app sends nothing for this long, the visitor gets the error 504."

WHY: Mapping[str, str] = {
    "proxy_pass": "The server with the app listens here.",
    "uwsgi_pass": "uWSGI listens here.",
    "uwsgi_param": "uWSGI needs these parts of each request.",
    "proxy_set_header Host": "The app sees the host name that the visitor asked for.",
    "proxy_http_version": "Connections to the server stay open, and the next request uses them.",
    "proxy_set_header Connection": "",
    "proxy_buffering": "nginx passes responses on at once. A slow visitor then holds a worker of the app.",
    "uwsgi_buffering": "nginx passes responses on at once. A slow visitor then holds a worker of the app.",
    "proxy_request_buffering": "nginx passes uploads on at once. A slow visitor then holds a worker of the app.",
    "uwsgi_request_buffering": "nginx passes uploads on at once. A slow visitor then holds a worker of the app.",
    "proxy_cache": "nginx keeps responses and sends them again without the app.",
    "uwsgi_cache": "nginx keeps responses and sends them again without the app.",
    "proxy_cache_key": "Two requests have the same response if these are the same.",
    "uwsgi_cache_key": "Two requests have the same response if these are the same.",
    "proxy_cache_valid": "Responses that name no time are kept for this long.",
    "uwsgi_cache_valid": "Responses that name no time are kept for this long.",
}
"""The reason for each directive in `location /`, by its first word, or by both words of a header."""

CACHE_KEY = '"$scheme$http_host$request_uri"'
"""The measured key without the header of the harness."""

NAME = "nginx"


@dataclass(frozen=True)
class Proxy:
    """The effective settings of nginx. Times are in seconds.

    `rlimit`: it needs more open files than the system allows. `backlog` is None for nginx's default.
    """

    workers: int
    connections: int
    rlimit: bool
    keep_alive: float
    timeout: float
    backlog: int | None


def files(launch: Launch, site: DeploymentSite, proxy: Proxy) -> tuple[DeploymentFile, ...]:
    """Return the site and nginx.conf. Raises Unsupported for folders that nginx cannot name."""
    for mapping in site.static:
        if "$" in str(mapping.folder):
            raise Unsupported(f"nginx takes the $ in {mapping.folder} for a variable: rename the folder")
    if "static" in launch.settings.features:
        raise Unsupported("nginx[static] has the files of the test app: use --static for those of your app")
    place = site.system(f"/etc/nginx/conf.d/{site.service}.conf")
    main = site.system("/etc/nginx/nginx.conf")
    start = "sudo nginx -t && sudo systemctl restart nginx"
    return (
        DeploymentFile(
            f"{site.service}.conf", configuration_text(NAME, site, place, _site(launch, site, proxy)), place, start
        ),
        DeploymentFile("nginx.conf", configuration_text(NAME, site, main, _main(site, proxy)), main),
    )


def _main(site: DeploymentSite, proxy: Proxy) -> Iterator[Commented]:
    yield commented("It replaces your system's file. To keep that, set worker_processes and worker_connections there.")
    yield commented("nginx reads the files of the site as this user.", f"user {site.user} {site.group};")
    yield commented(
        f"{proxy.workers} {'process passes' if proxy.workers == 1 else 'processes pass'} requests on. Measured.",
        f"worker_processes {proxy.workers};",
    )
    if proxy.rlimit:
        yield commented(
            "Each connection needs two open files: one for the visitor, one for the server.",
            f"worker_rlimit_nofile {2 * proxy.connections};",
        )
    yield commented("", f"pid {quoted(site.system('/run/nginx.pid'))};")
    yield commented("", f"error_log {quoted(site.system('/var/log/nginx/error.log'))};")
    yield commented(
        f"Each process has up to {proxy.connections} connections. A visitor needs two of them. Measured.",
        "events {",
        f"    worker_connections {proxy.connections};",
        "}",
        "http {",
    )
    inside = (
        commented(
            "Browsers must know the types of static files.", f"include {quoted(site.system('/etc/nginx/mime.types'))};"
        ),
        commented("A line in the log for each request costs time. It was not measured.", "access_log off;"),
        commented("", f"include {quoted(site.system('/etc/nginx/conf.d/*.conf'))};"),
    )
    yield commented("", *comment_lines(inside, "    "), "}")


def _site(launch: Launch, site: DeploymentSite, proxy: Proxy) -> Iterator[Commented]:
    behind = launch.upstream
    assert behind is not None
    features = launch.settings.features
    module = "uwsgi" if proxy_directives(launch, behind, "x")[0].startswith("uwsgi") else "proxy"
    if "cache" in features:
        path = quoted(site.system(f"/var/cache/nginx-{site.service}"))
        zone = f"keys_zone={_zone(site)}:1m"
        yield commented("nginx keeps responses in this folder.", f"{module}_cache_path {path} {zone};")
    if uses_upstream_block(launch):
        _, *inside = upstream_block(launch)
        yield commented("Connections to this server can stay open.", f"upstream {site.service} {{", *inside)
    yield commented("", "server {", *comment_lines(_server(launch, site, proxy, module), "    "), "}")


def _server(launch: Launch, site: DeploymentSite, proxy: Proxy, module: str) -> Iterator[Commented]:
    features, behind = launch.settings.features, launch.upstream
    assert behind is not None
    queue = "" if proxy.backlog is None else f" {reasons.backlog_reason(proxy.backlog)}"
    yield commented(f"Visitors connect here.{queue}", f"listen {_listen(launch, proxy)};")
    if site.host_names:
        yield commented("The names of the site.", f"server_name {' '.join(site.host_names)};")
    if launch.identity is not None:
        yield commented(
            "These files make https possible.",
            f"ssl_certificate {quoted(str(launch.identity.certificate))};",
            f"ssl_certificate_key {quoted(str(launch.identity.key))};",
        )
    yield commented(reasons.keep_alive_reason(proxy.keep_alive), f"keepalive_timeout {_time(proxy.keep_alive)};")
    for name, why in (*WAITS.items(), (f"{module}_read_timeout", READ_WAIT)):
        yield commented(why, f"{name} {_time(proxy.timeout)};")
    yield commented(
        "A larger upload gets the error 413; nginx's default is 1m. Write what the app needs.",
        f"client_max_body_size {MAX_BODY_MEGABYTES}m;",
    )
    if "gzip" in features:
        yield commented(
            "Text is sent compressed. That saves bandwidth and needs CPU.", "gzip on;", f"gzip_types {GZIP_TYPES};"
        )
    for mapping in site.static:
        yield commented(
            "nginx sends these files itself, without the app.",
            f"location {mapping.prefix}/ {{",
            f"    alias {quoted(f'{mapping.folder}/')};",
            "}",
        )
    yield commented("", "location / {", *comment_lines(_location(launch, site, behind, module), "    "), "}")


def _location(launch: Launch, site: DeploymentSite, behind: Address, module: str) -> Iterator[Commented]:
    # Other sites of the same nginx may have an upstream block, too.
    to = site.service if uses_upstream_block(launch) else upstream_address(launch, behind)
    own = {f"{module}_cache_key": CACHE_KEY, f"{module}_cache": _zone(site)}
    written: set[str] = set()
    for line in proxy_directives(launch, behind, to):
        words = line.split()
        name = " ".join(words[:2]) if words[0] == "proxy_set_header" else words[0]
        yield commented("" if name in written else WHY[name], f"{name} {own[name]};" if name in own else line)
        written.add(name)
    if module == "proxy":
        yield commented(
            "The server learns the visitor's address, and whether they use https. nginx replaces what visitors claim.",
            "proxy_set_header X-Forwarded-For $remote_addr;",
            "proxy_set_header X-Forwarded-Proto $scheme;",
        )


def _zone(site: DeploymentSite) -> str:
    return f"{site.service}_responses"


def _listen(launch: Launch, proxy: Proxy) -> str:
    address = launch.address
    where = str(address.port) if address.host == ALL_INTERFACES and not address.path else format_address(address)
    # nginx takes the option once for each port, whatever the number of sites: so its default is not written.
    backlog = [] if proxy.backlog is None else [f"backlog={proxy.backlog}"]
    return " ".join((quoted(where), *(["ssl"] if launch.identity else []), *backlog))


def _time(seconds: float) -> str:
    return f"{int(seconds)}s" if seconds == int(seconds) else duration(seconds)
