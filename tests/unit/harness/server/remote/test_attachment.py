"""What the plain requests before a check show: a proxy on the way, and processes whose events do not arrive."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.harness.http.parser import Response
from wsgi_gauntlet.harness.model import AppEvent
from wsgi_gauntlet.harness.server.remote.attachment import TrialRequest, describe_front, is_unaware, missing_message

from .....helpers.target_app import serve

TRIALS = [TrialRequest(f"t.{number}", Response(status=200), 4000 + number) for number in range(3)]


def called(token: str, **environ: str) -> AppEvent:
    return AppEvent(0, "called", 1, 1, token, detail={"environ": {"SERVER_PROTOCOL": "HTTP/1.1", **environ}})


def test_a_server_without_a_proxy() -> None:
    assert describe_front(TRIALS, [called("t.0"), called("t.1", REMOTE_PORT="4001")]) == ""


@pytest.mark.parametrize(
    ("environ", "sign"),
    [
        ({"REMOTE_PORT": "50000"}, "other connections"),
        ({"HTTP_X_FORWARDED_FOR": "127.0.0.1"}, "X-Forwarded-For"),
        ({"HTTP_VIA": "1.1 varnish"}, "Via"),
        ({"SERVER_PROTOCOL": "HTTP/1.0"}, "HTTP/1.0"),
    ],
)
def test_signs_of_a_proxy(environ: dict[str, str], sign: str) -> None:
    assert sign in describe_front(TRIALS, [called("t.0"), called("t.1", **environ)])


def test_the_own_port_excludes_a_proxy() -> None:
    """A server may add such a field, or report a wrong version: cases must judge that."""
    assert describe_front(TRIALS, [called("t.1", REMOTE_PORT="4001", SERVER_PROTOCOL="HTTP/1.0")]) == ""


def test_a_unix_socket_has_no_port() -> None:
    trials = [TrialRequest("t.0", Response(status=200), 0)]
    assert describe_front(trials, [called("t.0", REMOTE_PORT="4001")]) == ""


def test_every_event_must_arrive() -> None:
    assert missing_message(TRIALS, [called("t.0"), called("t.1"), called("t.2")]) == ""
    assert "2 of 3 plain requests" in missing_message(TRIALS, [called("t.1"), called("another")])


def test_a_process_that_knows_of_no_check_is_recognized_by_its_own_page() -> None:
    """Each server changes the status line and the head, but not the body."""
    status, body = serve("/echo/0")
    assert status.startswith("404")
    assert is_unaware(Response(status=404, body=body))
    assert not is_unaware(Response(status=404, body=b"<h1>no such page of nginx</h1>"))
    assert not is_unaware(Response(status=502, body=body))
