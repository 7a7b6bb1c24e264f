"""aiohttp-wsgi: WSGI apps on aiohttp's server, in a pool of threads. https://aiohttp-wsgi.readthedocs.io"""

from __future__ import annotations

import signal

from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Launch, reject_unsupported
from wsgi_gauntlet.servers._support import script_server

SCRIPT = """\
from aiohttp_wsgi.__main__ import main

main()
"""

THREADS = 4
BACKLOG = 1024
"""aiohttp-wsgi's own defaults, aiohttp_wsgi/wsgi.py run_server of 0.10."""
KEEP_ALIVE = 3630
"""aiohttp's own, aiohttp/web_protocol.py RequestHandler of 3.14; aiohttp-wsgi has no option for it."""


class AiohttpWsgi(Adapter):
    """aiohttp-wsgi through its command, `aiohttp-wsgi-serve`, without its access log."""

    name = "aiohttp-wsgi"
    title = "aiohttp-wsgi"
    distribution = "aiohttp-wsgi"
    environ_support = "in the environment of its process; it has no option for environ"

    def command(self, launch: Launch) -> Command:
        """Return its command line; the module cannot be run by `-m`. It ends in good order at SIGINT alone."""
        asked, address = launch.settings, launch.address
        script_server.require_http(launch, self.name, tls=False)
        reject_unsupported(
            self.name,
            more_than_one_worker=(asked.workers or 1) > 1,
            keep_alive=asked.keep_alive is not None,
            timeout=asked.timeout is not None,
        )
        argv = [launch.python, "serve.py", "--quiet"]
        argv += (
            [f"--unix-socket={address.path}"] if address.path else [f"--host={address.host}", f"--port={address.port}"]
        )
        for option, value in (
            ("--threads", asked.threads),
            ("--backlog", asked.backlog),
            ("--script-name", asked.mount or None),
        ):
            if value is not None:
                argv.append(f"{option}={value}")
        return Command((*argv, launch.app), files={"serve.py": SCRIPT}, stop_signal=signal.SIGINT)

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return its settings, its defaults filled in."""
        asked = launch.settings
        return {
            "workers": 1,
            "threads": asked.threads or THREADS,
            "keep-alive": KEEP_ALIVE,
            "timeout": "no limit",
            "backlog": BACKLOG if asked.backlog is None else asked.backlog,
        }


ADAPTER = AiohttpWsgi()
