"""One call of the app by the server, as the behaviours see it."""

from __future__ import annotations

import os
from typing import Any, Callable, Iterable, Mapping, Optional
from urllib.parse import parse_qsl

from .event_channel import ReportedBody, describe_exception, emit, hold, is_observed, json_safe

MAX_VALUE_CHARACTERS = 20000
"""Characters of a variable in an event; more are cut, and `cut` has the true length."""

ALWAYS_REPORTED_PREFIXES = (
    "HTTP_",
    "SERVER_",
    "REMOTE_",
    "REQUEST_",
    "CONTENT_",
    "PATH_INFO",
    "QUERY_STRING",
    "SCRIPT_NAME",
)
"""The app always reports the values of variables whose names begin so. If another variable has the same value in the
environment of the process, the app reports only its name: the value may be a secret, and people share reports."""

TOKEN_VARIABLE = "WSGI_GAUNTLET_TOKEN"
OLD_TOKEN_VARIABLE = "GAUNTLET_TOKEN"
"""The environment variables with the token of a deployment; the second one is deprecated."""

OK = "200 OK"
TEXT = ("Content-Type", "text/plain; charset=utf-8")
BINARY = ("Content-Type", "application/octet-stream")

RULE_BREAKING_BEHAVIOURS = frozenset(
    {"inject", "odd-case", "odd-length", "start-wrongly", "too-long", "too-short", "two-lengths"},
)
"""Behaviours that give the server headers, or a body, that no response may have."""

ABORTING_BEHAVIOURS = frozenset(
    {
        *("closing-after-error", "closing-after-start-error", "closing-badly", "exits", "fail", "invalid-block"),
        *("invalid-result", "invalid-written", "str-block", "str-written"),
    }
)
"""Behaviours after which the server cannot complete a response that has begun."""

NO_CONTENT_STATUSES = ("1", "204", "205", "304")
"""Prefixes of the statuses without a body; `respond` gives them one, and its length."""

SERVER_OWNED_PARAMETERS = frozenset(
    {"h-connection", "h-content-length", "h-date", "h-keep-alive", "h-server", "h-transfer-encoding", "h-upgrade"}
)
"""Parameters that make `respond` give headers that only the server may give."""

Headers = Iterable["tuple[str, str]"]


class Call:
    """The arguments of one call of the app, and helpers for behaviours."""

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
        """The parameters of the query; the last one of a name counts."""
        if self._query is None:
            try:
                self._query = dict(parse_qsl(str(self.environ.get("QUERY_STRING") or ""), keep_blank_values=True))
            except ValueError:
                self._query = {}
        return self._query

    @property
    def token(self) -> str:
        """The attempt that this request belongs to: X-Gauntlet, else `t=` in the query."""
        if self._token is None:
            raw_token = self.environ.get("HTTP_X_GAUNTLET") or self.query.get("t", "")
            self._token = json_safe(str(raw_token))[:200]
        return self._token

    def int_parameter(self, name: str, default: int) -> int:
        """Return a parameter as a whole number, `default` if it is missing or no number."""
        try:
            return int(self.query.get(name, default))
        except ValueError:
            return default

    # ------------------------------------------------------------------ reports

    def emit(self, kind: str, **detail: Any) -> None:
        """Report the event `kind` of this request."""
        emit(kind, self.token, detail)

    def hold(self, name: str) -> bool:
        """Wait at the barrier `name` until the case releases it; return whether it did."""
        return hold(self.token, name)

    def attempt(self, where: str, function: Callable[..., Any], *arguments: Any) -> tuple[Any, Optional[BaseException]]:
        """Call `function` and report `returned` or `raised`. Return the result and the exception."""
        try:
            result = function(*arguments)
        except Exception as raised:
            self.emit("raised", where=where, **describe_exception(raised))
            return None, raised
        self.emit("returned", where=where, type=type(result).__name__, callable=callable(result))
        return result, None

    # ------------------------------------------------------------------ responses

    def start(self, status: str = OK, headers: Headers = (TEXT,)) -> Callable[[bytes], Any]:
        """Begin the response with exactly these headers, and return the server's write()."""
        write: Callable[[bytes], Any] = self.start_response(status, list(headers))
        return write

    def text(self, body: str, status: str = OK, extra: Headers = ()) -> list[bytes]:
        """Answer with a short text and its Content-Length."""
        data = body.encode("utf-8", "backslashreplace")
        self.start(status, [TEXT, ("Content-Length", str(len(data))), *extra])
        return [data]

    def blocks(self, blocks: Iterable[Any]) -> ReportedBody:
        """Return `blocks` as a body that reports every step."""
        return ReportedBody(self.token, blocks)

    # ------------------------------------------------------------------ the call itself

    def report(self) -> None:
        """Report the call itself: the event `called`."""
        if not is_observed():
            return
        values, not_latin1, cut, from_os, wsgi = {}, {}, {}, [], {}
        items = list(self.environ.items())
        for key, value in items:
            if not isinstance(key, str):
                continue
            name = json_safe(key)
            if key.startswith("wsgi."):
                wsgi[name] = _describe_wsgi_value(value)
            if not isinstance(value, str):
                continue
            same_as_process = os.environ.get(key) == value
            if same_as_process:
                from_os.append(name)
            if same_as_process and not key.startswith(ALWAYS_REPORTED_PREFIXES):
                continue
            if any(character > "\xff" for character in value):
                not_latin1[name] = ascii(value)[:1000]
            if len(value) > MAX_VALUE_CHARACTERS:
                cut[name] = len(value)
            values[name] = json_safe(value[:MAX_VALUE_CHARACTERS])
        self.emit(
            "called",
            path=json_safe(self.path[:MAX_VALUE_CHARACTERS]),
            method=json_safe(str(self.environ.get("REQUEST_METHOD", ""))),
            query=json_safe(str(self.environ.get("QUERY_STRING", ""))[:MAX_VALUE_CHARACTERS]),
            environ=values,
            types={json_safe(str(key)): type(value).__name__ for key, value in items},
            odd_keys=[ascii(key) for key, _ in items if type(key) is not str],
            exact_dict=type(self.environ) is dict,
            environ_type=type(self.environ).__name__,
            positional=self.positional,
            named=self.named,
            wsgi=wsgi,
            beyond_latin1=not_latin1,
            cut=cut,
            from_os=from_os,
            odd=odd(self.path, self.query),
        )


def deployment_token() -> str:
    """Return the token that this deployment was started with, '' if there is none."""
    return os.environ.get(TOKEN_VARIABLE) or os.environ.get(OLD_TOKEN_VARIABLE, "")


def _describe_wsgi_value(value: Any) -> dict[str, Any]:
    try:
        return {"repr": ascii(value)[:200], "true": bool(value)}
    except Exception as raised:
        return {"repr": "", "true": False, "raised": describe_exception(raised)}


def odd(path: str, query: Mapping[str, str]) -> str:
    """Return how a call breaks the rules of HTTP on purpose, for lint.

    `all`: the app may cause any fault of the response; `end`: it may cause a missing end; else ''.
    """
    name = path.split("/", 2)[1] if path.startswith("/") else ""
    if name in RULE_BREAKING_BEHAVIOURS or (name in ("respond", "shaped") and _is_rule_breaking_response(query)):
        return "all"
    # A slice of a file may be shorter than the Content-Length that the app declared.
    is_slice = name == "file-wrapper" and query.get("what") == "slice"
    return "end" if name in ABORTING_BEHAVIOURS or is_slice else ""


def _is_rule_breaking_response(query: Mapping[str, str]) -> bool:
    body = query.get("framing") != "empty"
    return (body and query.get("status", "").startswith(NO_CONTENT_STATUSES)) or any(
        key.lower() in SERVER_OWNED_PARAMETERS for key in query
    )
