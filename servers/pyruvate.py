"""Pyruvate: one process in Rust with a pool of threads for the app. https://gitlab.com/tschorr/pyruvate"""

from __future__ import annotations

from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Launch, no_option_for
from wsgi_gauntlet.servers._support import script_server

SCRIPT = """\
import pyruvate

if int(port):
    where = "[%s]:%s" % (where, port) if ":" in where else "%s:%s" % (where, port)
pyruvate.serve(loaded(), where, options.pop("threads"), **options)
"""

THREADS = 2
"""The number of threads has no default; this one is from the first example of its documentation."""
BACKLOG = 128
"""strace shows this backlog of 1.6; there is no option for it."""


class Pyruvate(Adapter):
    """Pyruvate through `pyruvate.serve`."""

    name = "pyruvate"
    title = "Pyruvate"
    distribution = "pyruvate"
    environ_support = "in the environment of its process; pyruvate.serve has no option for environ"

    def supports(self, launch: Launch) -> str:
        """Reject TLS, several workers, time-outs, a backlog, a mount, and kept connections.

        By default it keeps no connection. With a max_reuse_count of 1 to 254 its responses say keep-alive, but 1.6 ends
        the connection. With 255, the largest value, the next request on the connection gets no response.
        """
        asked = launch.settings
        if asked.keep_alive:
            return "pyruvate has an option to keep connections, but then it ends them, or does not respond any more"
        return script_server.no_tls(launch, self.name) or no_option_for(
            self.name,
            more_than_one_worker=(asked.workers or 1) > 1,
            timeout=asked.timeout is not None,
            backlog=asked.backlog is not None,
            mounting=asked.mount,
        )

    def command(self, launch: Launch) -> Command:
        """Return a script that calls `serve`. Its workers are threads of one process."""
        asked = launch.settings
        return script_server.command(launch, SCRIPT, threads=asked.threads or THREADS)

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return its settings."""
        return {
            "workers": 1,
            "threads": launch.settings.threads or THREADS,
            "keep-alive": 0,
            "backlog": BACKLOG,
        }


ADAPTER = Pyruvate()
