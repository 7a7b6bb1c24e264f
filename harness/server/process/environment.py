"""The environment variables that a server starts with: the user's own, without what would change the server."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

REMOVED_PREFIXES = (
    "AIOHTTP_",
    "CADDY_",
    "COVERAGE_",
    "COV_CORE_",
    "EVENTLET_",
    "FLASK_",
    "GAUNTLET_",
    "GEVENT_",
    "GRANIAN_",
    "GUNICORN_",
    "HYPERCORN_",
    "M0_",  # m0serve
    "MOD_WSGI_",
    "NGINX",
    "PYTEST_",
    "PYTHON",
    "TORNADO_",
    "UVICORN_",
    "UWSGI_",
    "WERKZEUG_",
    "WSGI_RUN_",  # mod_wsgi-express changes to that user
)
"""Settings of servers, and of Python itself: a test run's own PYTHONWARNINGS must not reach a server."""

REMOVED_NAMES = frozenset(
    {
        "FORWARDED_ALLOW_IPS",  # gunicorn, uvicorn
        "LISTEN_FDNAMES",
        "LISTEN_FDS",  # socket activation: gunicorn and waitress would take over those descriptors
        "LISTEN_PID",
        "NOTIFY_SOCKET",  # gunicorn and uWSGI report to systemd
        "PORT",  # gunicorn binds to it
        "SCRIPT_NAME",  # gunicorn mounts the app there
        "SENDFILE",
        "SERVER_SOFTWARE",
        "VIRTUAL_ENV",
        "WEB_CONCURRENCY",  # gunicorn, uvicorn
    }
)


def user_python_path(inherited: Mapping[str, str] = os.environ) -> list[str]:
    """Return the folders of the user's own PYTHONPATH, made absolute: their app may be found by it."""
    return [str(Path(each).absolute()) for each in inherited.get("PYTHONPATH", "").split(os.pathsep) if each]


PROXY_NAMES = frozenset({"all_proxy", "ftp_proxy", "http_proxy", "https_proxy", "no_proxy"})


def server_environment(
    inherited: Mapping[str, str], *, path: list[str], temporary: str, added: Mapping[str, str]
) -> dict[str, str]:
    """Return what a server is started with.

    `path` becomes PYTHONPATH, `temporary` TMPDIR (so that no temporary file outlives the folder), and `added` wins
    over everything.
    """
    remaining = {
        name: value
        for name, value in inherited.items()
        if not name.startswith(REMOVED_PREFIXES) and name not in REMOVED_NAMES and name.lower() not in PROXY_NAMES
    }
    return {
        **remaining,
        "PYTHONPATH": ":".join(path),
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": temporary,
        **added,
    }
