"""The control path of a target: the harness reads the app events there, and opens barriers.

    request    /control?a=ACTION&...&m=<HMAC-SHA256 of the query before it, under the token, hex>
    response   wsgi-gauntlet control <HMAC-SHA256 of m and of the rest of the body, under the token, hex>
               a line of JSON, then events

Nothing else gets a response other than 404. `hello` gives a new session for a challenge. Every other action has the
session and a number that grows with each request, so no request is accepted twice. The response contains m, which
contains the number or the challenge, so an old response proves nothing. The other end is
harness/server/remote/control.py.
"""

from __future__ import annotations

import hmac
import json
import os
import time
from typing import Any, Dict, Optional
from urllib.parse import parse_qsl

from ..core.app_version import app_version
from ..core.call import Call, deployment_token
from ..core.event_store import ActiveSession, EventStore, StoreUnusable, use_event_store
from .proof import CHALLENGE

MAX_MEETING_SECONDS = 2.0
"""The longest time that the action `meet` waits."""


def no_such_page(call: Call) -> Any:
    """Answer a request that is not for this app."""
    return call.text("this is the test app of wsgi-gauntlet; it has no such page\n", "404 Not Found")


def control(call: Call) -> Any:
    """Carry out a control request. Any other request is answered as an unknown page."""
    token = deployment_token()
    query, _, code = str(call.environ.get("QUERY_STRING") or "").encode("latin-1", "replace").rpartition(b"&m=")
    if not token or not hmac.compare_digest(code, _code(token, b"control " + query)):
        return no_such_page(call)
    values = dict(parse_qsl(query.decode("ascii", "replace"), keep_blank_values=True))
    try:
        found = _perform(use_event_store(token), values)
    except StoreUnusable as problem:
        found = {"error": str(problem)}
    except OSError as problem:
        found = {"error": "the store of events cannot be used: %s" % problem.strerror}
    except ValueError:
        found = None
    if found is None:
        return no_such_page(call)
    events = found.pop("events", b"")
    body = json.dumps(found).encode("ascii") + b"\n" + events
    signed = b"wsgi-gauntlet control " + _code(token, b"response " + code + b"\n" + body) + b"\n" + body
    call.start(
        "200 OK",
        [
            ("Content-Type", "application/octet-stream"),
            ("Content-Length", str(len(signed))),
            ("Cache-Control", "no-store, no-transform"),
        ],
    )
    return [signed]


def _code(token: str, data: bytes) -> bytes:
    return hmac.new(os.fsencode(token), b"wsgi-gauntlet " + data, "sha256").hexdigest().encode("ascii")


def _perform(store: EventStore, values: Dict[str, str]) -> Optional[Dict[str, Any]]:
    """Return the response to an action; None if the request is old or unknown."""
    action, session = values.get("a", ""), values.get("s", "")
    if action == "hello":
        if not CHALLENGE.fullmatch(values.get("c", "")):
            return None
        return {"session": store.offer(), "version": app_version(), "clock": time.monotonic(), "in_use": store.in_use()}
    number = int(values.get("n", ""))
    if action == "begin":
        return {} if store.begin(session, number) else None
    if not store.accept(session, number):
        return None
    active = store.active()
    if active is None:
        return None
    return _perform_in_session(store, active, action, values)


def _perform_in_session(
    store: EventStore, active: ActiveSession, action: str, values: Dict[str, str]
) -> Optional[Dict[str, Any]]:
    if action == "fetch":
        store.open_gates(active, values.get("open", "").split("."))
        start = int(values.get("from", "0")) if values.get("g") == str(active.generation) else 0
        events, more = store.read(active, start)
        return {"more": more, "generation": active.generation, "events": events}
    if action == "renew":
        store.new_generation(active)
        return {}
    if action == "meet":
        seconds = min(MAX_MEETING_SECONDS, int(values.get("ms", "0")) / 1000.0)
        return {"met": store.wait_for_gate(active, (values.get("gate", ""),), seconds)}
    if action == "barriers":
        store.activate(active._replace(barriers=values.get("on") == "1"))
        return {}
    if action == "end":
        store.end()
        return {}
    return None
