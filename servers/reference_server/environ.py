"""The environ of a request (PEP 3333, environ Variables)."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TextIO
from urllib.parse import unquote_to_bytes

from .file_wrapper import FileWrapper
from .input_stream import InputStream
from .parsing import Fields, RequestLine, Target
from .rejection import RequestRejected
from .response import NAME

REQUEST_VARIABLES = frozenset(
    {
        "AUTH_TYPE",
        "CONTENT_LENGTH",
        "CONTENT_TYPE",
        "GATEWAY_INTERFACE",
        "HTTPS",
        "PATH_INFO",
        "PATH_TRANSLATED",
        "QUERY_STRING",
        "REQUEST_METHOD",
        "SCRIPT_NAME",
    }
)
"""What a variable of the process must never pass for."""

REQUEST_VARIABLE_PREFIXES = ("HTTP_", "REMOTE_", "SERVER_", "SSL_")


@dataclass(frozen=True)
class ServedAt:
    """Where and how the app is served; `client` is its address and port, empty on a Unix socket.

    `tls` are the variables that describe it, None where it is not in use.
    """

    name: str
    port: str
    mount: str = ""
    client: tuple[str, str] = ("", "")
    tls: Mapping[str, str] | None = None
    threads: bool = True
    processes: bool = False


@dataclass(frozen=True)
class Request:
    """One request, read up to the end of its head."""

    line: RequestLine
    target: Target
    fields: Fields

    @property
    def protocol(self) -> str:
        """The version that the client used."""
        return "HTTP/{}.{}".format(*self.line.version)


def build(request: Request, place: ServedAt, body: InputStream) -> dict[str, Any]:
    """Return a new environ. Raises RequestRejected(404) for what lies outside the mount."""
    environ: dict[str, Any] = deployed()
    environ.update(cgi(request, place))
    environ.update(headers(request.fields))
    environ.update(wsgi(place, body))
    return environ


def deployed() -> dict[str, Any]:
    """Return the variables of the process's own environment: the deployer's way to configure the app."""
    return {
        latin1(name): latin1(value) for name, value in os.environb.items() if not belongs_to_requests(os.fsdecode(name))
    }


def belongs_to_requests(name: str) -> bool:
    """Say whether a variable of that name tells of a request."""
    return name in REQUEST_VARIABLES or name.startswith(REQUEST_VARIABLE_PREFIXES)


def cgi(request: Request, place: ServedAt) -> dict[str, str]:
    """Return CGI's variables (RFC 3875, section 4.1)."""
    script_name, path_info = split(latin1(unquote_to_bytes(request.target.path)), place.mount)
    variables = {
        "GATEWAY_INTERFACE": "CGI/1.1",
        "PATH_INFO": path_info,
        "QUERY_STRING": latin1(request.target.query),
        "REQUEST_METHOD": latin1(request.line.method),
        "SCRIPT_NAME": script_name,
        "SERVER_NAME": place.name,
        "SERVER_PORT": place.port,
        "SERVER_PROTOCOL": request.protocol,
        "SERVER_SOFTWARE": NAME,
    }
    if place.client[0]:
        variables["REMOTE_ADDR"], variables["REMOTE_PORT"] = place.client
    if place.tls is not None:
        variables.update(place.tls)
    return variables


def split(path: str, mount: str) -> tuple[str, str]:
    """Return SCRIPT_NAME and PATH_INFO."""
    if path != mount and not path.startswith(f"{mount}/"):
        raise RequestRejected(404, "nothing is served there")
    return mount, path[len(mount) :]


def headers(fields: Fields) -> dict[str, str]:
    """Return what the client's fields become: HTTP_*, CONTENT_TYPE and CONTENT_LENGTH; repeated ones are joined."""
    variables: dict[str, str] = {}
    for name, value in fields:
        if hidden(name):
            continue
        key = variable(name)
        text = latin1(value)
        variables[key] = f"{variables[key]}{separator(key)}{text}" if key in variables else text
    return variables


def hidden(name: bytes) -> bool:
    """Say whether a field is kept from the app.

    X_A and X-A would become one variable, and Proxy the HTTP_PROXY that HTTP clients take for their configuration.
    """
    return b"_" in name or name.lower() == b"proxy"


def variable(name: bytes) -> str:
    """Return the variable that tells of the field `name`."""
    key = latin1(name).upper().replace("-", "_")
    return key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"


def separator(key: str) -> str:
    """Return what stands between the values of a repeated field (RFC 9110, section 5.3; RFC 6265, section 5.4)."""
    return "; " if key == "HTTP_COOKIE" else ", "


def wsgi(place: ServedAt, body: InputStream) -> dict[str, Any]:
    """Return the variables that PEP 3333 adds; `wsgi.input_terminated` says that reading ends with the body."""
    return {
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme(place),
        "wsgi.input": body,
        "wsgi.input_terminated": True,
        "wsgi.errors": errors(),
        "wsgi.multithread": place.threads,
        "wsgi.multiprocess": place.processes,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": FileWrapper,
    }


def scheme(place: ServedAt) -> str:
    """Return the scheme of the URLs at which the app is called."""
    return "http" if place.tls is None else "https"


def errors() -> TextIO:
    """Return wsgi.errors: the log. Python's stderr replaces what its encoding does not have."""
    return sys.stderr


def latin1(data: bytes) -> str:
    """Return bytes as the native string of the same numbers (PEP 3333, Unicode Issues)."""
    return data.decode("latin-1")
