"""hypercorn: an ASGI server with a WSGI mode of its own. https://hypercorn.readthedocs.io/en/latest/how_to_guides/configuring.html"""

from __future__ import annotations

import signal

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Launch
from wsgi_gauntlet.servers._support import script_server

KEEP_ALIVE = 5
BACKLOG = 100
"""hypercorn's own defaults, class Config in hypercorn/config.py of 0.18."""


class Hypercorn(Adapter):
    """hypercorn in its WSGI mode, on asyncio; one process watches over those that serve."""

    name = "hypercorn"
    title = "hypercorn"
    distribution = "hypercorn"
    environ_support = "in the environment of its processes; it has no option for environ"

    def command(self, launch: Launch) -> Command:
        """Return hypercorn's command line. Its --read-timeout, which is off by default, is the time-out.

        Its keep-alive time runs until a request's head is whole, on a new connection and after an answer.
        """
        asked, address = launch.settings, launch.address
        script_server.require_http(launch, self.name, tls=True)
        # asyncio runs the app in an executor of its own making.
        threads = script_server.executor_threads()
        if asked.threads not in (None, threads):
            raise Unsupported(f"hypercorn has no option for threads: here asyncio's executor has {threads}")
        if asked.keep_alive == 0:
            raise Unsupported("hypercorn with a keep-alive time of 0 s bears no request whose head comes in two pieces")
        argv = [launch.python, "-m", "hypercorn"]
        argv += ["--bind", f"unix:{address.path}" if address.path else address.authority]
        for option, value in (
            ("--workers", asked.workers),
            ("--keep-alive", script_server.whole_seconds(asked.keep_alive)),
            ("--read-timeout", script_server.whole_seconds(asked.timeout) or None),
            ("--backlog", asked.backlog),
            ("--root-path", asked.mount or None),
        ):
            if value is not None:
                argv += [option, str(value)]
        if launch.identity is not None:
            argv += ["--certfile", str(launch.identity.certificate), "--keyfile", str(launch.identity.key)]
        return Command((*argv, f"wsgi:{launch.app}"), reload_signal=signal.SIGHUP)

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return hypercorn's settings, its defaults filled in; for a head it has its keep-alive time alone."""
        asked = launch.settings
        keep_alive = script_server.whole_seconds(asked.keep_alive)
        return {
            "workers": asked.workers or 1,
            "threads": script_server.executor_threads(),
            "keep-alive": KEEP_ALIVE if keep_alive is None else keep_alive,
            "body-timeout": script_server.whole_seconds(asked.timeout) or "no limit",
            "backlog": asked.backlog or BACKLOG,
        }


ADAPTER = Hypercorn()
