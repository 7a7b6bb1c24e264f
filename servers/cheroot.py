"""cheroot: the HTTP server of CherryPy alone, a pool of threads. https://cheroot.cherrypy.dev"""

from __future__ import annotations

import signal
from dataclasses import replace

from wsgi_gauntlet.harness.server import deployment as reasons
from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Launch, no_option_for
from wsgi_gauntlet.harness.server.deployment import DeploymentFile, DeploymentSite
from wsgi_gauntlet.harness.server.deployment_command import command_files
from wsgi_gauntlet.servers._support import script_server

SCRIPT = """\
from cheroot import wsgi
from cheroot.ssl.builtin import BuiltinSSLAdapter

mount = options.pop("mount", "")
certificate, key = options.pop("certificate", None), options.pop("key", None)
application = loaded()
if mount:
    application = wsgi.PathInfoDispatcher({mount: application})
server = wsgi.Server((where, int(port)) if int(port) else where, application, **options)
if key:
    server.ssl_adapter = BuiltinSSLAdapter(certificate, key)
server.safe_start()
"""

THREADS = 10
TIMEOUT = 10
BACKLOG = 5
WAITING_CONNECTIONS = 10
"""cheroot's defaults, cheroot/wsgi.py Server and cheroot/server.py HTTPServer of 11.1; CherryPy has the same."""


class Cheroot(Adapter):
    """cheroot through its `wsgi.Server`, as its command starts it; the command has no option for TLS."""

    name = "cheroot"
    title = "cheroot"
    distribution = "cheroot"
    environ_support = "in the environment of its process; it has no option for environ"

    def preload(self, launch: Launch) -> tuple[str, ...]:  # noqa: ARG002 - the same for each launch
        return ("cheroot.wsgi", "cheroot.ssl.builtin")

    def supports(self, launch: Launch) -> str:
        asked = launch.settings
        return no_option_for(
            self.name, more_than_one_worker=(asked.workers or 1) > 1
        ) or script_server.single_timeout_reason(self.name, asked)

    def command(self, launch: Launch) -> Command:
        """Return a script that calls `safe_start`; only SIGINT ends it in good order."""
        asked = launch.settings
        certificate, key = script_server.identity(launch)
        return script_server.command(
            launch,
            SCRIPT,
            signal.SIGINT,
            numthreads=asked.threads,
            max=asked.threads,
            timeout=script_server.single_timeout(asked),
            request_queue_size=asked.backlog,
            mount=asked.mount or None,
            certificate=certificate,
            key=key,
        )

    def deployment(self, launch: Launch, site: DeploymentSite) -> tuple[DeploymentFile, ...]:
        """Return a command with all values written out, and the script that it runs."""
        asked = launch.settings
        timeout = script_server.single_timeout(asked) or TIMEOUT
        settings = replace(
            asked,
            threads=asked.threads or THREADS,
            timeout=timeout,
            keep_alive=timeout,
            backlog=asked.backlog or BACKLOG,
        )
        return command_files(
            self,
            replace(launch, settings=settings),
            site,
            (
                "cheroot has one process. More cores need more of them, each with its own port.",
                f"numthreads: {reasons.threads_reason(settings.threads or THREADS)}",
                f"timeout: cheroot closes a connection that sends nothing for {timeout:g} s.",
                f"request_queue_size: {reasons.backlog_reason(settings.backlog or BACKLOG)}",
            ),
        )

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return cheroot's settings with its defaults."""
        effective = script_server.single_timeout_conditions(launch, threads=THREADS, timeout=TIMEOUT, backlog=BACKLOG)
        return {**effective, "waiting connections kept": WAITING_CONNECTIONS}


ADAPTER = Cheroot()
