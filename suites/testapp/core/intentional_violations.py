"""Calls whose responses break the rules of HTTP on purpose: the server is not the cause of what lint finds there."""

from __future__ import annotations

from typing import Mapping

RULE_BREAKING_BEHAVIOURS = frozenset(
    {"inject", "odd-case", "odd-length", "start-wrongly", "too-long", "too-short", "two-lengths"},
)
"""Behaviours that give the server headers, or a body, that no response may have."""

ABORTING_BEHAVIOURS = frozenset(
    {"closing-after-error", "closing-after-start-error", "closing-badly", "fail", "str-block", "str-written"}
)
"""Behaviours after which the server cannot complete a response that has begun."""

NO_CONTENT_STATUSES = ("1", "204", "205", "304")
"""Prefixes of the statuses without a body; `respond` gives them one, and its length."""

SERVER_OWNED_PARAMETERS = frozenset(
    {"h-connection", "h-content-length", "h-date", "h-keep-alive", "h-server", "h-transfer-encoding", "h-upgrade"}
)
"""Parameters that make `respond` give headers that only the server may give."""


def odd(path: str, query: Mapping[str, str]) -> str:
    """Return `all` if the app may cause any fault of the response, `end` if it may cause a missing end, else ''."""
    name = path.split("/", 2)[1] if path.startswith("/") else ""
    if name in RULE_BREAKING_BEHAVIOURS or (name == "respond" and _is_rule_breaking_response(query)):
        return "all"
    return "end" if name in ABORTING_BEHAVIOURS else ""


def _is_rule_breaking_response(query: Mapping[str, str]) -> bool:
    body = query.get("framing") != "empty"
    return (body and query.get("status", "").startswith(NO_CONTENT_STATUSES)) or any(
        key.lower() in SERVER_OWNED_PARAMETERS for key in query
    )
