"""Every kind of finding comes out of what a real connection carried: answers with one fault each, over a socket."""

from __future__ import annotations

import pytest
import trio

from wsgi_gauntlet.harness.address import Address
from wsgi_gauntlet.harness.attempts import lint as module
from wsgi_gauntlet.harness.attempts.lint import STAYS_OPEN, lint
from wsgi_gauntlet.harness.attempts.lint_kinds import Kind, kind_of
from wsgi_gauntlet.harness.wire import Transcript, Wire

from ..harness.attempts.test_lint import BAD, CLOSED_AT_ONCE, NOW, WATCHED

pytestmark = pytest.mark.live


async def told(received: bytes, sent: bytes, ending: str) -> list[str]:
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
        wire = await Wire.open(Address(port=listener.socket.getsockname()[1]), transcript)
        await wire.send(sent, reading=False)
        await wire.receive_until(received[-20:], timeout=5)
        if ending in (CLOSED_AT_ONCE, WATCHED):
            await wire.ending(STAYS_OPEN + 0.1 if ending == WATCHED else 5)
        await wire.close()
        nursery.cancel_scope.cancel()
    return [kind_of(finding) for finding in lint(transcript.events, (), NOW)]


@pytest.mark.parametrize("kind", Kind)
async def test_each_kind_is_found(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    # However slow this machine is, what is closed right after an answer is closed at once.
    monkeypatch.setattr(module, "AT_ONCE", 60.0)
    monkeypatch.setattr(module, "RECENT", 60.0)
    _, received, sent, ending = next(bad for bad in BAD if bad[0] is kind)
    assert await told(received, sent, ending) == [kind]


async def test_a_connection_that_is_left_open_is_found() -> None:
    _, received, sent, ending = next(bad for bad in BAD if bad[3] == WATCHED)
    assert await told(received, sent, ending) == [Kind.CLOSE_IGNORED]
