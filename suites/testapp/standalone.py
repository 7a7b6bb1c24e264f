"""The reference app for a server that somebody else starts: `load --target URL` measures that server with it.

    GAUNTLET_TOKEN=... gunicorn wsgi_gauntlet.suites.testapp.standalone:application

It has what load asks for and nothing else, and answers nothing at all where no token is set.
`wsgi-gauntlet target-app` prints it as one file that needs the standard library alone.
"""

from __future__ import annotations

import os
from typing import Any, Callable, Dict

from .behaviours.pages import page, sink
from .behaviours.proof import TOKEN_VARIABLE, proof
from .behaviours.response_counter import counted_page, open_answers
from .core.call import Call

BEHAVIOURS: Dict[str, Callable[[Call], Any]] = {
    "counted-page": counted_page,
    "open-answers": open_answers,
    "page": page,
    "proof": proof,
    "sink": sink,
}


def application(environ: Any, start_response: Any) -> Any:
    """Answer as the first segment of the path says."""
    call = Call((environ, start_response), {})
    name = call.path.split("/")[1] if call.path.startswith("/") else ""
    if name not in BEHAVIOURS:
        return call.text("this is the reference app of wsgi-gauntlet; nothing is here\n", "404 Not Found")
    if not os.environ.get(TOKEN_VARIABLE):
        return proof(call)
    return BEHAVIOURS[name](call)
