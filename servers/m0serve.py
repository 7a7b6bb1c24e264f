"""m0serve: processes in Mojo around CPython, WSGI and ASGI. https://m0serve.dev"""

from __future__ import annotations

from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Launch, reject_unsupported
from wsgi_gauntlet.servers._support import script_server

WORKERS = 1
THREADS = 2
KEEP_ALIVE = 60
BODY_TIMEOUT = 30
BACKLOG = 4096
"""Its own defaults, as `m0serve --help` and `m0serve --doctor` of 1.16 give them; the backlog is what strace shows."""
HEAD_TIMEOUT = 10
"""Seconds after which 1.16 answers 408 to who has not sent a whole head, whatever its other times are."""


class M0serve(Adapter):
    """m0serve through its command, `m0serve`."""

    name = "m0serve"
    title = "m0serve"
    distribution = "m0serve"
    environ_support = "in the environment of its processes; it has no option for environ"

    def command(self, launch: Launch) -> Command:
        """Return its command line."""
        asked, address = launch.settings, launch.address
        script_server.require_http(launch, self.name, tls=False)
        reject_unsupported(self.name, unix_sockets=address.path, backlog=asked.backlog is not None)
        keep_alive = script_server.whole_seconds(asked.keep_alive)
        argv = [launch.python, "-m", "m0serve", "--protocol", "wsgi"]
        argv += ["--host", address.host, "--port", str(address.port)]
        for option, value in (
            ("--workers", asked.workers),
            ("--blocking-threads", asked.threads),
            ("--idle-timeout", keep_alive or None),
            # To it an idle time-out of 0 is none at all.
            ("--max-keepalive-requests", 1 if keep_alive == 0 else None),
            ("--body-timeout", script_server.whole_seconds(asked.timeout)),
        ):
            if value is not None:
                argv += [option, str(value)]
        argv += ["--mount", f"{asked.mount}={launch.app}"] if asked.mount else [launch.app]
        return Command(tuple(argv))

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return its settings, its defaults filled in. Asked for workers alone, it has no threads for the app."""
        asked = launch.settings
        keep_alive, timeout = script_server.whole_seconds(asked.keep_alive), script_server.whole_seconds(asked.timeout)
        return {
            "workers": asked.workers or WORKERS,
            "threads": asked.threads or (1 if asked.workers else THREADS),
            "keep-alive": KEEP_ALIVE if keep_alive is None else keep_alive,
            "head-timeout": HEAD_TIMEOUT,
            "body-timeout": BODY_TIMEOUT if timeout is None else timeout or "no limit",
            "backlog": BACKLOG,
        }


ADAPTER = M0serve()
