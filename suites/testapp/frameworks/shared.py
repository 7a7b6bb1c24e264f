"""What the apps written with frameworks share: the reference app below a catch-all route, and what is the same in all.

Each of in_flask.py, in_django.py, in_pyramid.py, in_falcon.py and in_bottle.py answers the same paths, through its
framework's own request and response objects: /seen/..., /form, /upload, /cookies, /article, /download, /streamed,
/moved, /missing, /broken and /unchanged. Everything else goes through its catch-all route to the reference app.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Tuple

from ..core.call import Call
from ..core.event_channel import hold

GET_VIEWS = ("cookies", "article", "download", "streamed", "moved", "missing", "broken", "unchanged")
"""The views that are asked for by GET."""

FRAMEWORK_PATHS = ("seen", "form", "upload", *GET_VIEWS)
"""The first segments of all paths that a framework answers itself."""

PAGE = "a page of the framework's\n"

ENTITY_TAG = "v1"
"""The entity tag of /unchanged, without its quotes."""

COOKIE_KEY = "signs the cookies of a test"

DOWNLOAD_FILE = Path(__file__).absolute()
"""The file that /download sends: one that is there wherever the app runs."""


class ViewError(Exception):
    """What the view of /broken raises and nobody catches."""


def call_from_environ(environ: Dict[str, Any]) -> Call:
    """Return a request that a view was reached by, as the behaviours see one."""
    return Call((environ, None), {})


def report_request(environ: Dict[str, Any]) -> None:
    """Tell the harness with which environ a view was reached; the reference app tells of its own."""
    call = call_from_environ(environ)
    if call.path.lstrip("/").partition("/")[0] in FRAMEWORK_PATHS:
        call.report()


def request_token(environ: Dict[str, Any]) -> str:
    """Return which attempt at which case a request belongs to."""
    return call_from_environ(environ).token


def held_blocks(environ: Dict[str, Any]) -> Iterator[bytes]:
    """Yield a block, wait at the barrier `second`, and yield another."""
    token = request_token(environ)
    yield b"block 1\n"
    hold(token, "second")
    yield b"block 2\n"


def digest(data: bytes) -> Dict[str, Any]:
    """Return what tells one upload from another."""
    return {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def call_test_app(app: Callable[..., Any], environ: Dict[str, Any]) -> Tuple[str, List[Tuple[str, str]], bytes]:
    """Call `app`, the reference app, from within a view; return the status line, headers and body of its answer."""
    status_and_headers: List[Any] = []

    def start_response(status: str, headers: Any, _exc_info: Any = None) -> Any:
        status_and_headers[:] = [status, headers]
        return None

    body = b"".join(app(environ, start_response))
    return status_and_headers[0], status_and_headers[1], body
