"""A WSGI app behind an ASGI server through a2wsgi, as a module that such a server can serve.

https://github.com/abersheeran/a2wsgi
"""

from __future__ import annotations

from wsgi_gauntlet.harness.server.adapter import Launch

THREADS = 10
"""a2wsgi's default, WSGIMiddleware.__init__ in a2wsgi/wsgi.py of 1.10."""

MODULE_FILE = "through_a2wsgi.py"
MODULE_APP = "through_a2wsgi:application"

MODULE_TEMPLATE = """\
import importlib

from a2wsgi import WSGIMiddleware

module, _, attribute = {app!r}.partition(":")
application = WSGIMiddleware(getattr(importlib.import_module(module), attribute), workers={threads})
"""


def files(launch: Launch) -> dict[str, str]:
    """Return the file to put beside the server, which then serves `MODULE_APP`; a2wsgi runs the app's threads."""
    return {MODULE_FILE: MODULE_TEMPLATE.format(app=launch.app, threads=launch.settings.threads or THREADS)}
