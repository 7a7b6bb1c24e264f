"""Pyruvate: one process in Rust with a pool of threads for the app. https://gitlab.com/tschorr/pyruvate"""

from __future__ import annotations

from ..harness.adapter import Adapter, Command, Launch, refuse
from . import scripted

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
REUSES = 254
"""How often it uses a connection again at most. Its default is 0, with which it keeps none; with 255, the most that it
takes, 1.6 leaves the second request on a connection without an answer.
"""


class Pyruvate(Adapter):
    """Pyruvate through `pyruvate.serve`."""

    name = "pyruvate"
    title = "Pyruvate"
    distribution = "pyruvate"
    deployment = "in the environment of its process; pyruvate.serve has no option for environ"

    def command(self, launch: Launch) -> Command:
        """Return a script that calls `serve`. What it calls workers are threads of one process."""
        asked = launch.settings
        scripted.require_http(launch, self.name, tls=False)
        refuse(
            self.name,
            more_than_one_worker=(asked.workers or 1) > 1,
            timeout=asked.timeout is not None,
            backlog=asked.backlog is not None,
            mounting=asked.mount,
        )
        kept = scripted.whole_seconds(asked.keep_alive)
        return scripted.command(
            launch,
            SCRIPT,
            threads=asked.threads or THREADS,
            keepalive_timeout=kept or None,
            max_reuse_count=REUSES if kept else None,
        )

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return its settings."""
        asked = launch.settings
        return {
            "workers": 1,
            "threads": asked.threads or THREADS,
            "keep-alive": scripted.whole_seconds(asked.keep_alive) or 0,
            "backlog": BACKLOG,
        }


ADAPTER = Pyruvate()
