"""uvicorn: an ASGI server; a WSGI app runs in a pool of threads behind it. https://uvicorn.dev/settings/"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from wsgi_gauntlet.harness.server import deployment as reasons
from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Launch, no_option_for
from wsgi_gauntlet.harness.server.deployment import DeploymentFile, DeploymentSite
from wsgi_gauntlet.harness.server.deployment_command import command_files
from wsgi_gauntlet.servers._support import script_server

NATIVE_THREADS = 10
KEEP_ALIVE = 5
BACKLOG = 2048
"""uvicorn's defaults, uvicorn/middleware/wsgi.py and uvicorn/main.py of 0.54."""

BLOCK_A2WSGI = """\
raise ModuleNotFoundError("uvicorn's own WSGI mode is under test; uvicorn replaces it if it can import a2wsgi")
"""


GRACEFUL_SIGNALS = (signal.SIGTERM, signal.SIGINT)
"""HANDLED_SIGNALS of uvicorn/server.py: both begin the graceful shutdown that --timeout-graceful-shutdown limits."""


class Uvicorn(Adapter):
    """uvicorn with asyncio and without a request log; with h11, which every installation has, or with httptools."""

    name = "uvicorn"
    title = "uvicorn"
    distribution = "uvicorn"
    requires = ("uvicorn", "a2wsgi")
    extra_requirements: ClassVar[Mapping[str, tuple[str, ...]]] = {"a2wsgi": ("a2wsgi",), "httptools": ("httptools",)}
    variants: ClassVar[Mapping[str, str]] = {
        "wsgi": "--interface wsgi: its own WSGI mode, which it deprecates; used if a2wsgi is not installed",
        "httptools": "like wsgi, with the parser httptools, which uvicorn takes if it is installed (uvicorn[standard])",
        "a2wsgi": "the app through a2wsgi's WSGIMiddleware, which uvicorn recommends",
    }
    environ_support = "in the environment of its processes; it has no option for environ"
    recycles_workers = True

    def supports(self, launch: Launch) -> str:
        """Reject time-outs, another number of threads in its own WSGI mode, and a mount.

        Its --root-path is no mount: it expects that the prefix was removed already.
        """
        asked = launch.settings
        if launch.variant != "a2wsgi" and asked.threads not in (None, NATIVE_THREADS):
            return f"uvicorn's own WSGI mode has {NATIVE_THREADS} threads; uvicorn:a2wsgi has any number"
        if asked.max_requests is not None and (asked.workers or 1) == 1:
            return "uvicorn with one worker ends after max-requests and starts no other: set workers=2 or more"
        return no_option_for("uvicorn", timeout=asked.timeout, mounting=asked.mount)

    def command(self, launch: Launch) -> Command:
        """Return uvicorn's command line.

        Defaults that depend on installed packages are written out, because each choice behaves differently: the parser,
        the event loop, and the WSGI mode, which silently becomes a2wsgi's if that can be imported.
        """
        asked, address = launch.settings, launch.address
        native = launch.variant != "a2wsgi"
        argv = [launch.python, "-m", "uvicorn", "--interface", "wsgi" if native else "asgi3"]
        argv += ["--uds", address.path] if address.path else ["--host", address.host, "--port", str(address.port)]
        argv += [
            "--http",
            "httptools" if launch.variant == "httptools" else "h11",
            "--loop",
            "asyncio",
            "--no-access-log",
        ]
        argv += script_server.options(
            ("--workers", asked.workers),
            ("--timeout-keep-alive", script_server.whole_seconds(asked.keep_alive)),
            ("--backlog", asked.backlog),
            ("--limit-max-requests", asked.max_requests),
        )
        if launch.identity is not None:
            argv += ["--ssl-certfile", str(launch.identity.certificate), "--ssl-keyfile", str(launch.identity.key)]
        return Command(
            (*argv, launch.app if native else script_server.A2WSGI_APP),
            files={"a2wsgi.py": BLOCK_A2WSGI} if native else script_server.a2wsgi_files(launch),
            # A single worker is the first process itself, and SIGHUP ends it.
            reload_signal=signal.SIGHUP if (asked.workers or 1) > 1 else None,
            graceful_signals=GRACEFUL_SIGNALS,
        )

    def deployment(self, launch: Launch, site: DeploymentSite) -> tuple[DeploymentFile, ...]:
        """Return the command with all values written out, and the module for a2wsgi."""
        asked, native = launch.settings, launch.variant != "a2wsgi"
        workers = asked.workers or 1
        keep_alive = script_server.whole_seconds(KEEP_ALIVE if asked.keep_alive is None else asked.keep_alive) or 0
        threads = NATIVE_THREADS if native else asked.threads or script_server.A2WSGI_THREADS
        settings = replace(asked, workers=workers, keep_alive=keep_alive, backlog=asked.backlog or BACKLOG)
        how = (
            "uvicorn runs the app in threads. Do not install a2wsgi: uvicorn would use it instead."
            if native
            else "a2wsgi runs the app in threads. Their number is in through_a2wsgi.py."
        )
        recycling = () if asked.max_requests is None else (
            f"--limit-max-requests: {reasons.recycling_reason(asked.max_requests)}",
        )  # fmt: skip
        return command_files(
            self,
            replace(launch, settings=settings),
            site,
            (
                f"--workers: {reasons.workers_reason(workers)}",
                how,
                reasons.threads_reason(threads),
                f"--timeout-keep-alive: {reasons.keep_alive_reason(keep_alive)}",
                f"--backlog: {reasons.backlog_reason(asked.backlog or BACKLOG)}",
                *recycling,
            ),
            # It only keeps uvicorn from a2wsgi in an environment that has it for another variant.
            left_out=("a2wsgi.py",),
        )

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return uvicorn's settings with its defaults."""
        asked = launch.settings
        keep_alive = script_server.whole_seconds(asked.keep_alive)
        threads = script_server.A2WSGI_THREADS if launch.variant == "a2wsgi" else NATIVE_THREADS
        return {
            "workers": asked.workers or 1,
            "threads": asked.threads or threads,
            "keep-alive": KEEP_ALIVE if keep_alive is None else keep_alive,
            "backlog": asked.backlog or BACKLOG,
            **script_server.recycling(asked),
        }


ADAPTER = Uvicorn()
