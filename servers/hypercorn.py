"""hypercorn: an ASGI server with a WSGI mode of its own. https://hypercorn.readthedocs.io/en/latest/how_to_guides/configuring.html"""

from __future__ import annotations

import signal

from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Launch
from wsgi_gauntlet.servers._support import script_server

KEEP_ALIVE = 5
BACKLOG = 100
"""hypercorn's defaults, class Config in hypercorn/config.py of 0.18."""


GRACEFUL_SIGNALS = (signal.SIGTERM, signal.SIGINT)
"""Its --graceful-timeout, 3 s by default, is the "time to wait after SIGTERM or Ctrl-C for any remaining requests"."""


class Hypercorn(Adapter):
    """hypercorn in its WSGI mode, on asyncio; one process supervises the serving processes."""

    name = "hypercorn"
    title = "hypercorn"
    distribution = "hypercorn"
    environ_support = "in the environment of its processes; it has no option for environ"
    recycles_workers = True

    def supports(self, launch: Launch) -> str:
        threads = script_server.executor_threads()
        if launch.settings.threads not in (None, threads):
            return f"hypercorn has no option for threads: here asyncio's executor has {threads}"
        if launch.settings.keep_alive == 0:
            return "hypercorn with a keep-alive time of 0 s rejects every request whose head comes in two pieces"
        return ""

    def command(self, launch: Launch) -> Command:
        """Return hypercorn's command line. Its --read-timeout, which is off by default, is the time-out.

        Its keep-alive time also limits the head of a request, on a new connection and after a response.
        """
        asked, address = launch.settings, launch.address
        argv = [launch.python, "-m", "hypercorn"]
        argv += ["--bind", f"unix:{address.path}" if address.path else address.authority]
        argv += script_server.options(
            ("--workers", asked.workers),
            ("--keep-alive", script_server.whole_seconds(asked.keep_alive)),
            ("--read-timeout", script_server.whole_seconds(asked.timeout) or None),
            ("--backlog", asked.backlog),
            ("--max-requests", asked.max_requests),
            ("--root-path", asked.mount or None),
        )
        if launch.identity is not None:
            argv += ["--certfile", str(launch.identity.certificate), "--keyfile", str(launch.identity.key)]
        return Command((*argv, f"wsgi:{launch.app}"), reload_signal=signal.SIGHUP, graceful_signals=GRACEFUL_SIGNALS)

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return hypercorn's settings with its defaults; the keep-alive time is its only time-out for a head."""
        asked = launch.settings
        keep_alive = script_server.whole_seconds(asked.keep_alive)
        return {
            "workers": asked.workers or 1,
            "threads": script_server.executor_threads(),
            "keep-alive": KEEP_ALIVE if keep_alive is None else keep_alive,
            "body-timeout": script_server.whole_seconds(asked.timeout) or "no limit",
            "backlog": asked.backlog or BACKLOG,
            **script_server.recycling(asked),
        }


ADAPTER = Hypercorn()
