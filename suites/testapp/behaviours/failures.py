"""Failures of the app: `/fail?when=...`."""

from __future__ import annotations

from typing import Any, Iterator

from ..core.call import BINARY, OK, TEXT, Call
from .start_response import PlannedError

SECRET = "gauntlet-secret-5f3a"
"""A part of every planned exception's text. A client must not see it: then everybody could."""


def fail(call: Call) -> Any:
    """Fail as `when` says, one of `_FAILURES`.

    `mid-body` sends its first block as binary, so that no error text may be added; `type=text` makes it text, and
    `length=N` promises N bytes.
    """
    return _FAILURES[call.query["when"]](call)


def _before_start(call: Call) -> Any:
    raise PlannedError(f"before start_response: {SECRET} {call.token}")


def _after_start(call: Call) -> Any:
    call.start(OK, [TEXT, ("X-Too-Early", "yes")])
    raise PlannedError(f"after start_response: {SECRET} {call.token}")


def _mid_body(call: Call) -> Iterator[bytes]:
    length_header = [("Content-Length", call.query["length"])] if "length" in call.query else []
    call.start(OK, [TEXT if call.query.get("type") == "text" else BINARY, *length_header])
    yield b"first\n"
    raise PlannedError(f"in the middle of the body: {SECRET} {call.token}")


def _written_body(call: Call) -> list[bytes]:
    call.start(OK, [BINARY])(b"first\n")
    raise PlannedError(f"after write(): {SECRET} {call.token}")


def _unstarted_generator(call: Call) -> Iterator[bytes]:
    raise PlannedError(f"by the first next(), before start_response: {SECRET} {call.token}")
    yield b""  # which makes it a generator


def _started_generator(call: Call) -> Iterator[bytes]:
    call.start(OK, [TEXT, ("X-Too-Early", "yes")])
    raise PlannedError(f"by the first next(), after start_response: {SECRET} {call.token}")
    yield b""  # which makes it a generator


def _blank_first(call: Call) -> Iterator[bytes]:
    call.start(OK, [TEXT, ("X-Too-Early", "yes")])
    yield b""
    raise PlannedError(f"after an empty block: {SECRET} {call.token}")


def _system_exit(call: Call) -> Any:
    raise SystemExit(f"asked to leave: {SECRET} {call.token}")


def _no_start(call: Call) -> list[bytes]:  # noqa: ARG001 - all ways take the call
    return [b"a body without a status\n"]


def _none(call: Call) -> None:
    call.start()


def _none_unstarted(call: Call) -> None:  # noqa: ARG001 - all ways take the call
    return


def _not_latin1(call: Call) -> list[bytes]:
    call.start(OK, [TEXT, ("X-Snowman", "\u2603"), ("X-After", "yes"), ("Content-Length", "5")])
    return [b"body\n"]


def _status_not_latin1(call: Call) -> list[bytes]:
    call.start("200 Snowman \u2603", [TEXT, ("Content-Length", "5")])
    return [b"body\n"]


_FAILURES = {
    "before-start": _before_start,
    "after-start": _after_start,
    "mid-body": _mid_body,
    "written-body": _written_body,
    "generator-unstarted": _unstarted_generator,
    "generator-started": _started_generator,
    "blank-first": _blank_first,
    "system-exit": _system_exit,
    "no-start": _no_start,
    "none": _none,
    "none-unstarted": _none_unstarted,
    "not-latin1": _not_latin1,
    "status-not-latin1": _status_not_latin1,
}
