"""granian: HTTP in Rust, the app in a pool of threads in each worker. https://github.com/emmett-framework/granian"""

from __future__ import annotations

import signal

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Launch, Settings
from wsgi_gauntlet.servers._support import script_server

BACKLOG = 1024
MIN_BACKLOG = 128
HEADER_READ_TIMEOUT = 30
MAX_HEADER_READ_TIMEOUT = 60
"""granian's own defaults and bounds, granian/cli.py and granian/http.py of 2.8."""


class Granian(Adapter):
    """granian's WSGI interface, with its own defaults."""

    name = "granian"
    title = "granian"
    distribution = "granian"
    minimum_version = "0.3.3"
    environ_support = "in the environment of its processes, which granian copies into environ"

    def command(self, launch: Launch) -> Command:
        """Return granian's command line. After an answer it waits as long for a head to begin as for it to end.

        So one option is the time-out for a head that comes slowly and the time that a connection is kept.
        """
        asked, address = launch.settings, launch.address
        script_server.require_http(launch, self.name, tls=True)
        waits = {each for each in (asked.keep_alive or None, asked.timeout) if each is not None}
        if len(waits) > 1:
            raise Unsupported("granian has one option for keep-alive and timeout together; set one of them")
        longest = MAX_HEADER_READ_TIMEOUT
        if not all(0 < each <= longest for each in waits):
            raise Unsupported(f"granian's time for a request's head is above 0 s and {longest} s at most")
        if (asked.backlog or MIN_BACKLOG) < MIN_BACKLOG:
            raise Unsupported(f"granian's backlog is {MIN_BACKLOG} at least")
        argv = [launch.python, "-m", "granian", "--interface", "wsgi"]
        argv += ["--uds", address.path] if address.path else ["--host", address.host, "--port", str(address.port)]
        if asked.keep_alive == 0:
            argv.append("--no-http1-keep-alive")
        for option, value in (
            ("--workers", asked.workers),
            ("--blocking-threads", asked.threads),
            ("--http1-header-read-timeout", max(1, round(waits.pop() * 1000)) if waits else None),
            ("--backlog", asked.backlog),
            ("--url-path-prefix", asked.mount or None),
        ):
            if value is not None:
                argv += [option, str(value)]
        if launch.identity is not None:
            argv += ["--ssl-certificate", str(launch.identity.certificate), "--ssl-keyfile", str(launch.identity.key)]
        return Command((*argv, launch.app), reload_signal=signal.SIGHUP)

    def tuned_settings(self, variant: str, cores: int) -> Settings:  # noqa: ARG002 - it has no variants
        """Return a worker for each core: "generally the best starting point"; of its threads it says to leave them.

        https://github.com/emmett-framework/granian/blob/master/README.md#workers-and-threads
        """
        return Settings(workers=cores)

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return granian's settings; its threads are half of what a worker takes on at once, its backlog's share."""
        asked = launch.settings
        wait = asked.timeout or asked.keep_alive or HEADER_READ_TIMEOUT
        workers, backlog = asked.workers or 1, asked.backlog or BACKLOG
        return {
            "workers": workers,
            # AbstractServer.__init__ in granian/server/common.py; they are started as they are needed.
            "threads": asked.threads or max(1, max(1, backlog // workers) // 2),
            "keep-alive": 0 if asked.keep_alive == 0 else wait,
            "timeout": wait,
            "body-timeout": "no limit",
            "backlog": backlog,
        }


ADAPTER = Granian()
