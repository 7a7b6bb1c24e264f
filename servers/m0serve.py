"""m0serve: processes in Mojo around CPython, WSGI and ASGI. https://m0serve.dev"""

from __future__ import annotations

from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Launch, no_option_for
from wsgi_gauntlet.servers._support import script_server

WORKERS = 1
THREADS = 2
KEEP_ALIVE = 60
BODY_TIMEOUT = 30
BACKLOG = 4096
"""Its defaults, from `m0serve --help` and `m0serve --doctor` of 1.16; strace shows the backlog."""
HEAD_TIMEOUT = 10
"""Seconds for a whole head, after which 1.16 sends a 408, whatever its other time-outs are."""


class M0serve(Adapter):
    """m0serve through its command, `m0serve`."""

    name = "m0serve"
    title = "m0serve"
    distribution = "m0serve"
    environ_support = "in the environment of its processes; it has no option for environ"

    def supports(self, launch: Launch) -> str:
        unsupported = {"unix_sockets": launch.address.path, "backlog": launch.settings.backlog is not None}
        return script_server.no_tls(launch, self.name) or no_option_for(self.name, **unsupported)

    def command(self, launch: Launch) -> Command:
        """Return its command line."""
        asked, address = launch.settings, launch.address
        keep_alive = script_server.whole_seconds(asked.keep_alive)
        argv = [launch.python, "-m", "m0serve", "--protocol", "wsgi"]
        argv += ["--host", address.host, "--port", str(address.port)]
        argv += script_server.options(
            ("--workers", asked.workers),
            ("--blocking-threads", asked.threads),
            ("--idle-timeout", keep_alive or None),
            # An idle time-out of 0 means none to it.
            ("--max-keepalive-requests", 1 if keep_alive == 0 else None),
            ("--body-timeout", script_server.whole_seconds(asked.timeout)),
        )
        argv += ["--mount", f"{asked.mount}={launch.app}"] if asked.mount else [launch.app]
        return Command(tuple(argv))

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return its settings with its defaults. With only workers set, it has no threads for the app."""
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
