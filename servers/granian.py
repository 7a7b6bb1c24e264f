"""granian: HTTP in Rust, the app in a pool of threads in each worker. https://github.com/emmett-framework/granian"""

from __future__ import annotations

import signal

from ..harness.adapter import Adapter, Command, Launch, Protocol, Settings
from ..harness.errors import Unsupported

BACKLOG = 1024
FEWEST_BACKLOG = 128
HEADER_READ_TIMEOUT = 30
LONGEST_HEADER_READ_TIMEOUT = 60
"""granian's own defaults and bounds, granian/cli.py and granian/http.py of 2.8."""


class Granian(Adapter):
    """granian's WSGI interface, with its own defaults."""

    name = "granian"
    title = "granian"
    distribution = "granian"
    deployment = "in the environment of its processes, which granian copies into environ"

    def command(self, launch: Launch) -> Command:
        """Return granian's command line. Its time-out is the one for reading the head of a request.

        It has no time for keep-alive, only whether there is any: 0 seconds is none.
        """
        asked, address = launch.settings, launch.address
        if launch.protocol is not Protocol.HTTP:
            raise Unsupported(f"granian does not speak {launch.protocol}")
        if asked.keep_alive:
            raise Unsupported("granian has no option for how long it keeps a connection, only for none: keep-alive=0")
        longest = LONGEST_HEADER_READ_TIMEOUT
        if asked.timeout is not None and not 0 < asked.timeout <= longest:
            raise Unsupported(f"granian's time-out for a request's head is above 0 s and {longest} s at most")
        if (asked.backlog or FEWEST_BACKLOG) < FEWEST_BACKLOG:
            raise Unsupported(f"granian's backlog is {FEWEST_BACKLOG} at least")
        argv = [launch.python, "-m", "granian", "--interface", "wsgi"]
        argv += ["--uds", address.path] if address.path else ["--host", address.host, "--port", str(address.port)]
        if asked.keep_alive is not None:
            argv.append("--no-http1-keep-alive")
        for option, value in (
            ("--workers", asked.workers),
            ("--blocking-threads", asked.threads),
            ("--http1-header-read-timeout", None if asked.timeout is None else max(1, round(asked.timeout * 1000))),
            ("--backlog", asked.backlog),
            ("--url-path-prefix", asked.mount or None),
        ):
            if value is not None:
                argv += [option, str(value)]
        if launch.identity is not None:
            argv += ["--ssl-certificate", str(launch.identity.certificate), "--ssl-keyfile", str(launch.identity.key)]
        return Command((*argv, launch.app), reload=signal.SIGHUP)

    def tuned(self, variant: str, cores: int) -> Settings:  # noqa: ARG002 - it has no variants
        """Return a worker for each core: "generally the best starting point"; of its threads it says to leave them.

        https://github.com/emmett-framework/granian/blob/master/README.md#workers-and-threads
        """
        return Settings(workers=cores)

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return granian's settings; its threads are half of what a worker takes on at once, its backlog's share."""
        asked = launch.settings
        workers, backlog = asked.workers or 1, asked.backlog or BACKLOG
        return {
            "workers": workers,
            # AbstractServer.__init__ in granian/server/common.py; they are started as they are needed.
            "threads": asked.threads or max(1, max(1, backlog // workers) // 2),
            "keep-alive": "without end" if asked.keep_alive is None else 0,
            "timeout": asked.timeout or HEADER_READ_TIMEOUT,
            "backlog": backlog,
        }


ADAPTER = Granian()
