"""The environment variables of a server: those of the user, without the ones that would change the server."""

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
    "FLASK_RUN_",
    "GAUNTLET_",  # of older versions of this program
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
    "WSGI_GAUNTLET_",
    "WSGI_RUN_",  # mod_wsgi-express changes to that user
)
"""Settings of this program, of servers, and of Python: PYTHONWARNINGS of a test run must not reach a server."""

FLASK_NAMES = frozenset({"FLASK_APP", "FLASK_DEBUG", "FLASK_ENV", "FLASK_SKIP_DOTENV"})
"""What configures the command `flask`, which is a server, and runs migrations too. Other names beginning with FLASK_
are settings of apps."""

REMOVED_NAMES = FLASK_NAMES | frozenset(
    {
        "FORWARDED_ALLOW_IPS",  # gunicorn, uvicorn
        "LISTEN_FDNAMES",
        "LISTEN_FDS",  # socket activation: gunicorn and waitress would use those descriptors
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
    """Return the folders of the user's PYTHONPATH, made absolute: the user app may be in one of them."""
    return [str(Path(each).absolute()) for each in inherited.get("PYTHONPATH", "").split(os.pathsep) if each]


PROXY_NAMES = frozenset({"all_proxy", "ftp_proxy", "http_proxy", "https_proxy", "no_proxy"})


def is_removed(name: str) -> bool:
    """Return whether the variable `name` configures servers, Python or this program, so no server gets it."""
    return name.startswith(REMOVED_PREFIXES) or name in REMOVED_NAMES or name.lower() in PROXY_NAMES


def server_environment(
    inherited: Mapping[str, str], *, path: list[str], temporary: str, added: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment that a server is started with.

    `path` becomes PYTHONPATH. `temporary` becomes TMPDIR, so that no temporary file outlives the folder. `added` has
    precedence over everything.
    """
    remaining = {name: value for name, value in inherited.items() if not is_removed(name)}
    return {
        **remaining,
        "PYTHONPATH": ":".join(path),
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": temporary,
        **added,
    }
