"""hypercorn: an ASGI server with a WSGI mode of its own. https://hypercorn.readthedocs.io/en/latest/how_to_guides/configuring.html"""

from __future__ import annotations

import math
import os
import signal

from ..harness.adapter import Adapter, Command, Launch, Protocol
from ..harness.errors import Unsupported

KEEP_ALIVE = 5
BACKLOG = 100
"""hypercorn's own defaults, class Config in hypercorn/config.py of 0.18."""

MOST_THREADS = 32
THREADS_BESIDE_CORES = 4
"""asyncio's executor, in which the app runs: concurrent.futures.ThreadPoolExecutor takes min(32, cores + 4)."""


class Hypercorn(Adapter):
    """hypercorn in its WSGI mode, on asyncio; one process watches over those that serve."""

    name = "hypercorn"
    title = "hypercorn"
    distribution = "hypercorn"
    deployment = "in the environment of its processes; it has no option for environ"

    def command(self, launch: Launch) -> Command:
        """Return hypercorn's command line. Its --read-timeout, which is off by default, is the time-out."""
        asked, address = launch.settings, launch.address
        if launch.protocol is not Protocol.HTTP:
            raise Unsupported(f"hypercorn does not speak {launch.protocol}")
        if asked.threads not in (None, _threads()):
            raise Unsupported(f"hypercorn has no option for threads: here asyncio's executor has {_threads()}")
        argv = [launch.python, "-m", "hypercorn"]
        argv += ["--bind", f"unix:{address.path}" if address.path else address.authority]
        for option, value in (
            ("--workers", asked.workers),
            ("--keep-alive", None if asked.keep_alive is None else math.ceil(asked.keep_alive)),
            ("--read-timeout", None if not asked.timeout else math.ceil(asked.timeout)),
            ("--backlog", asked.backlog),
            ("--root-path", asked.mount or None),
        ):
            if value is not None:
                argv += [option, str(value)]
        if launch.identity is not None:
            argv += ["--certfile", str(launch.identity.certificate), "--keyfile", str(launch.identity.key)]
        return Command((*argv, f"wsgi:{launch.app}"), reload=signal.SIGHUP)

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return hypercorn's settings, its defaults filled in; a time-out of 0 is none."""
        asked = launch.settings
        return {
            "workers": asked.workers or 1,
            "threads": _threads(),
            "keep-alive": KEEP_ALIVE if asked.keep_alive is None else math.ceil(asked.keep_alive),
            "timeout": math.ceil(asked.timeout or 0),
            "backlog": asked.backlog or BACKLOG,
        }


def _threads() -> int:
    return min(MOST_THREADS, (os.cpu_count() or 1) + THREADS_BESIDE_CORES)


ADAPTER = Hypercorn()
