"""granian: HTTP in Rust; each worker runs the app in a pool of threads. https://github.com/emmett-framework/granian"""

from __future__ import annotations

import signal
from dataclasses import replace

from wsgi_gauntlet.harness.server import deployment as reasons
from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Launch, Settings
from wsgi_gauntlet.harness.server.deployment import DeploymentFile, DeploymentSite
from wsgi_gauntlet.harness.server.deployment_command import command_files
from wsgi_gauntlet.servers._support import script_server

BACKLOG = 1024
MIN_BACKLOG = 128
HEADER_READ_TIMEOUT = 30
MAX_HEADER_READ_TIMEOUT = 60
"""granian's defaults and limits, granian/cli.py and granian/http.py of 2.8."""


class Granian(Adapter):
    """granian's WSGI interface with its defaults."""

    name = "granian"
    title = "granian"
    distribution = "granian"
    minimum_version = "0.3.3"
    environ_support = "in the environment of its processes, which granian copies into environ"

    def supports(self, launch: Launch) -> str:
        """Reject time-outs and a backlog outside granian's limits.

        One option is both the time-out of a slow head and the keep-alive time: after a response granian waits equally
        long for a head to begin and to end.
        """
        asked = launch.settings
        waits = _header_read_timeouts(asked)
        if len(waits) > 1:
            return "granian has one option for keep-alive and timeout together; set one of them"
        if not all(0 < each <= MAX_HEADER_READ_TIMEOUT for each in waits):
            return f"granian's time for a request's head is above 0 s and {MAX_HEADER_READ_TIMEOUT} s at most"
        if (asked.backlog or MIN_BACKLOG) < MIN_BACKLOG:
            return f"granian's backlog is {MIN_BACKLOG} at least"
        return ""

    def command(self, launch: Launch) -> Command:
        """Return granian's command line."""
        asked, address = launch.settings, launch.address
        waits = _header_read_timeouts(asked)
        argv = [launch.python, "-m", "granian", "--interface", "wsgi"]
        argv += ["--uds", address.path] if address.path else ["--host", address.host, "--port", str(address.port)]
        if asked.keep_alive == 0:
            argv.append("--no-http1-keep-alive")
        argv += script_server.options(
            ("--workers", asked.workers),
            ("--blocking-threads", asked.threads),
            ("--http1-header-read-timeout", max(1, round(waits.pop() * 1000)) if waits else None),
            ("--backlog", asked.backlog),
            ("--url-path-prefix", asked.mount or None),
        )
        if launch.identity is not None:
            argv += ["--ssl-certificate", str(launch.identity.certificate), "--ssl-keyfile", str(launch.identity.key)]
        return Command((*argv, launch.app), reload_signal=signal.SIGHUP)

    def deployment(self, launch: Launch, site: DeploymentSite) -> tuple[DeploymentFile, ...]:
        """Return the command with all values written out, apart from a number of threads that nobody asked for."""
        asked, workers = launch.settings, launch.settings.workers or 1
        wait = asked.timeout or asked.keep_alive or HEADER_READ_TIMEOUT
        settings = replace(
            asked,
            workers=workers,
            backlog=asked.backlog or BACKLOG,
            timeout=None if asked.keep_alive else wait,
        )
        threads = (
            "granian chooses the number of threads, as it advises."
            if asked.threads is None
            else f"--blocking-threads: {reasons.threads_reason(asked.threads)}"
        )
        closed = (f"--no-http1-keep-alive: {reasons.keep_alive_reason(0)}",) if asked.keep_alive == 0 else ()
        return command_files(
            self,
            replace(launch, settings=settings),
            site,
            (
                f"--workers: {reasons.workers_reason(workers)}",
                threads,
                f"--http1-header-read-timeout: A visitor has {wait:g} s to send the head of each request.",
                *closed,
                f"--backlog: {reasons.backlog_reason(asked.backlog or BACKLOG)}",
            ),
        )

    def tuned_settings(self, variant: str, cores: int) -> Settings:  # noqa: ARG002 - it has no variants
        """Return a worker for each core: "generally the best starting point". It advises against setting the threads.

        https://github.com/emmett-framework/granian/blob/master/README.md#workers-and-threads
        """
        return Settings(workers=cores)

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return granian's settings. A worker's threads are half of its share of the backlog."""
        asked = launch.settings
        wait = asked.timeout or asked.keep_alive or HEADER_READ_TIMEOUT
        workers, backlog = asked.workers or 1, asked.backlog or BACKLOG
        return {
            "workers": workers,
            # AbstractServer.__init__ in granian/server/common.py; they are started on demand.
            "threads": asked.threads or max(1, max(1, backlog // workers) // 2),
            "keep-alive": 0 if asked.keep_alive == 0 else wait,
            "timeout": wait,
            "body-timeout": "no limit",
            "backlog": backlog,
        }


def _header_read_timeouts(asked: Settings) -> set[float]:
    return {each for each in (asked.keep_alive or None, asked.timeout) if each is not None}


ADAPTER = Granian()
