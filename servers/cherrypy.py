"""CherryPy as the server of any WSGI app, grafted into its tree. https://docs.cherrypy.dev/en/latest/advanced.html"""

from __future__ import annotations

from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Launch, reject_unsupported
from wsgi_gauntlet.servers._support import script_server
from wsgi_gauntlet.servers.cheroot import BACKLOG, THREADS, TIMEOUT, WAITING_CONNECTIONS

SCRIPT = """\
import cherrypy

mount = options.pop("mount", "")
cherrypy.tree.graft(loaded(), mount)
# Its default watches every loaded module and starts anew when one changes.
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
    """CherryPy's engine with an app of somebody else's. Its own page handlers stand nowhere in between.

    It has no signal that loads the app anew: SIGUSR1 has it close and reopen its sockets, and SIGHUP ends a process
    that is in the foreground (cherrypy/process/plugins.py).
    """

    name = "cherrypy"
    title = "CherryPy"
    distribution = "CherryPy"
    environ_support = "in the environment of its process; tree.graft has no option for environ"

    def command(self, launch: Launch) -> Command:
        """Return a script that grafts the app and starts the engine; the settings are those of `cherrypy.server`."""
        asked = launch.settings
        script_server.require_http(launch, self.name, tls=True)
        reject_unsupported(self.name, more_than_one_worker=(asked.workers or 1) > 1)
        certificate, key = script_server.identity(launch)
        return script_server.command(
            launch,
            SCRIPT,
            mount=asked.mount or None,
            thread_pool=asked.threads,
            thread_pool_max=asked.threads,
            socket_timeout=script_server.single_timeout(self.name, asked),
            socket_queue_size=asked.backlog,
            ssl_certificate=certificate,
            ssl_private_key=key,
        )

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return CherryPy's settings, its defaults filled in: those of cheroot (cherrypy/_cpserver.py)."""
        effective = script_server.single_timeout_conditions(
            launch, self.name, threads=THREADS, timeout=TIMEOUT, backlog=BACKLOG
        )
        return {**effective, "waiting connections kept": WAITING_CONNECTIONS}


ADAPTER = CherryPy()
