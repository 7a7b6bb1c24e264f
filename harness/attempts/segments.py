"""Whether a server takes a request whatever place it is cut at into two segments.

It is the subject of cases of its own, and what every other case rests on that is sent in pieces: where it does not
hold, all of them would fail for the one reason, so they are sent whole alone.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

import trio

from ..errors import HarnessTrouble, ServerTrouble, Skipped
from ..expect import Violation, show
from ..launch import Running
from ..tasks import beside
from ..wire import Transcript
from .clock import patient
from .doubts import Pulse, held_up
from .exchange import Exchange

PATIENCE = 2.0
"""Seconds for an answer; a good server needs milliseconds."""

ENOUGH = 8.0
"""Seconds after whose first failure no further place is tried: where answers fail to come, each costs `PATIENCE`."""

TRIES = 6
"""Times that a request is cut everywhere, at most, until the harness has seen it fail twice while it was awake."""

CONTEXT = 24
"""Bytes before a cut that a message shows."""

BODY = b"hello"


@dataclass(frozen=True)
class Form:
    """A plain request to be cut: its method, path, fields and body as sent."""

    method: str
    path: str
    fields: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


FORMS: Mapping[str, Form] = {
    "get": Form("GET", "/echo"),
    "post": Form("POST", "/read", (("Content-Length", str(len(BODY))),), BODY),
    "chunked": Form("POST", "/read?to=end", (("Transfer-Encoding", "chunked"),), b"5\r\nhello\r\n0\r\n\r\n"),
}
"""What is cut at every place. The last is no part of what other cases rest on: a server need not take chunks."""


@dataclass(frozen=True)
class Cut:
    """A place at which a request was cut, 0 for whole: `behind` which bytes, and what was `wrong` ('' for nothing)."""

    at: int
    behind: bytes
    wrong: str


async def cut_everywhere(x: Exchange, form: Form) -> list[Cut]:
    """Send the request `form` once for each place, cut there, and return what came of each.

    Raises Skipped where it is not served whole.
    """
    whole = await _sent(x, form, 0)
    if form.body and not whole.wrong:
        (whole,) = await _read(x, [whole])
    if whole.wrong:
        raise Skipped(f"the request is not served in one piece either: {whole.wrong}")
    cuts: list[Cut] = []
    until = trio.current_time() + ENOUGH
    for at in range(1, len(_request(x, form, 1))):
        cuts.append(await _sent(x, form, at))
        if trio.current_time() > until and any(each.wrong for each in cuts):
            break
    return await _read(x, cuts) if form.body else cuts


def told(cuts: list[Cut]) -> str:
    """Return in a sentence at which of `cuts` the request failed, '' where it did at none."""
    wrong = [each for each in cuts if each.wrong]
    if not wrong:
        return ""
    first = wrong[0]
    places = ", ".join(str(each.at) for each in wrong[:20]) + ", …" * (len(wrong) > 20)
    return (
        f"cut behind byte {first.at} ({show(first.behind)}): {first.wrong}; "
        f"it failed at {len(wrong)} of {len(cuts)} places: {places}"
    )


class Cutting:
    """What is known of one server in one run: whether a request may be cut. Asked once, when it is first needed."""

    def __init__(self) -> None:
        self._asking = trio.Lock()
        self._answer: str | None = None

    async def refused(self, server: Running) -> str:
        """Return where `server`, which must be idle, takes no cut, in a sentence; '' where it takes each."""
        async with self._asking:
            if self._answer is None:
                self._answer = await _refused(server)
            return self._answer


async def _refused(server: Running) -> str:
    for form in (FORMS["get"], FORMS["post"]):
        # Twice, on connections of their own: what does not repeat is nobody's property.
        failed = 0
        for _ in range(TRIES):
            said = await _once(server, form)
            if said == "":
                break
            if said is not None and (failed := failed + 1) == 2:
                return said
    return ""


async def _once(server: Running, form: Form) -> str | None:
    """Return where the request failed; '' for nowhere, None where the harness stood still and nothing is known."""
    x = Exchange(server, secrets.token_hex(4), Transcript())
    pulse = Pulse()
    try:
        with patient():
            async with beside() as nursery:
                nursery.start_soon(pulse.beat)
                said = told(await cut_everywhere(x, form))
        return None if said and held_up(pulse, late=x.transcript.late) else said
    except (HarnessTrouble, ServerTrouble, Skipped, Violation):
        return ""  # it has troubles of another kind, which other cases tell of
    finally:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + 1):
            await x.close()


def _token(x: Exchange, at: int) -> str:
    return f"{x.token}.{at:04}"


def _request(x: Exchange, form: Form, at: int) -> bytes:
    fields = [*form.fields, ("Connection", "close")]
    return x.request(form.path, method=form.method, headers=fields, token=_token(x, at)) + form.body


async def _sent(x: Exchange, form: Form, at: int) -> Cut:
    data = _request(x, form, at)
    wire = await x.connect()
    await (wire.send_each([data[:at], data[at:]]) if at else wire.send(data))
    answer = await wire.response(timeout=PATIENCE)
    await wire.close()
    good = answer.status == 200 and answer.complete and answer.body == f"gauntlet {_token(x, at)}\n".encode()
    return Cut(at, data[max(0, at - CONTEXT) : at], "" if good else answer.describe())


async def _read(x: Exchange, cuts: list[Cut]) -> list[Cut]:
    """Return `cuts` with what the app read taken into account."""
    await x.fence()
    read = {each.token: each.detail.get("data", "").encode("latin-1") for each in x.events("body")}
    return [
        each
        if each.wrong or read.get(_token(x, each.at)) == BODY
        else Cut(each.at, each.behind, f"200, and the app read {show(read.get(_token(x, each.at)))}")
        for each in cuts
    ]
