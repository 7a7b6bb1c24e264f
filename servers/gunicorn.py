"""gunicorn: a master that forks workers. https://docs.gunicorn.org/en/stable/settings.html"""

from __future__ import annotations

import math
import signal
from collections.abc import Mapping
from typing import ClassVar

from ..harness.adapter import Adapter, Command, Launch, distribution_version, refuse
from ..harness.errors import Unsupported

WORKERS = 1
THREADS = 1
KEEP_ALIVE = 2
TIMEOUT = 30
BACKLOG = 2048
"""gunicorn's own defaults, gunicorn/config.py; unchanged since 19.0."""


class Gunicorn(Adapter):
    """gunicorn, with its own defaults but for what would write outside the launch folder."""

    name = "gunicorn"
    title = "gunicorn"
    distribution = "gunicorn"
    variants: ClassVar[Mapping[str, str]] = {
        "sync": "one request at a time in each worker, no keep-alive",
        "gthread": "a pool of threads in each worker",
    }
    lineup = ("gunicorn:sync", "gunicorn:gthread")
    deployment = "in the environment of its processes, as by its option --env; it has none for environ"

    def command(self, launch: Launch) -> Command:
        """Return gunicorn's command line; a mount is told to it by SCRIPT_NAME, as its documentation says."""
        asked = launch.settings
        if launch.variant == "sync":
            if (asked.threads or 1) > 1:
                raise Unsupported("gunicorn's sync worker has one thread; gunicorn:gthread has a pool of them")
            refuse("gunicorn's sync worker", keep_alive=asked.keep_alive)
        bind = f"unix:{launch.address.path}" if launch.address.path else launch.address.authority
        argv = [launch.python, "-m", "gunicorn", "--bind", bind, "--worker-class", launch.variant or "sync"]
        # Its default is /tmp, where a killed worker would leave its file.
        argv += ["--worker-tmp-dir", str(launch.folder)]
        argv += _since(launch.python)
        for option, value in (
            ("--workers", asked.workers),
            ("--threads", asked.threads),
            ("--keep-alive", _seconds(asked.keep_alive)),
            ("--timeout", _seconds(asked.timeout)),
            ("--backlog", asked.backlog),
        ):
            if value is not None:
                argv += [option, str(value)]
        if launch.identity is not None:
            argv += ["--certfile", str(launch.identity.certificate), "--keyfile", str(launch.identity.key)]
        environment = {"SCRIPT_NAME": asked.mount} if asked.mount else {}
        return Command((*argv, launch.app), environment=environment, reload=signal.SIGHUP)

    def conditions(self, launch: Launch) -> dict[str, object]:
        """Return gunicorn's settings, its defaults filled in. The sync worker keeps no connection alive."""
        asked = launch.settings
        threaded = launch.variant == "gthread"
        keep_alive, timeout = _seconds(asked.keep_alive), _seconds(asked.timeout)
        return {
            "workers": asked.workers or WORKERS,
            "threads": (asked.threads or THREADS) if threaded else 1,
            "keep-alive": (KEEP_ALIVE if keep_alive is None else keep_alive) if threaded else 0,
            "timeout": TIMEOUT if timeout is None else timeout,
            "backlog": asked.backlog or BACKLOG,
        }


def _seconds(asked: float | None) -> int | None:
    """Return whole seconds, which is all that gunicorn takes, rounded up: 0 means something else to it."""
    return None if asked is None else math.ceil(asked)


def _since(python: str) -> list[str]:
    """Return the options that newer versions need and older ones do not know."""
    major, _, rest = distribution_version(python, "gunicorn").partition(".")
    minor = rest.partition(".")[0]
    version = (int(major) if major.isdigit() else 0, int(minor) if minor.isdigit() else 0)
    options = []
    if version >= (25, 1):  # from then on it listens on a control socket in the home directory
        options.append("--no-control-socket")
    if version >= (25, 0):  # the C parser that it takes where it finds it gives other answers
        options += ["--http-parser", "python"]
    return options


ADAPTER = Gunicorn()
