"""The server that generators are compared on: one nginx worker that answers `return 200`, on a core of its own."""

from __future__ import annotations

import contextlib
import http.client
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

BODY = "ok\n"

MARK = "5f0c36ea94d1b827"
"""The mark of the requested page. It is part of the response; the closed loop replaces it in each request."""

MARKED_PAGE, MARKED_BODY = f"/marked?n={MARK}", f"{MARK} ok\n"
"""The page and its response."""

MAX_CONNECTIONS = 65_536
"""The limit of connections of nginx."""

CONFIGURATION = """
daemon off; worker_processes 1; pid {folder}/pid; error_log stderr; worker_rlimit_nofile {files};
events {{ worker_connections {files}; }}
http {{
    access_log off; client_header_timeout 600s; large_client_header_buffers 4 64k;
    keepalive_requests 1000000000; keepalive_timeout 600s; default_type text/plain;
    client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
    uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
    server {{ listen 127.0.0.1:{port} backlog=8192;
        location / {{ return 200 "ok\\n"; }}
        location /marked {{ return 200 "$arg_n ok\\n"; }}
        location /visit/ {{ return 200 "a page of the visit, the same for everybody\\n"; }}
        location = /visit/form {{
            add_header Set-Cookie "csrf=$request_id; Path=/; HttpOnly";
            return 200 "<form><input name=csrf value=$request_id></form>\\n";
        }}
        location = /visit/login {{
            add_header Set-Cookie "session=$request_id; Path=/; HttpOnly";
            return 200 "welcome\\n";
        }}
        location = /visit/basket {{ return 200 "the basket of $cookie_session\\n"; }}
    }}
}}
"""


class ToolMissing(Exception):
    """A tool is not installed; the message says how to install it."""


def tool(name: str, package: str = "", wheel: str = "") -> str:
    """Return the path of the program `name`, from a Debian `package` or a `wheel`. Raises ToolMissing."""
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"]))
    if not found and wheel:
        found = shutil.which(wheel, path=str(Path(sys.executable).parent))
    if not found:
        package = package or name
        other = f" or pip install {wheel}" if wheel else ""
        raise ToolMissing(f"{name} is not installed: apt install {package}{other}")
    return found


def cores() -> tuple[int, int]:
    """Return a core for the server and one for the generator. Raises ToolMissing."""
    given = sorted(os.sched_getaffinity(0))
    if len(given) < 2:
        raise ToolMissing("this machine has one core, but the server and the generator need a core each")
    return given[0], given[1]


def pin_to_core(core: int) -> Callable[[], None]:
    """Return a function that keeps a new process on `core`."""
    return lambda: os.sched_setaffinity(0, {core})


@contextlib.contextmanager
def serving(nginx: str, core: int) -> Iterator[int]:
    """Serve on `core` and yield the port. nginx accepts as many connections as the limit on open files allows."""
    with tempfile.TemporaryDirectory() as folder:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port: int = free.getsockname()[1]
        configuration = Path(folder, "nginx.conf")
        configuration.write_text(CONFIGURATION.format(folder=folder, port=port, files=_files()))
        argv = [nginx, "-p", folder, "-c", str(configuration), "-e", "stderr"]
        process = subprocess.Popen(argv, stderr=subprocess.PIPE, preexec_fn=pin_to_core(core))
        try:
            _wait_until_it_answers(process, port)
            yield port
        finally:
            process.terminate()
            process.communicate(timeout=10)


def _files() -> int:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return MAX_CONNECTIONS if most == resource.RLIM_INFINITY else min(MAX_CONNECTIONS, most)


def _wait_until_it_answers(process: subprocess.Popen[bytes], port: int) -> None:
    for _ in range(100):
        if process.poll() is not None:
            raise SystemExit(f"nginx did not start: {process.communicate()[1].decode()}")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
        try:
            connection.request("GET", "/")
            if connection.getresponse().read() == BODY.encode():
                return
        except OSError:
            time.sleep(0.05)
        finally:
            connection.close()
    raise SystemExit("nginx did not answer within 5 s")
