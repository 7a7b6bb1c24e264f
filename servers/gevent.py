"""gevent's pywsgi: one process, a greenlet for each connection. https://www.gevent.org/api/gevent.pywsgi.html"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import ClassVar

from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Launch, no_option_for
from wsgi_gauntlet.servers._support import script_server

MONKEY_PATCH = """\
from gevent import monkey

monkey.patch_all()

"""

SCRIPT = """\
import socket

from gevent.pywsgi import WSGIServer
from gevent.socket import socket as green_socket
from gevent.ssl import PROTOCOL_TLS_SERVER, SSLContext

certificate, key = options.pop("certificate", None), options.pop("key", None)
if key:
    options["ssl_context"] = SSLContext(PROTOCOL_TLS_SERVER)
    options["ssl_context"].load_cert_chain(certificate, key)
listener = (where, int(port))
if not int(port):
    listener = green_socket(socket.AF_UNIX)
    listener.bind(where)
    listener.listen(options.pop("backlog", WSGIServer.backlog))
WSGIServer(listener, loaded(), log=None, **options).serve_forever()
"""

BACKLOG = 128
"""gevent.server.StreamServer.backlog of 26.9."""


class Gevent(Adapter):
    """`gevent.pywsgi.WSGIServer`, without its access log."""

    name = "gevent"
    title = "gevent's pywsgi"
    deployment_guides = ("Flask",)
    distribution = "gevent"
    variants: ClassVar[Mapping[str, str]] = {
        "patched": "after monkey.patch_all(), so that an app that waits does not block other requests",
        "unpatched": "without monkey.patch_all(), so that an app that waits blocks all requests",
    }
    default_variants = ("gevent",)
    environ_support = "in the environment of its process, and by its option environ"

    def supports(self, launch: Launch) -> str:
        """Reject several workers, time-outs, and a mount: it sets SCRIPT_NAME to '' (WSGIHandler.get_environ)."""
        asked = launch.settings
        return no_option_for(
            self.name,
            more_than_one_worker=(asked.workers or 1) > 1,
            keep_alive=asked.keep_alive is not None,
            timeout=asked.timeout is not None,
            mounting=asked.mount,
        )

    def command(self, launch: Launch) -> Command:
        """Return a script that calls `serve_forever`; `threads` is the size of its pool of greenlets (`spawn`)."""
        asked = launch.settings
        certificate, key = script_server.identity(launch)
        return script_server.command(
            launch,
            SCRIPT if launch.variant == "unpatched" else MONKEY_PATCH + SCRIPT,
            signal.SIGINT,
            spawn=asked.threads,
            backlog=asked.backlog,
            environ=dict(asked.deployed) or None,
            certificate=certificate,
            key=key,
        )

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return its settings. It closes no silent connection, neither in a request nor between requests."""
        asked = launch.settings
        return {
            "workers": 1,
            "threads": f"{asked.threads} greenlets" if asked.threads else "a greenlet a connection",
            "keep-alive": "no limit",
            "timeout": "no limit",
            "backlog": BACKLOG if asked.backlog is None else asked.backlog,
        }


ADAPTER = Gevent()
