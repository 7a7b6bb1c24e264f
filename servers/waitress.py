"""waitress: one process, one thread for the sockets and a pool for the app. https://docs.pylonsproject.org/projects/waitress"""

from __future__ import annotations

from dataclasses import replace

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server import deployment as reasons
from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Launch, no_option_for
from wsgi_gauntlet.harness.server.deployment import DeploymentFile, DeploymentSite
from wsgi_gauntlet.harness.server.deployment_command import command_files
from wsgi_gauntlet.servers._support import script_server

THREADS = 4
BACKLOG = 1024
CHANNEL_TIMEOUT = 120
CLEANUP_INTERVAL = 30
CONNECTION_LIMIT = 100
"""waitress's defaults, waitress/adjustments.py of 3.0."""


class Waitress(Adapter):
    """waitress through its command, `waitress-serve`."""

    name = "waitress"
    title = "waitress"
    deployment_guides = ("Flask",)
    distribution = "waitress"
    environ_support = "in the environment of its process; it has no option for environ"

    def preload(self, launch: Launch) -> tuple[str, ...]:  # noqa: ARG002 - the same for each launch
        return ("waitress.runner", "waitress.server", "waitress.task")

    def supports(self, launch: Launch) -> str:
        asked = launch.settings
        if asked.keep_alive == 0:
            return "waitress cannot close each connection after one response; its channel time-out is at least 1 s"
        return script_server.no_tls(launch, self.name) or no_option_for(
            "waitress", more_than_one_worker=(asked.workers or 1) > 1, timeout=asked.timeout
        )

    def command(self, launch: Launch) -> Command:
        """Return waitress's command line; its channel time-out is the keep-alive time.

        waitress checks for expired time-outs once in each cleanup interval. So the interval is at most the keep-alive
        time.
        """
        asked = launch.settings
        keep_alive = script_server.whole_seconds(asked.keep_alive)
        where = (
            f"--unix-socket={launch.address.path}" if launch.address.path else f"--listen={launch.address.authority}"
        )
        argv = [launch.python, "-m", "waitress", where]
        argv += script_server.options(
            ("--threads", asked.threads),
            ("--channel-timeout", keep_alive),
            ("--cleanup-interval", keep_alive if keep_alive is not None and keep_alive < CLEANUP_INTERVAL else None),
            ("--backlog", asked.backlog),
            ("--url-prefix", asked.mount or None),
            joined_by="=",
        )
        return Command((*argv, launch.app))

    def deployment(self, launch: Launch, site: DeploymentSite) -> tuple[DeploymentFile, ...]:
        """Return the command with all values written out."""
        asked = launch.settings
        keep_alive = script_server.whole_seconds(CHANNEL_TIMEOUT if asked.keep_alive is None else asked.keep_alive)
        settings = replace(
            asked, threads=asked.threads or THREADS, keep_alive=keep_alive, backlog=asked.backlog or BACKLOG
        )
        return command_files(
            self,
            replace(launch, settings=settings),
            site,
            (
                "waitress has one process. More cores need more of them, each with its own port.",
                f"--threads: {reasons.threads_reason(settings.threads or THREADS)}",
                f"--channel-timeout: {reasons.keep_alive_reason(keep_alive or CHANNEL_TIMEOUT)}",
                f"--backlog: {reasons.backlog_reason(settings.backlog or BACKLOG)}",
                *_proxy_reasons(launch.address),
            ),
        )

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return waitress's settings with its defaults."""
        asked = launch.settings
        keep_alive = script_server.whole_seconds(asked.keep_alive)
        return {
            "workers": 1,
            "threads": asked.threads or THREADS,
            "keep-alive": CHANNEL_TIMEOUT if keep_alive is None else keep_alive,
            "backlog": asked.backlog or BACKLOG,
            "connection limit": CONNECTION_LIMIT,
        }


def _proxy_reasons(address: Address) -> tuple[str, ...]:
    """Return how the app learns of its visitors behind a proxy, waitress/proxy_headers.py; () without a proxy."""
    if not address.path and address.host != reasons.LOOPBACK:
        return ()
    proxy = "localhost" if address.path else address.host
    return (
        "waitress removes the X-Forwarded-For and X-Forwarded-Proto of the proxy. If the app needs the address of the",
        "visitor or https links, add to the command:",
        f'  --trusted-proxy={proxy} --trusted-proxy-headers="x-forwarded-for x-forwarded-proto"',
    )


ADAPTER = Waitress()
