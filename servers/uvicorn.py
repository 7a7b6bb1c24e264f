"""uvicorn: an ASGI server; a WSGI app runs in a pool of threads behind it. https://uvicorn.dev/settings/"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import ClassVar

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Launch, reject_unsupported
from wsgi_gauntlet.servers._support import a2wsgi_bridge, script_server

NATIVE_THREADS = 10
KEEP_ALIVE = 5
BACKLOG = 2048
"""uvicorn's own defaults, uvicorn/middleware/wsgi.py and uvicorn/main.py of 0.54."""

BLOCK_A2WSGI = """\
raise ModuleNotFoundError("uvicorn's own WSGI mode is under test, which it gives up where it can import a2wsgi")
"""


class Uvicorn(Adapter):
    """uvicorn with h11 and asyncio, which every installation of it has, and no request log."""

    name = "uvicorn"
    title = "uvicorn"
    distribution = "uvicorn"
    requires = ("uvicorn", "a2wsgi")
    extra_requirements: ClassVar[Mapping[str, tuple[str, ...]]] = {"a2wsgi": ("a2wsgi",)}
    variants: ClassVar[Mapping[str, str]] = {
        "wsgi": "--interface wsgi: its own WSGI mode, deprecated by it, as where a2wsgi is not installed",
        "a2wsgi": "the app through a2wsgi's WSGIMiddleware, which uvicorn advises",
    }
    environ_support = "in the environment of its processes; it has no option for environ"

    def command(self, launch: Launch) -> Command:
        """Return uvicorn's command line. Its --root-path is no mount: it takes the prefix for cut off already.

        What it picks by what is installed is written out, because each gives other answers: the parser of requests, the
        event loop, and the WSGI mode, which silently becomes a2wsgi's where that can be imported.
        """
        asked, address = launch.settings, launch.address
        native = launch.variant != "a2wsgi"
        script_server.require_http(launch, self.name, tls=True)
        if native and asked.threads not in (None, NATIVE_THREADS):
            raise Unsupported(f"uvicorn's own WSGI mode has {NATIVE_THREADS} threads; uvicorn:a2wsgi has any number")
        reject_unsupported("uvicorn", timeout=asked.timeout, mounting=asked.mount)
        argv = [launch.python, "-m", "uvicorn", "--interface", "wsgi" if native else "asgi3"]
        argv += ["--uds", address.path] if address.path else ["--host", address.host, "--port", str(address.port)]
        argv += ["--http", "h11", "--loop", "asyncio", "--no-access-log"]
        for option, value in (
            ("--workers", asked.workers),
            ("--timeout-keep-alive", script_server.whole_seconds(asked.keep_alive)),
            ("--backlog", asked.backlog),
        ):
            if value is not None:
                argv += [option, str(value)]
        if launch.identity is not None:
            argv += ["--ssl-certfile", str(launch.identity.certificate), "--ssl-keyfile", str(launch.identity.key)]
        return Command(
            (*argv, launch.app if native else a2wsgi_bridge.MODULE_APP),
            files={"a2wsgi.py": BLOCK_A2WSGI} if native else a2wsgi_bridge.files(launch),
            # One worker is the first process itself, which SIGHUP ends.
            reload_signal=signal.SIGHUP if (asked.workers or 1) > 1 else None,
        )

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return uvicorn's settings, its defaults filled in."""
        asked = launch.settings
        keep_alive = script_server.whole_seconds(asked.keep_alive)
        return {
            "workers": asked.workers or 1,
            "threads": asked.threads or (a2wsgi_bridge.THREADS if launch.variant == "a2wsgi" else NATIVE_THREADS),
            "keep-alive": KEEP_ALIVE if keep_alive is None else keep_alive,
            "backlog": asked.backlog or BACKLOG,
        }


ADAPTER = Uvicorn()
