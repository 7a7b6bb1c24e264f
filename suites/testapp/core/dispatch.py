"""Run the behaviour of a request, and report the call to the harness."""

from __future__ import annotations

from typing import Any, Callable

from .call import Call
from .event_channel import describe_exception

UNREPORTED_BEHAVIOURS = frozenset(
    {
        *("nonce", "mine", "proof", "fingerprint"),
        *("input_lines", "sized_blocks", "sized_headers", "sized_file"),
    }
)
"""Behaviours that report nothing to the harness."""


def run_behaviour(call: Call, find: Callable[[str], Callable[[Call], Any]]) -> Any:
    """Answer `call` as the behaviour that `find` returns for its path."""
    try:
        behaviour = find(call.path)
        if behaviour.__name__ not in UNREPORTED_BEHAVIOURS:
            call.report()
        return behaviour(call)
    except Exception as raised:
        call.emit("raised", where="application", **describe_exception(raised))
        raise
