"""The test app: `application`, and the choice of the behaviour for a request.

The first segment of the path names a behaviour: a public function of one of the modules below, with dashes for
underscores, that takes the Call. To add a behaviour, add one function. Unknown names are answered as /echo. The server
gets the result of the behaviour unchanged, so that observation does not change the behaviour of the server.
"""

from __future__ import annotations

import os
from types import FunctionType
from typing import Any, Callable, Dict, Iterator

from .behaviours import (
    basics,
    body,
    body_close,
    early_hints,
    environ,
    exits,
    failures,
    file_wrapper,
    fingerprint,
    input_stream,
    invalid_body,
    pages,
    proof,
    response_counter,
    response_shapes,
    start_response,
)
from .core.call import Call
from .core.dispatch import run_behaviour

MODULES = (
    basics,
    pages,
    response_counter,
    proof,
    environ,
    input_stream,
    start_response,
    body,
    body_close,
    failures,
    file_wrapper,
    response_shapes,
    invalid_body,
    exits,
    early_hints,
    fingerprint,
)

_behaviour_cache: Dict[str, Callable[[Call], Any]] = {}


def find_behaviour(path: str) -> Callable[[Call], Any]:
    """Return the behaviour for `path`."""
    name = path.split("/", 2)[1] if path.startswith("/") else ""
    known = _behaviour_cache.get(name)
    if known is None:
        known = _look_up(name)
        if known is not basics.echo:
            # Only existing names are cached: clients choose the path, and must not fill the server's memory.
            _behaviour_cache[name] = known
    return known


def _look_up(name: str) -> Callable[[Call], Any]:
    wanted = name.replace("-", "_")
    if not wanted.startswith("_"):
        for module in MODULES:
            found = vars(module).get(wanted)
            if isinstance(found, FunctionType) and found.__module__ == module.__name__:
                return found
    return basics.echo


def application(*positional: Any, **named: Any) -> Any:
    """Answer one request; take any arguments, so that wrong ones can be reported."""
    return run_behaviour(Call(positional, named), find_behaviour)


class CallableInstance:
    """An app that is an object with `__call__`: it has no name, no code and no signature."""

    def __call__(self, *positional: Any, **named: Any) -> Any:
        """Answer one request."""
        return _answer(*positional, **named)


class CallableClass:
    """An app that is a class: calling it makes the body, as AppClass in the PEP does."""

    def __init__(self, *positional: Any, **named: Any) -> None:
        self._body = _answer(*positional, **named)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._body)


_answer = application

KINDS: Dict[str, Any] = {"instance": CallableInstance(), "class": CallableClass}

application = KINDS.get(os.environ.get("WSGI_GAUNTLET_CALLABLE", ""), application)
"""The app for servers: the function, or the kind of callable that the environment variable names."""
