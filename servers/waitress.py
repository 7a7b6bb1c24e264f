"""waitress: one process, one thread for the sockets and a pool for the app. https://docs.pylonsproject.org/projects/waitress"""

from __future__ import annotations

from ..harness.adapter import Adapter, Command, Launch, Protocol, refuse
from ..harness.errors import Unsupported

THREADS = 4
BACKLOG = 1024
CHANNEL_TIMEOUT = 120
CONNECTION_LIMIT = 100
"""waitress's own defaults, waitress/adjustments.py of 3.0."""


class Waitress(Adapter):
    """waitress through its command, `waitress-serve`."""

    name = "waitress"
    title = "waitress"
    distribution = "waitress"
    deployment = "in the environment of its process; it has no option for environ"

    def command(self, launch: Launch) -> Command:
        """Return waitress's command line. Its channel time-out is what it has in place of a keep-alive time."""
        asked = launch.settings
        if launch.protocol is not Protocol.HTTP:
            raise Unsupported(f"waitress does not speak {launch.protocol}")
        if asked.tls:
            raise Unsupported("waitress speaks no TLS; its documentation has a proxy do that, as nginx[tls]+waitress")
        refuse("waitress", more_than_one_worker=(asked.workers or 1) > 1, timeout=asked.timeout)
        where = (
            f"--unix-socket={launch.address.path}" if launch.address.path else f"--listen={launch.address.authority}"
        )
        argv = [launch.python, "-m", "waitress", where]
        for option, value in (
            ("--threads", asked.threads),
            ("--channel-timeout", None if asked.keep_alive is None else max(1, round(asked.keep_alive))),
            ("--backlog", asked.backlog),
            ("--url-prefix", asked.mount or None),
        ):
            if value is not None:
                argv.append(f"{option}={value}")
        return Command((*argv, launch.app))

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return waitress's settings, its defaults filled in."""
        asked = launch.settings
        return {
            "workers": 1,
            "threads": asked.threads or THREADS,
            "keep-alive": CHANNEL_TIMEOUT if asked.keep_alive is None else max(1, round(asked.keep_alive)),
            "backlog": asked.backlog or BACKLOG,
            "connection limit": CONNECTION_LIMIT,
        }


ADAPTER = Waitress()
