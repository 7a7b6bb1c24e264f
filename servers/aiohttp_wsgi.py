"""aiohttp-wsgi: WSGI apps in a pool of threads on aiohttp's server. https://aiohttp-wsgi.readthedocs.io"""

from __future__ import annotations

import signal

from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Launch, no_option_for
from wsgi_gauntlet.servers._support import script_server

SCRIPT = """\
from aiohttp_wsgi.__main__ import main

main()
"""

THREADS = 4
BACKLOG = 1024
"""aiohttp-wsgi's defaults, aiohttp_wsgi/wsgi.py run_server of 0.10."""
KEEP_ALIVE = 3630
"""aiohttp's default, aiohttp/web_protocol.py RequestHandler of 3.14; aiohttp-wsgi has no option for it."""


class AiohttpWsgi(Adapter):
    """aiohttp-wsgi through its command, `aiohttp-wsgi-serve`, without its access log."""

    name = "aiohttp-wsgi"
    title = "aiohttp-wsgi"
    distribution = "aiohttp-wsgi"
    environ_support = "in the environment of its process; it has no option for environ"

    def supports(self, launch: Launch) -> str:
        asked = launch.settings
        return script_server.no_tls(launch, self.name) or no_option_for(
            self.name,
            more_than_one_worker=(asked.workers or 1) > 1,
            keep_alive=asked.keep_alive is not None,
            timeout=asked.timeout is not None,
        )

    def command(self, launch: Launch) -> Command:
        """Return its command line; `-m` cannot run the module. Only SIGINT ends it in good order."""
        asked, address = launch.settings, launch.address
        argv = [launch.python, "serve.py", "--quiet"]
        argv += (
            [f"--unix-socket={address.path}"] if address.path else [f"--host={address.host}", f"--port={address.port}"]
        )
        argv += script_server.options(
            ("--threads", asked.threads),
            ("--backlog", asked.backlog),
            ("--script-name", asked.mount or None),
            joined_by="=",
        )
        return Command((*argv, launch.app), files={"serve.py": SCRIPT}, stop_signal=signal.SIGINT)

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return its settings with its defaults."""
        asked = launch.settings
        return {
            "workers": 1,
            "threads": asked.threads or THREADS,
            "keep-alive": KEEP_ALIVE,
            "timeout": "no limit",
            "backlog": BACKLOG if asked.backlog is None else asked.backlog,
        }


ADAPTER = AiohttpWsgi()
