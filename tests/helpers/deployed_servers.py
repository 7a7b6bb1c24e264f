"""Servers that are started from their files to paste, as a person would do it, and an app that says who runs it."""

from __future__ import annotations

import grp
import os
import pwd
import queue
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path

from wsgi_gauntlet.harness.server.deployment import DeploymentFile, DeploymentSite
from wsgi_gauntlet.harness.server.static_mapping import StaticMapping

APP = """\
import os
import socket


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/meet":
        with socket.socket(socket.AF_UNIX) as meeting:
            meeting.connect("meeting.sock")
            meeting.sendall(b"%d" % os.getpid())
            meeting.recv(1)
    body = ("the app at %s in %s for %s" % (path, os.getcwd(), environ.get("HTTP_HOST"))).encode()
    if path == "/visitor":
        body = ("%s at %s" % (environ.get("HTTP_X_FORWARDED_PROTO"), environ.get("HTTP_X_FORWARDED_FOR"))).encode()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]


application.wsgi_app = application


def create_app(name, debug=False):
    assert name == "prod" and debug is False
    return application
"""
"""/meet reports its process and waits. The socket is in the current folder, which must be the folder of the app."""

START_SECONDS = 30.0
"""A server must serve in this time, also on a busy machine."""
NEXT_REQUEST_SECONDS = 0.3
"""A request that has not reached the app by then waits behind another one."""
MAX_REQUESTS = 150


def make_site(
    folder: Path, root: Path, port: int, public_port: int, app: str = "shop:application", python: str = ""
) -> DeploymentSite:
    """Return a site with its app and a static file in `folder`, and with the system's folders below `root`."""
    home = folder / "my shop"
    for each in (home / "public", *(root / name for name in ("etc", "run/shop", "var/log/nginx", "var/cache"))):
        each.mkdir(parents=True)
    (root / "run" / "shop").chmod(0o777)
    home.chmod(0o777)
    (home / "shop.py").write_text(APP)
    (home / "public" / "style.css").write_text("sent by the proxy")
    user = group = "www-data"
    if os.geteuid() != 0:
        user, group = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name
    return DeploymentSite(
        app=app,
        folder=str(home),
        python=python,
        host="127.0.0.1",
        port=port,
        public_port=public_port,
        static=(StaticMapping("/static", home / "public"),),
        user=user,
        group=group,
        root=str(root),
    )


def install(files: Sequence[DeploymentFile]) -> None:
    """Write each file where it belongs."""
    for each in files:
        path = Path(each.install_path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(each.text)


@contextmanager
def running(command: Sequence[str], site: DeploymentSite, variables: Mapping[str, str] | None = None) -> Iterator[int]:
    """Run the command in the folder of the app, without variables of the harness; yield the id of the process."""
    environment = {"PATH": os.environ["PATH"], "HOME": site.root, **(variables or {})}
    with (Path(site.root) / "log").open("ab") as log:
        process = subprocess.Popen(
            command, cwd=site.folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
        try:
            yield process.pid
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def request(site: DeploymentSite, port: int, path: str, host: str = "shop.example") -> tuple[int, str]:
    """Return status and body of `path`, as soon as somebody listens on `port`, and behind it."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        connection = HTTPConnection("127.0.0.1", port, timeout=START_SECONDS)
        try:
            connection.request("GET", path, headers={"Host": host})
            response = connection.getresponse()
            status, body = response.status, response.read().decode()
            # A proxy is up before the server behind it.
            if status not in (502, 503) or time.monotonic() > deadline:
                return status, body
            let_the_proxy_connect(site)  # uWSGI changes the mode of its socket after it listens
        except OSError:
            assert time.monotonic() < deadline, (Path(site.root) / "log").read_text()
        finally:
            connection.close()
        time.sleep(0.02)


def let_the_proxy_connect(site: DeploymentSite) -> bool:
    """Do what the unit's Group does: the server runs as root here, and the proxy does not.

    Return whether there is a socket.
    """
    socket_file = Path(site.socket_path)
    found = socket_file.is_socket()
    if found:
        socket_file.chmod(0o777)
    return found


def meeting(site: DeploymentSite, port: int, expected: int) -> Counter[int]:
    """Return how many requests at the same time each process has in the app, when there are at least `expected`.

    More requests are sent one by one until that many are in the app, then a few more, of which none may get there.
    """
    arrivals: queue.Queue[tuple[int, socket.socket]] = queue.Queue()
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        here = Path.cwd()
        os.chdir(site.folder)  # the full path may be too long for a socket
        try:
            listener.bind("meeting.sock")
        finally:
            os.chdir(here)
        (Path(site.folder) / "meeting.sock").chmod(0o777)
        listener.listen(MAX_REQUESTS)

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    arrivals.put((int(connection.recv(20)), connection))

        thread = threading.Thread(target=accept)
        thread.start()
        found: list[int] = []

        def send_one() -> bool:
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=START_SECONDS))
            client.sendall(b"GET /meet HTTP/1.1\r\nHost: shop.example\r\n\r\n")
            try:
                process, waiting = arrivals.get(timeout=NEXT_REQUEST_SECONDS)
            except queue.Empty:
                return False
            found.append(process)
            stack.enter_context(waiting)
            return True

        try:
            for _ in range(MAX_REQUESTS):
                if len(found) >= expected:
                    break
                send_one()
            for _ in range(3):
                send_one()
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
    return Counter(found)


def program(name: str) -> str:
    """Return the path of a proxy's program; requirements.py has checked that it is installed."""
    return shutil.which(name) or name
