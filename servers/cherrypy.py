"""CherryPy as the server of any WSGI app in its tree. https://docs.cherrypy.dev/en/latest/advanced.html"""

from __future__ import annotations

from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Launch, no_option_for
from wsgi_gauntlet.servers._support import script_server
from wsgi_gauntlet.servers.cheroot import BACKLOG, THREADS, TIMEOUT, WAITING_CONNECTIONS

SCRIPT = """\
import cherrypy

mount = options.pop("mount", "")
cherrypy.tree.graft(loaded(), mount)
# By default it watches every loaded module and restarts when one changes.
settings = {"engine.autoreload.on": False}
if int(port):
    settings.update({"server.socket_host": where, "server.socket_port": int(port)})
else:
    settings["server.socket_file"] = where
settings.update({"server." + each: value for each, value in options.items()})
cherrypy.config.update(settings)
cherrypy.engine.signals.subscribe()
cherrypy.engine.start()
cherrypy.engine.block()
"""


class CherryPy(Adapter):
    """CherryPy's engine with a foreign app; its own page handlers are not involved.

    No signal makes it load the app again: SIGUSR1 makes it close and reopen its sockets, and SIGHUP ends a process in
    the foreground (cherrypy/process/plugins.py).
    """

    name = "cherrypy"
    title = "CherryPy"
    distribution = "CherryPy"
    environ_support = "in the environment of its process; tree.graft has no option for environ"

    def supports(self, launch: Launch) -> str:
        asked = launch.settings
        return no_option_for(
            self.name, more_than_one_worker=(asked.workers or 1) > 1
        ) or script_server.single_timeout_reason(self.name, asked)

    def command(self, launch: Launch) -> Command:
        """Return a script that puts the app into the tree and starts the engine with settings of `cherrypy.server`."""
        asked = launch.settings
        certificate, key = script_server.identity(launch)
        return script_server.command(
            launch,
            SCRIPT,
            mount=asked.mount or None,
            thread_pool=asked.threads,
            thread_pool_max=asked.threads,
            socket_timeout=script_server.single_timeout(asked),
            socket_queue_size=asked.backlog,
            ssl_certificate=certificate,
            ssl_private_key=key,
        )

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return CherryPy's settings with its defaults, which are those of cheroot (cherrypy/_cpserver.py)."""
        effective = script_server.single_timeout_conditions(launch, threads=THREADS, timeout=TIMEOUT, backlog=BACKLOG)
        return {**effective, "waiting connections kept": WAITING_CONNECTIONS}


ADAPTER = CherryPy()
