"""The test app for a server that somebody else starts: `load --target URL` measures that server with it.

    WSGI_GAUNTLET_TOKEN=... gunicorn wsgi_gauntlet.target:application

It has only the behaviours for load. Without a token it serves none of them.
`wsgi-gauntlet target-app` prints it as one file that needs the standard library alone.
"""

from __future__ import annotations

from typing import Any, Callable, Dict

from .behaviours.pages import page, sink
from .behaviours.proof import proof
from .behaviours.response_counter import counted_page, open_answers
from .core.call import Call, deployment_token

BEHAVIOURS: Dict[str, Callable[[Call], Any]] = {
    "counted-page": counted_page,
    "open-answers": open_answers,
    "page": page,
    "proof": proof,
    "sink": sink,
}


def application(environ: Any, start_response: Any) -> Any:
    """Answer a request as the behaviour that the first segment of its path names."""
    call = Call((environ, start_response), {})
    name = call.path.split("/")[1] if call.path.startswith("/") else ""
    if name not in BEHAVIOURS:
        return call.text("this is the test app of wsgi-gauntlet; it has no such page\n", "404 Not Found")
    if not deployment_token():
        return proof(call)
    return BEHAVIOURS[name](call)
