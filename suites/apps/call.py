"""One call of the app by the server, as the behaviours see it."""

from __future__ import annotations

import os
from typing import Any, Callable, Iterable, Mapping, Optional
from urllib.parse import parse_qsl

from .observing import Blocks, described, emit, hold, observed, plain
from .odd import odd

LONGEST_VALUE = 20000
"""Characters of a variable that an event carries; more are cut, and `cut` has the true length."""

ALWAYS_SHOWN = ("HTTP_", "SERVER_", "REMOTE_", "REQUEST_", "CONTENT_", "PATH_INFO", "QUERY_STRING", "SCRIPT_NAME")
"""Beginnings of names whose values are always told. Another variable that stands in the process's own environment with
the same value is told by name only: it may be somebody's secret, and a report is there to be shown."""

OK = "200 OK"
TEXT = ("Content-Type", "text/plain; charset=utf-8")
BINARY = ("Content-Type", "application/octet-stream")

Headers = Iterable["tuple[str, str]"]


class Call:
    """The arguments of one call, and what behaviours do with them."""

    def __init__(self, positional: tuple[Any, ...], named: Mapping[str, Any]) -> None:
        arguments = list(positional) + list(named.values())
        self.positional = len(positional)
        self.named = sorted(named)
        self.environ: Any = arguments[0] if arguments else {}
        self.start_response: Any = arguments[1] if len(arguments) > 1 else None
        self.path = str(self.environ.get("PATH_INFO") or "")
        self._query: Optional[dict[str, str]] = None
        self._token: Optional[str] = None

    @property
    def query(self) -> dict[str, str]:
        """The query's parameters; the last of a name counts."""
        if self._query is None:
            try:
                self._query = dict(parse_qsl(str(self.environ.get("QUERY_STRING") or ""), keep_blank_values=True))
            except ValueError:
                self._query = {}
        return self._query

    @property
    def token(self) -> str:
        """Which attempt at which case this request belongs to: X-Gauntlet, else `t=` in the query."""
        if self._token is None:
            given = self.environ.get("HTTP_X_GAUNTLET") or self.query.get("t", "")
            self._token = plain(str(given))[:200]
        return self._token

    def number(self, name: str, default: int) -> int:
        """Return a parameter as a whole number, `default` where it is missing or none."""
        try:
            return int(self.query.get(name, default))
        except ValueError:
            return default

    # ------------------------------------------------------------------ telling

    def emit(self, kind: str, **detail: Any) -> None:
        """Tell the harness that `kind` happened in this request."""
        emit(kind, self.token, detail)

    def hold(self, name: str) -> bool:
        """Wait at the barrier `name` until the case lets go; say whether it did."""
        return hold(self.token, name)

    def attempt(self, where: str, function: Callable[..., Any], *arguments: Any) -> tuple[Any, Optional[BaseException]]:
        """Call `function` and report what came of it: `returned` or `raised`. Returns the result and the exception."""
        try:
            result = function(*arguments)
        except Exception as raised:
            self.emit("raised", where=where, **described(raised))
            return None, raised
        self.emit("returned", where=where, type=type(result).__name__, callable=callable(result))
        return result, None

    # ------------------------------------------------------------------ answering

    def start(self, status: str = OK, headers: Headers = (TEXT,)) -> Callable[[bytes], Any]:
        """Begin the response with exactly these headers, and return the server's write()."""
        write: Callable[[bytes], Any] = self.start_response(status, list(headers))
        return write

    def text(self, body: str, status: str = OK, extra: Headers = ()) -> list[bytes]:
        """Answer with a short text whose length is given."""
        data = body.encode("utf-8", "backslashreplace")
        self.start(status, [TEXT, ("Content-Length", str(len(data))), *extra])
        return [data]

    def blocks(self, blocks: Iterable[Any]) -> Blocks:
        """Return `blocks` as a body that reports every step of the server with it."""
        return Blocks(self.token, blocks)

    # ------------------------------------------------------------------ what was called with what

    def report(self) -> None:
        """Tell of the call itself: the event `called`."""
        if not observed():
            return
        values, beyond, cut, from_os, wsgi = {}, {}, {}, [], {}
        items = list(self.environ.items())
        for key, value in items:
            if not isinstance(key, str):
                continue
            name = plain(key)
            if key.startswith("wsgi."):
                wsgi[name] = _shown(value)
            if not isinstance(value, str):
                continue
            own = os.environ.get(key) == value
            if own:
                from_os.append(name)
            if own and not key.startswith(ALWAYS_SHOWN):
                continue
            if any(character > "\xff" for character in value):
                beyond[name] = ascii(value)[:1000]
            if len(value) > LONGEST_VALUE:
                cut[name] = len(value)
            values[name] = plain(value[:LONGEST_VALUE])
        self.emit(
            "called",
            path=plain(self.path[:LONGEST_VALUE]),
            method=plain(str(self.environ.get("REQUEST_METHOD", ""))),
            query=plain(str(self.environ.get("QUERY_STRING", ""))[:LONGEST_VALUE]),
            environ=values,
            types={plain(str(key)): type(value).__name__ for key, value in items},
            odd_keys=[ascii(key) for key, _ in items if type(key) is not str],
            exact_dict=type(self.environ) is dict,
            environ_type=type(self.environ).__name__,
            positional=self.positional,
            named=self.named,
            wsgi=wsgi,
            beyond_latin1=beyond,
            cut=cut,
            from_os=from_os,
            odd=odd(self.path, self.query),
        )


def _shown(value: Any) -> dict[str, Any]:
    try:
        return {"repr": ascii(value)[:200], "true": bool(value)}
    except Exception as raised:
        return {"repr": "", "true": False, "raised": described(raised)}
