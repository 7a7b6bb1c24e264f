"""The test app for a server that somebody else starts: `check --target URL` and `load --target URL` use it.

    WSGI_GAUNTLET_TOKEN=... gunicorn wsgi_gauntlet.target:application

Without a token it serves nothing. It has all its behaviours only while a check with the token runs, else only those for
load. `wsgi-gauntlet target-app` prints it as one file that needs the standard library alone.
"""

from __future__ import annotations

from types import FunctionType
from typing import Any, Callable, Dict

from .behaviours.basics import echo
from .behaviours.control import control, no_such_page
from .behaviours.proof import proof
from .core.call import Call, deployment_token
from .core.dispatch import run_behaviour
from .core.event_store import use_event_store
from .reference import MODULES

LOAD_BEHAVIOURS = frozenset({"counted-page", "open-answers", "page", "proof", "sink"})
"""The behaviours that need no check."""

BEHAVIOURS: Dict[str, Callable[[Call], Any]] = {
    name.replace("_", "-"): each
    for module in reversed(MODULES)
    for name, each in vars(module).items()
    if isinstance(each, FunctionType) and each.__module__ == module.__name__ and not name.startswith("_")
}


def application(*positional: Any, **named: Any) -> Any:
    """Answer a request as the behaviour that the first segment of its path names."""
    call = Call(positional, named)
    name = first_segment(call.path)
    if name == "control":
        return control(call)
    token = deployment_token()
    if token and use_event_store(token).active() is not None:
        return run_behaviour(call, find_in_table)
    if name not in LOAD_BEHAVIOURS:
        return no_such_page(call)
    return BEHAVIOURS[name](call) if token else proof(call)


def first_segment(path: str) -> str:
    """Return the first segment of `path`, '' if there is none."""
    return path.split("/", 2)[1] if path.startswith("/") else ""


def find_in_table(path: str) -> Callable[[Call], Any]:
    """Return the behaviour for `path`; unknown names are answered as /echo."""
    return BEHAVIOURS.get(first_segment(path), echo)
