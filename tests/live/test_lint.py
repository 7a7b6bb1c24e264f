"""Every kind of finding comes out of what a real connection carried: answers with one fault each, over a socket."""

from __future__ import annotations

import pytest
import trio

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.connection import Connection, Transcript
from wsgi_gauntlet.harness.http.lint import linter as module
from wsgi_gauntlet.harness.http.lint.kinds import LintKind, kind_of
from wsgi_gauntlet.harness.http.lint.linter import STAYS_OPEN_SECONDS, lint

from ..unit.harness.http.lint.test_linter import BAD, CLOSED_AT_ONCE, NOW, WATCHED

pytestmark = pytest.mark.live


async def lint_kinds(received: bytes, sent: bytes, ending: str) -> list[str]:
    """Return the kinds that lint finds where a server answers `sent` with `received`."""
    transcript = Transcript()

    async def answer(stream: trio.SocketStream) -> None:
        await stream.receive_some()
        await stream.send_all(received)
        if ending == CLOSED_AT_ONCE:
            await stream.aclose()
        else:
            await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, answer, [listener])
        wire = await Connection.open(Address(port=listener.socket.getsockname()[1]), transcript)
        await wire.send(sent, reading=False)
        await wire.receive_until(received[-20:], timeout=5)
        if ending in (CLOSED_AT_ONCE, WATCHED):
            await wire.ending(STAYS_OPEN_SECONDS + 0.1 if ending == WATCHED else 5)
        await wire.close()
        nursery.cancel_scope.cancel()
    return [kind_of(finding) for finding in lint(transcript.events, (), NOW)]


@pytest.mark.parametrize("kind", LintKind)
async def test_each_kind_is_found(kind: LintKind, monkeypatch: pytest.MonkeyPatch) -> None:
    # However slow this machine is, what is closed right after an answer is closed at once.
    monkeypatch.setattr(module, "IMMEDIATE_CLOSE_SECONDS", 60.0)
    monkeypatch.setattr(module, "RECENT_SEND_SECONDS", 60.0)
    _, received, sent, ending = next(bad for bad in BAD if bad[0] is kind)
    assert await lint_kinds(received, sent, ending) == [kind]


async def test_a_connection_that_is_left_open_is_found() -> None:
    _, received, sent, ending = next(bad for bad in BAD if bad[3] == WATCHED)
    assert await lint_kinds(received, sent, ending) == [LintKind.CLOSE_NOT_HONOURED]
