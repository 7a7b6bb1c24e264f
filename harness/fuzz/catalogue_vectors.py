"""The requests of the cases in the catalogue, as traits. They show which disagreements a case already covers.

Each case runs once against an imitated server that takes everything and answers 200. Its bytes are recorded. No server
is started, and no time passes: the clock jumps over each time-out.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import cast

import trio
import trio.testing

from wsgi_gauntlet.harness.conformance.catalog import Case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.errors import Skipped
from wsgi_gauntlet.harness.fuzz.traits import Place, Trait, traits
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.connection import Connection, Transcript
from wsgi_gauntlet.harness.http.parser import ConnectionState
from wsgi_gauntlet.harness.http.segmentation import Segmentation
from wsgi_gauntlet.harness.model import AppEvent, ConnectionEventKind
from wsgi_gauntlet.harness.server.app_events import AppEventChannel
from wsgi_gauntlet.harness.server.instance import ServerInstance

MAX_VECTOR_BYTES = 5000
"""Bytes of one connection that are looked at; longer vectors are about limits."""

MAX_STEPS = 200
"""Steps of one case: some wait in a loop for an event that the imitated server never causes."""

NEUTRAL_PLACES = (Place.BODY, Place.AFTER)
"""Places whose traits are only the occasion, if the request has other traits too."""

SAYS_CLOSE = Trait(Place.CONNECTION, "is 'close'")
"""Many cases close the connection after their request."""

Vectors = Mapping[frozenset[Trait], Sequence[str]]
"""The ids of the cases that send requests with these traits."""


def catalogue_vectors(cases: Iterable[Case]) -> Vectors:
    """Return the traits of all requests that `cases` send, each with the ids of its cases, those of HTTP first."""
    return trio.run(_all_vectors, list(cases), clock=trio.testing.MockClock(autojump_threshold=0))


def covering_cases(found: frozenset[Trait], vectors: Vectors) -> tuple[str, ...]:
    """Return the ids of the cases that send a request with exactly these traits, neutral ones left out."""
    exact = vectors.get(found, ())
    essential = _essential(found)
    if exact or not essential:
        return tuple(exact)
    return tuple(dict.fromkeys(id_ for sent, ids in vectors.items() if _essential(sent) == essential for id_ in ids))


def _essential(found: frozenset[Trait]) -> frozenset[Trait]:
    return frozenset(each for each in found if each.place not in NEUTRAL_PLACES and each != SAYS_CLOSE)


async def _all_vectors(cases: Sequence[Case]) -> Vectors:
    found: dict[frozenset[Trait], list[str]] = {}
    for case in sorted(cases, key=lambda each: not each.id.startswith("http/")):
        if case.own_app or case.setup.tls:
            continue
        for data in await _sent(case):
            ids = found.setdefault(traits(data), [])
            if case.id not in ids:
                ids.append(case.id)
    return found


async def _sent(case: Case) -> list[bytes]:
    """Return what `case` sends on each connection: its first piece, and all of it."""
    transcript = Transcript()
    exchange = _RecordedExchange(transcript)
    with trio.move_on_after(case.deadline):
        with contextlib.suppress(Exception):  # the imitated server does not satisfy the case; its bytes are known
            await case.run(exchange)
    pieces: dict[int, list[bytes]] = {}
    for event in transcript.events:
        if event.kind is ConnectionEventKind.SENT:
            pieces.setdefault(event.connection, []).append(event.data)
    found = {data for each in pieces.values() for data in (each[0], b"".join(each))}
    return sorted(each for each in found if 0 < len(each) <= MAX_VECTOR_BYTES and b" /sync " not in each)


class _RecordedExchange(Exchange):
    """An exchange with an imitated server."""

    def __init__(self, transcript: Transcript) -> None:
        imitated = SimpleNamespace(
            address=Address(port=80),
            settings=SimpleNamespace(mount=""),
            plan=SimpleNamespace(page="/", settings=SimpleNamespace(mount="")),
            channel=AppEventChannel.unobserved(),
            log_position=lambda: 0,
            log_since=lambda _position: "",
            log_visible=True,
            ended="",
            alive=True,
            history=[],
        )
        super().__init__(cast("ServerInstance", imitated), "token", transcript)
        self._steps = 0

    def _step(self) -> None:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise Skipped("the case waits for something that the imitated server does not do")

    async def _connect(
        self,
        transcript: Transcript,
        segmentation: Segmentation,  # noqa: ARG002
        *,
        tls: bool = True,  # noqa: ARG002
        source: str = "",  # noqa: ARG002
    ) -> Connection:
        self._step()
        return _RecordedConnection(transcript)

    def events(self, kind: str | None = None) -> list[AppEvent]:  # noqa: ARG002
        self._step()
        return []

    async def event(self, kind: str, *, timeout: float = 0, count: int = 1) -> AppEvent:  # noqa: ARG002
        self._step()
        return AppEvent(0.0, kind, 1, 1, self.token, detail={"environ": {}, "data": "", "path": "/", "length": 0})

    async def log(self, needle: str, *, timeout: float = 0) -> bool:  # noqa: ARG002
        return True

    async def send_sync_request(self) -> bool:
        self._step()
        return True


class _RecordedConnection(Connection):
    """A connection that records what is sent, and answers each piece with 200."""

    def __init__(self, transcript: Transcript) -> None:
        super().__init__(cast("trio.SocketStream", None), transcript, transcript.connection())

    async def send(self, data: bytes, timeout: float = 5.0, *, reading: bool = True) -> bool:  # noqa: ARG002
        self._record(ConnectionEventKind.SENT, data)
        self._inbox += b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\ngauntlet token\n"
        await trio.lowlevel.checkpoint()
        return True

    async def send_segments(self, segments: Iterable[bytes], pause: float = 0.0) -> bool:  # noqa: ARG002
        return await self.send(b"".join(segments))

    async def half_close(self) -> bool:
        return True

    async def close(self) -> None:
        await trio.lowlevel.checkpoint()

    async def abort(self) -> None:
        await trio.lowlevel.checkpoint()

    async def _receive(self) -> bool:
        await trio.lowlevel.checkpoint()
        self._state = ConnectionState.EOF
        return False
