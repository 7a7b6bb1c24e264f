"""Pyruvate: one process in Rust with a pool of threads for the app. https://gitlab.com/tschorr/pyruvate"""

from __future__ import annotations

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Launch, reject_unsupported
from wsgi_gauntlet.servers._support import script_server

SCRIPT = """\
import pyruvate

if int(port):
    where = "[%s]:%s" % (where, port) if ":" in where else "%s:%s" % (where, port)
pyruvate.serve(loaded(), where, options.pop("threads"), **options)
"""

THREADS = 2
"""Its number of threads has no default; this is what the first example of its documentation has."""
BACKLOG = 128
"""What strace shows of 1.6; it has no option for it."""


class Pyruvate(Adapter):
    """Pyruvate through `pyruvate.serve`."""

    name = "pyruvate"
    title = "Pyruvate"
    distribution = "pyruvate"
    environ_support = "in the environment of its process; pyruvate.serve has no option for environ"

    def command(self, launch: Launch) -> Command:
        """Return a script that calls `serve`. What it calls workers are threads of one process.

        It keeps no connection unless it is told a max_reuse_count. With one of 1 to 254 its answers say keep-alive and
        1.6 ends the connection all the same; with 255, the most that it takes, the next request there has no answer.
        """
        asked = launch.settings
        script_server.require_http(launch, self.name, tls=False)
        reject_unsupported(
            self.name,
            more_than_one_worker=(asked.workers or 1) > 1,
            timeout=asked.timeout is not None,
            backlog=asked.backlog is not None,
            mounting=asked.mount,
        )
        if asked.keep_alive:
            raise Unsupported(
                "pyruvate has an option to keep connections, but with it ends them after one answer, or answers no more"
            )
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
