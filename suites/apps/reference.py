"""The reference app: `application`, and the way from a request's path to the behaviour that answers it.

The first segment of the path names a behaviour: a public function of one of the modules below, dashes for underscores,
taking the Call. Adding a behaviour is adding one function. What no behaviour is called answers as /echo does. The
server gets what the behaviour returns as it is, so that observing changes nothing of what the server does with it.
"""

from __future__ import annotations

import os
from types import FunctionType
from typing import Any, Callable, Dict, Iterator

from . import (
    basics,
    body,
    closing,
    counting,
    environ,
    errors,
    failing,
    file_wrapper,
    lengths,
    load,
    proof,
    reading,
    start_response,
)
from .call import Call
from .observing import described

MODULES = (
    basics,
    load,
    counting,
    proof,
    environ,
    reading,
    errors,
    start_response,
    body,
    closing,
    lengths,
    failing,
    file_wrapper,
)

QUIET = (basics.nonce, basics.mine, proof.proof)
"""Behaviours of which the harness is told nothing."""

_found: Dict[str, Callable[[Call], Any]] = {}


def behaviour(path: str) -> Callable[[Call], Any]:
    """Return the behaviour that answers `path`."""
    name = path.split("/", 2)[1] if path.startswith("/") else ""
    known = _found.get(name)
    if known is None:
        known = _look_up(name)
        if known is not basics.echo:
            # Only real names are kept: a client chooses the path, and must not fill the server's memory with it.
            _found[name] = known
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
        answer = behaviour(call.path)
        if answer not in QUIET:
            call.report()
        return answer(call)
    except Exception as raised:
        call.emit("raised", where="application", **described(raised))
        raise


class Instance:
    """An app that is an object with `__call__`: it has no name, no code and no signature to look at."""

    def __call__(self, *positional: Any, **named: Any) -> Any:
        """Answer one request."""
        return _answer(*positional, **named)


class Class:
    """An app that is a class: calling it makes the body, as the PEP's own AppClass does."""

    def __init__(self, *positional: Any, **named: Any) -> None:
        self._body = _answer(*positional, **named)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._body)


_answer = application

KINDS: Dict[str, Any] = {"instance": Instance(), "class": Class}

application = KINDS.get(os.environ.get("GAUNTLET_CALLABLE", ""), application)
"""What servers are given: the function, or where the process's environment asks for it another kind of callable."""
