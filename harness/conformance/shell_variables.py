"""Remove the environment variables of the user's shell from evidence. Pure.

Servers run with the user's environment, and some copy it into environ. People share reports: neither the values nor the
names of their variables may be in one.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from itertools import chain

import msgspec

from wsgi_gauntlet.harness.model import AppEvent

CGI_NAMES = frozenset(
    {
        "AUTH_TYPE",
        "CONTENT_LENGTH",
        "CONTENT_TYPE",
        "GATEWAY_INTERFACE",
        "PATH_INFO",
        "PATH_TRANSLATED",
        "QUERY_STRING",
        "REMOTE_ADDR",
        "REMOTE_HOST",
        "REMOTE_IDENT",
        "REMOTE_USER",
        "REQUEST_METHOD",
        "SCRIPT_NAME",
        "SERVER_NAME",
        "SERVER_PORT",
        "SERVER_PROTOCOL",
        "SERVER_SOFTWARE",
    }
)
"""Variables of a request (RFC 3875, section 4.1). A shell that is a CGI program has them too."""


def without_shell_variables(
    events: Iterable[AppEvent], shell: Mapping[str, str], own: Collection[str]
) -> tuple[AppEvent, ...]:
    """Return `events` without the variables of `shell`, the environment of the harness.

    Variables of a request stay, and those in `own`, which the case or the harness sets.
    """
    return tuple(_without(event, shell, own) for event in events)


def without_names(text: str, events: Iterable[AppEvent], shown: Iterable[AppEvent]) -> str:
    """Return `text`, a sentence about `events`, without the names of variables that `shown` has no more."""
    hidden = _variables(events) - _variables(shown) if text else ()
    names = "|".join(re.escape(each) for each in sorted(hidden) if len(each) > 1)
    return re.sub(rf"(?<![\w.-])(?:{names})(?![\w.-])", "(a variable of your shell)", text) if names else text


def _variables(events: Iterable[AppEvent]) -> set[str]:
    found = (event.detail.get(field) for event in events for field in ("environ", "types", "from_os"))
    return {name for each in found if isinstance(each, dict | list) for name in each if isinstance(name, str)}


def _without(event: AppEvent, shell: Mapping[str, str], own: Collection[str]) -> AppEvent:
    listed = event.detail.get("from_os")
    tables = [value for value in event.detail.values() if isinstance(value, dict)]
    found = chain(*tables, listed if isinstance(listed, list) else ())
    hidden = {each for each in found if isinstance(each, str) and each in shell} - CGI_NAMES - {*own}
    if not hidden:
        return event
    environ = event.detail.get("environ")
    values = environ if isinstance(environ, dict) else {}
    # HTTP_PROXY of a shell is no header, unless a request has that header too.
    hidden -= {each for each in hidden if each.startswith("HTTP_") and values.get(each, shell[each]) != shell[each]}
    detail = {
        name: {key: each for key, each in value.items() if key not in hidden} if isinstance(value, dict) else value
        for name, value in event.detail.items()
    }
    if isinstance(listed, list):
        detail["from_os"] = [each for each in listed if not (isinstance(each, str) and each in hidden)]
    return event if detail == event.detail else msgspec.structs.replace(event, detail=detail)
