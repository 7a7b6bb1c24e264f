"""Uses of wsgi.file_wrapper, if the server has one."""

from __future__ import annotations

import io
import tempfile
from typing import Any, Callable, Iterator

from ..core.call import BINARY, OK, Call
from ..core.event_channel import emit
from ..core.pattern import pattern

CONTENT = b"".join(b"line %04d\n" % number for number in range(200))
"""2,000 bytes in which every position is different from any other."""

OFFSET_BYTES = 100
"""The position in the file when the server gets it."""

DECLARED_BYTES = 50
"""A Content-Length that is smaller than the file."""


class _Readable:
    """The minimal file-like object: read() alone."""

    def __init__(self, content: bytes) -> None:
        self._file = io.BytesIO(content)

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes, or the rest."""
        return self._file.read(size)


class _Closing(_Readable):
    """A file-like object whose close() is reported as `closed`."""

    def __init__(self, content: bytes, token: str) -> None:
        super().__init__(content)
        self._token = token

    def close(self) -> None:
        """Report the call."""
        emit("closed", self._token, {})


def file_wrapper(call: Call) -> Any:
    """Use wsgi.file_wrapper as `what` says, or report `absent` if environ has none."""
    wrapper = call.environ.get("wsgi.file_wrapper")
    if wrapper is None:
        call.emit("absent")
        return call.text("no wsgi.file_wrapper\n")
    return _WRAPPER_USES[call.query["what"]](call, wrapper)


def sized_file(call: Call) -> Any:
    """Answer a file with `size` bytes of the pattern by wsgi.file_wrapper; 404 if environ has none."""
    wrapper = call.environ.get("wsgi.file_wrapper")
    if wrapper is None:
        return call.text("no wsgi.file_wrapper\n", "404 Not Found")
    size = call.int_parameter("size", 0)
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the server closes it
    file.write(pattern(size))
    file.seek(0)
    call.start(OK, [BINARY, ("Content-Length", str(size))] if call.query.get("declared") == "yes" else [BINARY])
    return wrapper(file)


def _call(call: Call, wrapper: Callable[..., Any]) -> Any:
    for where, arguments in (("one", (io.BytesIO(CONTENT),)), ("two", (io.BytesIO(CONTENT), 512))):
        call.attempt(where, wrapper, *arguments)
    return call.text("called\n")


def _iterate(call: Call, wrapper: Callable[..., Any]) -> Any:
    def collect() -> None:
        blocks = list(iter(wrapper(io.BytesIO(CONTENT), 512)))
        call.emit("iterated", blocks=len(blocks), whole=b"".join(blocks) == CONTENT)

    call.attempt("iterate", collect)
    return call.text("iterated\n")


def _iterate_readable(call: Call, wrapper: Callable[..., Any]) -> Any:
    def collect() -> None:
        blocks = list(iter(wrapper(_Readable(CONTENT), 512)))
        call.emit("iterated", blocks=len(blocks), whole=b"".join(blocks) == CONTENT)

    call.attempt("iterate", collect)
    return call.text("iterated\n")


def _close_it(call: Call, wrapper: Callable[..., Any]) -> Any:
    wrapped = wrapper(_Closing(CONTENT, call.token))
    call.attempt("close", lambda: wrapped.close())
    return call.text("closed\n")


def _unused(call: Call, wrapper: Callable[..., Any]) -> Any:
    call.start(OK, [BINARY])
    wrapper(_real_file())
    call.hold("wrapped")
    return [b"something else\n"]


def _close(call: Call, wrapper: Callable[..., Any]) -> Any:
    call.start(OK, [BINARY])
    return wrapper(_Closing(CONTENT, call.token))


def _file(call: Call, wrapper: Callable[..., Any]) -> Any:
    call.start(OK, [BINARY])
    return wrapper(_real_file())


def _memory(call: Call, wrapper: Callable[..., Any]) -> Any:
    call.start(OK, [BINARY])
    return wrapper(io.BytesIO(CONTENT), 512)


def _readable(call: Call, wrapper: Callable[..., Any]) -> Any:
    call.start(OK, [BINARY])
    return wrapper(_Readable(CONTENT), 512)


def _offset(call: Call, wrapper: Callable[..., Any]) -> Any:
    call.start(OK, [BINARY])
    return wrapper(_real_file(OFFSET_BYTES))


def _moved(call: Call, wrapper: Callable[..., Any]) -> Any:
    call.start(OK, [BINARY])
    file = _real_file()
    wrapped = wrapper(file)
    file.seek(OFFSET_BYTES)
    return wrapped


def _declared(call: Call, wrapper: Callable[..., Any]) -> Any:
    call.start(OK, [BINARY, ("Content-Length", str(DECLARED_BYTES))])
    return wrapper(_real_file())


def _slice(call: Call, wrapper: Callable[..., Any]) -> Any:
    """Wrap the file of the kind `kind` from `position` on, with Content-Length `length`.

    `left=N` cuts the file to N bytes after the call of the wrapper.
    """
    position = call.int_parameter("position", 0)
    call.start(OK, [BINARY, ("Content-Length", call.query["length"])])
    if call.query.get("kind") == "file":
        file = _real_file(position)
    else:
        file = io.BytesIO(CONTENT)
        file.seek(position)
    wrapped = wrapper(file)
    if "left" in call.query:
        file.truncate(call.int_parameter("left", 0))
    return wrapped


def _wrapped(call: Call, wrapper: Callable[..., Any]) -> Any:
    call.start(OK, [BINARY])

    def upper(blocks: Any) -> Iterator[bytes]:
        for block in blocks:
            yield block.upper()

    return upper(wrapper(_real_file(), 512))


def _real_file(position: int = 0) -> Any:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - the server closes it
    file.write(CONTENT)
    file.flush()
    file.seek(position)
    return file


_WRAPPER_USES = {
    "call": _call,
    "iterate": _iterate,
    "iterate-readable": _iterate_readable,
    "close-it": _close_it,
    "unused": _unused,
    "close": _close,
    "file": _file,
    "memory": _memory,
    "readable": _readable,
    "offset": _offset,
    "moved": _moved,
    "declared": _declared,
    "slice": _slice,
    "wrapped": _wrapped,
}
