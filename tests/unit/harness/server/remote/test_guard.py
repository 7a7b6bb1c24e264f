"""The guard of a target tells another server from a busy one, by its responses and sockets."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.harness.http.response import Response
from wsgi_gauntlet.harness.server.remote import guard as module
from wsgi_gauntlet.harness.server.remote.guard import Guard
from wsgi_gauntlet.harness.server.remote.proof import VerifiedAddress

HERE = frozenset({"1", "2"})
ANOTHER = Response(200, body=b"another server", raw=b"HTTP/1.1 200 OK", complete=True)


@pytest.fixture
def listening(monkeypatch: pytest.MonkeyPatch) -> list[frozenset[str]]:
    """What listens there, in a list of one; each look counts."""
    reported = [HERE]
    monkeypatch.setattr(module, "listeners", lambda _address: reported[0])
    monkeypatch.setattr(module, "LISTENER_CACHE_SECONDS", -1.0)
    return reported


def made() -> Guard:
    return Guard(VerifiedAddress("127.0.0.1", 8000), "", "token")


@pytest.mark.parametrize(
    ("seen", "may_connect"),
    [(HERE, True), ({"1"}, True), ({"1", "3"}, False), ({"3"}, False), (set(), False)],
)
def test_only_a_new_socket_is_a_strangers(listening: list[frozenset[str]], seen: set[str], may_connect: bool) -> None:
    guard = made()
    listening[0] = frozenset(seen)
    assert guard.may_connect() is may_connect


@pytest.mark.usefixtures("listening")
@pytest.mark.parametrize(
    "busy",
    [
        Response(),
        Response(503, complete=True, raw=b"x"),
        Response(429, complete=True, raw=b"x"),
        Response(408, complete=True, raw=b"x"),
        Response(200, body=b"wsgi-gaun", raw=b"x"),
    ],
)
async def test_a_busy_server_is_asked_again_and_another_one_is_not(
    busy: Response, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = [busy, busy, busy, ANOTHER]

    async def send_get(_address: object, _path: str) -> Response:
        return answers.pop(0)

    monkeypatch.setattr(module, "send_get", send_get)
    # Whatever is doubted is lost at once.
    monkeypatch.setattr(module, "MAX_SUSPENSION", -1.0)
    guard = made()
    await guard.watch()
    assert answers == []
    assert "it is not the test app" in str(guard.revoked)
