"""The text of nginx.conf for one launch. Pure. https://nginx.org/en/docs/http/ngx_http_proxy_module.html

Settings that nobody asks for are not written, so nginx uses its defaults. Only uploads to a user app may be larger.
"""

from __future__ import annotations

import math
import re

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server.adapter import Launch, Protocol, Settings
from wsgi_gauntlet.harness.server.static_files import STATIC_FILES, STATIC_FOLDER, static_content
from wsgi_gauntlet.harness.server.static_mapping import DEFAULT_MEDIA_TYPE, MEDIA_TYPES, StaticMapping
from wsgi_gauntlet.harness.server.user_app import REFERENCE_APP_PACKAGE, USER_APP_UNDER_LOAD

WORKERS = 1
"""nginx's default."""

MANY_CONNECTIONS = 20_000
"""The worker_connections with many-connections: ten thousand clients, each with one connection to a server behind."""

MAX_BODY_MEGABYTES = 100
"""The client_max_body_size before a user app: nginx's default of 1 MB would refuse photographs, and with them every
candidate behind nginx. Traffic files have less."""

UPSTREAM_KEEP_ALIVE = 32
"""Idle connections that each worker keeps to the servers behind: the default in upstream blocks since nginx 1.29.7."""

UPSTREAM_NAME = "servers"
"""The name of the upstream block."""

SECOND_PATH = "/second"
"""The path prefix of the second server with by-path."""

CACHE_VALID = ("200 302 10m", "404 1m")
"""The time that a response without one is kept: the example of proxy_cache_valid in nginx's documentation."""

CACHE_KEY = '"$scheme$http_host$request_uri$http_x_gauntlet"'
"""nginx's default without $proxy_host, which uwsgi_pass does not have, and with X-Gauntlet, which names the attempt of
a case. So no attempt gets a response of another one, and within an attempt the cache is free."""

GZIP_TYPES = "text/plain text/css text/javascript application/javascript image/svg+xml"
"""The media types to compress beside text/html, which is always compressed."""

UWSGI_PARAMETERS = (
    "QUERY_STRING $query_string",
    "REQUEST_METHOD $request_method",
    "CONTENT_TYPE $content_type",
    "CONTENT_LENGTH $content_length",
    "REQUEST_URI $request_uri",
    "PATH_INFO $document_uri",
    "DOCUMENT_ROOT $document_root",
    "SERVER_PROTOCOL $server_protocol",
    "REQUEST_SCHEME $scheme",
    "HTTPS $https if_not_empty",
    "REMOTE_ADDR $remote_addr",
    "REMOTE_PORT $remote_port",
    "SERVER_PORT $server_port",
    "SERVER_NAME $server_name",
)
"""The file `uwsgi_params` of nginx."""

_BARE = re.compile(r"[A-Za-z0-9_./:\[\]=+@%,-]+")


def configuration(launch: Launch, *, root: bool) -> str:
    """Return nginx.conf. With `root` its workers stay root, who can enter the private folder."""
    many = "many-connections" in launch.settings.features
    lines = [
        "daemon off;",
        *(["user root;"] if root else []),
        f"worker_processes {launch.settings.workers or WORKERS};",
        f"pid {quoted(f'{launch.folder}/nginx.pid')};",
        "error_log stderr;",
        *_block("events", *([f"worker_connections {MANY_CONNECTIONS};"] if many else [])),
        *_block("http", *_http(launch)),
    ]
    return "\n".join(lines) + "\n"


def static_files(settings: Settings) -> dict[str, str]:
    """Return the files that nginx serves by itself, by their names in the launch folder."""
    return (
        {f"{STATIC_FOLDER}/{name}": static_content(name) for name in STATIC_FILES}
        if "static" in settings.features
        else {}
    )


def serves_user_app(launch: Launch) -> bool:
    """Return whether the app behind nginx is one of the user, and not the test app."""
    return launch.app == USER_APP_UNDER_LOAD or not launch.app.startswith(REFERENCE_APP_PACKAGE)


def upstream_addresses(launch: Launch) -> tuple[list[Address], Address | None]:
    """Return the servers that get requests in turns, and the one below SECOND_PATH if there is one."""
    addresses = [each for each in (launch.upstream, *launch.other_upstreams) if each is not None]
    if "by-path" in launch.settings.features and len(addresses) > 1:
        return addresses[:-1], addresses[-1]
    return addresses, None


def uses_upstream_block(launch: Launch) -> bool:
    """Return whether there is an upstream block; only there may the path of a socket contain any letter."""
    servers, _ = upstream_addresses(launch)
    odd = any(set(":$") & set(each.path) for each in servers)
    return odd or len(servers) > 1 or "upstream-keep-alive" in launch.settings.features


def quoted(text: str) -> str:
    """Return `text` as one word of a configuration; a directive may still read a $ in it."""
    if _BARE.fullmatch(text):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _block(head: str, *inside: str) -> list[str]:
    return [f"{head} {{", *(f"    {each}" for each in inside), "}"]


def _http(launch: Launch) -> list[str]:
    asked, features, folder = launch.settings, launch.settings.features, launch.folder
    lines = ["access_log off;"]
    temporary = (("client_body", "client_body"), *((each, each) for each in ("proxy", "fastcgi", "uwsgi", "scgi")))
    lines += [f"{name}_temp_path {quoted(f'{folder}/{place}')};" for name, place in temporary]
    if serves_user_app(launch):
        lines.append(f"client_max_body_size {MAX_BODY_MEGABYTES}m;")
    if asked.keep_alive is not None:
        lines.append(f"keepalive_timeout {duration(asked.keep_alive)};")
    if asked.timeout is not None:
        for each in ("client_header", "client_body", "send", "proxy_read", "uwsgi_read"):
            lines.append(f"{each}_timeout {duration(asked.timeout)};")
    if "gzip" in features:
        lines += ["gzip on;", f"gzip_types {GZIP_TYPES};"]
    if "cache" in features:
        lines.append(f"{_module(launch)}_cache_path {quoted(f'{folder}/cache')} keys_zone=responses:1m;")
    if uses_upstream_block(launch):
        lines += upstream_block(launch)
    return [*lines, *_block("server", *_server(launch))]


def upstream_block(launch: Launch) -> list[str]:
    """Return the block of the servers that get requests in turns."""
    servers, _ = upstream_addresses(launch)
    lines = [f"server {quoted(format_address(each))};" for each in servers]
    if "upstream-keep-alive" in launch.settings.features:
        lines.append(f"keepalive {UPSTREAM_KEEP_ALIVE};")
    return _block(f"upstream {UPSTREAM_NAME}", *lines)


def _server(launch: Launch) -> list[str]:
    asked = launch.settings
    arguments = [
        quoted(format_address(launch.address)),
        *(["ssl"] if launch.identity else []),
        *([] if asked.backlog is None else [f"backlog={asked.backlog}"]),
    ]
    lines = [f"listen {' '.join(arguments)};"]
    if launch.identity is not None:
        lines.append(f"ssl_certificate {quoted(str(launch.identity.certificate))};")
        lines.append(f"ssl_certificate_key {quoted(str(launch.identity.key))};")
    lines.append("server_name localhost;")
    if "static" in asked.features:
        types = _block("types", *(f"{each.type} {name.rpartition('.')[2]};" for name, each in STATIC_FILES.items()))
        where = f"alias {quoted(f'{launch.folder}/{STATIC_FOLDER}/')};"
        lines += _block(f"location {quoted(f'{asked.mount}/{STATIC_FOLDER}/')}", where, *dict.fromkeys(types))
    for each in launch.static:
        lines += _static_location(asked.mount, each)
    servers, second = upstream_addresses(launch)
    if second is not None:
        lines += _block(f"location {SECOND_PATH}/", *proxy_directives(launch, second, upstream_address(launch, second)))
    to = UPSTREAM_NAME if uses_upstream_block(launch) else upstream_address(launch, servers[0])
    return [*lines, *_block("location /", *proxy_directives(launch, servers[0], to))]


def _static_location(mount: str, mapping: StaticMapping) -> list[str]:
    types = _block("types", *(f"{media_type} {extension};" for extension, media_type in MEDIA_TYPES.items()))
    where = f"alias {quoted(f'{mapping.folder}/')};"
    head = f"location {quoted(f'{mount}{mapping.prefix}/')}"
    return _block(head, where, f"default_type {DEFAULT_MEDIA_TYPE};", *types)


def proxy_directives(launch: Launch, server: Address, to: str) -> list[str]:
    """Return the directives that pass requests on to `server`, which nginx reaches at `to`."""
    features, module = launch.settings.features, _module(launch)
    if module == "uwsgi":
        lines = [f"uwsgi_pass {quoted(to)};", *(f"uwsgi_param {each};" for each in UWSGI_PARAMETERS)]
    else:
        scheme = "https" if server.tls else "http"
        lines = [f"proxy_pass {quoted(f'{scheme}://{to}')};", "proxy_set_header Host $http_host;"]
    if "upstream-keep-alive" in features:
        lines += ["proxy_http_version 1.1;", 'proxy_set_header Connection "";']
    if "unbuffered" in features:
        lines += [f"{module}_buffering off;", f"{module}_request_buffering off;"]
    if "cache" in features:
        lines += [f"{module}_cache responses;", f"{module}_cache_key {CACHE_KEY};"]
        lines += [f"{module}_cache_valid {each};" for each in CACHE_VALID]
    return lines


def duration(seconds: float) -> str:
    """Return seconds as nginx takes them, rounded up to milliseconds."""
    # No unit allows fractions.
    return f"{math.ceil(seconds * 1000)}ms"


def _module(launch: Launch) -> str:
    return "uwsgi" if launch.upstream_protocol is Protocol.UWSGI else "proxy"


def format_address(address: Address) -> str:
    """Return an address as nginx's `listen` and `server` take it."""
    return f"unix:{address.path}" if address.path else address.authority


def upstream_address(launch: Launch, server: Address) -> str:
    """Return the server in the form of proxy_pass or uwsgi_pass; the former needs a colon after a socket's path."""
    ends = ":" if server.path and _module(launch) == "proxy" else ""
    return f"{format_address(server)}{ends}"
