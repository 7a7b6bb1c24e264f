"""The common parts of the apps that are written with frameworks.

Each of flask_app.py, django_app.py, pyramid_app.py, falcon_app.py and bottle_app.py answers the same paths, with the
request and response objects of its framework: /seen/..., /form, /upload, /cookies, /article, /download, /streamed,
/moved, /missing, /broken and /unchanged. All other paths go through a catch-all route to the test app.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Tuple

from ..core.call import Call
from ..core.event_channel import hold

GET_VIEWS = ("cookies", "article", "download", "streamed", "moved", "missing", "broken", "unchanged")
"""The views for GET requests."""

FRAMEWORK_PATHS = ("seen", "form", "upload", *GET_VIEWS)
"""The first segments of all paths that a framework itself answers."""

PAGE = "a page of the framework's\n"

ENTITY_TAG = "v1"
"""The entity tag of /unchanged, without its quotes."""

COOKIE_KEY = "signs the cookies of a test"

DOWNLOAD_FILE = Path(__file__).absolute()
"""The file that /download sends: it exists wherever the app runs."""


class ViewError(Exception):
    """The error of the view /broken, which nobody catches."""


def call_from_environ(environ: Dict[str, Any]) -> Call:
    """Return the Call of a view's request."""
    return Call((environ, None), {})


def report_request(environ: Dict[str, Any]) -> None:
    """Report the environ of a view's request; the test app reports its own requests."""
    call = call_from_environ(environ)
    if call.path.lstrip("/").partition("/")[0] in FRAMEWORK_PATHS:
        call.report()


def request_token(environ: Dict[str, Any]) -> str:
    """Return the attempt that a request belongs to."""
    return call_from_environ(environ).token


def held_blocks(environ: Dict[str, Any]) -> Iterator[bytes]:
    """Yield a block, wait at the barrier `second`, and yield another."""
    token = request_token(environ)
    yield b"block 1\n"
    hold(token, "second")
    yield b"block 2\n"


def digest(data: bytes) -> Dict[str, Any]:
    """Return the size and the SHA-256 of an upload."""
    return {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def call_test_app(app: Callable[..., Any], environ: Dict[str, Any]) -> Tuple[str, List[Tuple[str, str]], bytes]:
    """Call the test app `app` in a view; return the status line, headers and body of its response."""
    status_and_headers: List[Any] = []

    def start_response(status: str, headers: Any, _exc_info: Any = None) -> Any:
        status_and_headers[:] = [status, headers]
        return None

    body = b"".join(app(environ, start_response))
    return status_and_headers[0], status_and_headers[1], body
