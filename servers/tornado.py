"""Tornado's HTTP server with its WSGIContainer. https://www.tornadoweb.org/en/stable/wsgi.html"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Launch, Settings, no_option_for
from wsgi_gauntlet.servers._support import script_server

SCRIPT = """\
import asyncio
import importlib
import ssl
import sys
from concurrent.futures import ThreadPoolExecutor

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets, bind_unix_socket
from tornado.process import fork_processes
from tornado.web import Application, FallbackHandler
from tornado.wsgi import WSGIContainer

variant, host, port, path, backlog, workers, threads, keep_alive, timeout, certificate, key, name = sys.argv[1:]
module, _, attribute = name.partition(":")
application = getattr(importlib.import_module(module), attribute)
if path:
    # A proxy's workers may run as another user; the folder of the socket is private.
    sockets = [bind_unix_socket(path, mode=0o666, backlog=int(backlog))]
else:
    sockets = bind_sockets(int(port), host, backlog=int(backlog))
if int(workers) > 1:
    fork_processes(int(workers))


async def main():
    ssl_options = None
    if key:
        ssl_options = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        ssl_options.load_cert_chain(certificate, key)
    if variant == "threads":
        served = WSGIContainer(application, ThreadPoolExecutor(int(threads)))
    else:
        served = WSGIContainer(application)
    if variant == "fallback":
        served = Application([(r".*", FallbackHandler, {"fallback": served})])
    server = HTTPServer(
        served,
        no_keep_alive=keep_alive == "0",
        idle_connection_timeout=float(keep_alive) or None,
        body_timeout=float(timeout) or None,
        ssl_options=ssl_options,
    )
    server.add_sockets(sockets)
    await asyncio.Event().wait()


asyncio.run(main())
"""

KEEP_ALIVE = 3600
BACKLOG = 128
"""Tornado's defaults: `initialize` in tornado/httpserver.py and _DEFAULT_BACKLOG in tornado/netutil.py of 6.6."""


class Tornado(Adapter):
    """Tornado's HTTPServer, started as in its guide for production."""

    name = "tornado"
    title = "Tornado"
    distribution = "tornado"
    variants: ClassVar[Mapping[str, str]] = {
        "container": "WSGIContainer on its event loop: one request at a time, as by default until Tornado 7",
        "threads": "WSGIContainer with an executor of threads, which its documentation highly recommends",
        "fallback": "a web.Application with the container in a FallbackHandler, for apps with other handlers too",
    }
    environ_support = "in the environment of its processes; WSGIContainer has no option for environ"

    def supports(self, launch: Launch) -> str:
        if launch.variant != "threads" and (launch.settings.threads or 1) > 1:
            return f"tornado:{launch.variant} runs the app on its event loop; tornado:threads has threads"
        return no_option_for("tornado", mounting=launch.settings.mount)

    def command(self, launch: Launch) -> Command:
        """Return a script. Tornado has arguments instead of options; its time-out is body_timeout."""
        asked, address = launch.settings, launch.address
        values = (
            *(launch.variant, address.host, address.port, address.path),
            *(asked.backlog or BACKLOG, asked.workers or 1, asked.threads or script_server.executor_threads()),
            f"{KEEP_ALIVE if asked.keep_alive is None else asked.keep_alive:g}",
            f"{asked.timeout or 0:g}",
            launch.identity.certificate if launch.identity else "",
            launch.identity.key if launch.identity else "",
            launch.app,
        )
        return Command((launch.python, "serve.py", *map(str, values)), files={"serve.py": SCRIPT})

    def tuned_settings(self, variant: str, cores: int) -> Settings:  # noqa: ARG002 - it holds for all of them
        """Return a process for each core: "Typically it is best to run one process per CPU".

        https://www.tornadoweb.org/en/stable/guide/running.html
        """
        return Settings(workers=cores)

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return its settings with Tornado's defaults; the keep-alive time is its time-out for a head."""
        asked = launch.settings
        return {
            "workers": asked.workers or 1,
            "threads": (asked.threads or script_server.executor_threads()) if launch.variant == "threads" else 1,
            "keep-alive": KEEP_ALIVE if asked.keep_alive is None else asked.keep_alive,
            "body-timeout": asked.timeout or "no limit",
            "backlog": asked.backlog or BACKLOG,
        }


ADAPTER = Tornado()
