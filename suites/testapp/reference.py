"""The reference app: `application`, and the way from a request's path to the behaviour that answers it.

The first segment of the path names a behaviour: a public function of one of the modules below, dashes for underscores,
taking the Call. Adding a behaviour is adding one function. What no behaviour is called answers as /echo does. The
server gets what the behaviour returns as it is, so that observing changes nothing of what the server does with it.
"""

from __future__ import annotations

import os
from types import FunctionType
from typing import Any, Callable, Dict, Iterator

from .behaviours import (
    basics,
    body,
    body_close,
    content_length,
    environ,
    errors_stream,
    failures,
    file_wrapper,
    input_stream,
    pages,
    proof,
    response_counter,
    start_response,
)
from .core.call import Call
from .core.event_channel import describe_exception

MODULES = (
    basics,
    pages,
    response_counter,
    proof,
    environ,
    input_stream,
    errors_stream,
    start_response,
    body,
    body_close,
    content_length,
    failures,
    file_wrapper,
)

UNREPORTED_BEHAVIOURS = (basics.nonce, basics.mine, proof.proof)
"""Behaviours of which the harness is told nothing."""

_behaviour_cache: Dict[str, Callable[[Call], Any]] = {}


def find_behaviour(path: str) -> Callable[[Call], Any]:
    """Return the behaviour that answers `path`."""
    name = path.split("/", 2)[1] if path.startswith("/") else ""
    known = _behaviour_cache.get(name)
    if known is None:
        known = _look_up(name)
        if known is not basics.echo:
            # Only real names are kept: a client chooses the path, and must not fill the server's memory with it.
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
    """Answer one request; takes any arguments, so that a server that passes the wrong ones can be told of it."""
    call = Call(positional, named)
    try:
        run_behaviour = find_behaviour(call.path)
        if run_behaviour not in UNREPORTED_BEHAVIOURS:
            call.report()
        return run_behaviour(call)
    except Exception as raised:
        call.emit("raised", where="application", **describe_exception(raised))
        raise


class CallableInstance:
    """An app that is an object with `__call__`: it has no name, no code and no signature to look at."""

    def __call__(self, *positional: Any, **named: Any) -> Any:
        """Answer one request."""
        return _answer(*positional, **named)


class CallableClass:
    """An app that is a class: calling it makes the body, as the PEP's own AppClass does."""

    def __init__(self, *positional: Any, **named: Any) -> None:
        self._body = _answer(*positional, **named)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._body)


_answer = application

KINDS: Dict[str, Any] = {"instance": CallableInstance(), "class": CallableClass}

application = KINDS.get(os.environ.get("GAUNTLET_CALLABLE", ""), application)
"""What servers are given: the function, or where the process's environment asks for it another kind of callable."""
