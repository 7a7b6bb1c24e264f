"""Request handlers of servers, called without a socket, for comparison with the same handlers on a socket.

docs/in-process.md says what is left out, what stays, and what the comparison showed.
"""

from __future__ import annotations

import inspect

from wsgi_gauntlet.harness.http import pipe_server
from wsgi_gauntlet.harness.server.adapter import Command, Launch

SCRIPT_PROLOGUE = """\
import importlib
import socket
import sys

from socketless import PipeConnection, serve

pipe_socket, host, port, mount, name = sys.argv[1:]
module, _, attribute = name.partition(":")
application = getattr(importlib.import_module(module), attribute)
"""

HANDLE_FUNCTION = """\


def handle(connection):
    try:
        server.finish_request(connection, (host, 0))
    except Exception:
        server.handle_error(connection, (host, 0))

"""

WSGIREF_SCRIPT = f"""\
{SCRIPT_PROLOGUE}
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

server = WSGIServer((host, int(port)), WSGIRequestHandler, bind_and_activate=False)
server.server_close()
server.server_name, server.server_port = socket.getfqdn(host), int(port)
server.setup_environ()
server.set_app(application)
{HANDLE_FUNCTION}
serve(pipe_socket, handle)
"""

WERKZEUG_SCRIPT = f"""\
{SCRIPT_PROLOGUE}
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import make_server

if mount:
    application = DispatcherMiddleware(NotFound(), {{mount: application}})
with socket.socket() as unused:
    server = make_server(host, int(port), application, threaded=True, fd=unused.fileno())
server.server_close()
server.server_address = (host, int(port))
server.port = int(port)


class Selectable(PipeConnection):
    # At its end the handler checks with select whether there is more to read.
    def fileno(self):
        return self._reading

{HANDLE_FUNCTION}
serve(pipe_socket, handle, threaded=True, kind=Selectable)
"""


def command(launch: Launch, script: str) -> Command:
    """Return the command that runs `script`, one of the above, for the connections of `launch`."""
    address, mount = launch.address, launch.settings.mount
    return Command(
        (launch.python, "serve.py", address.pipe_socket, address.host, str(address.port), mount, launch.app),
        files={"serve.py": script, "socketless.py": inspect.getsource(pipe_server)},
    )


def conditions(threads: int | str) -> dict[str, object]:
    """Return the fixed settings of a handler without a socket, with the given threads."""
    return {"workers": 1, "threads": threads, "keep-alive": 0, "backlog": pipe_server.BACKLOG}
