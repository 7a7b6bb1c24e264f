"""What the reference app tells the harness, called directly, and where it is held."""

from __future__ import annotations

import json
import socket
import threading
from typing import Any

import pytest

from wsgi_gauntlet.suites.testapp import reference
from wsgi_gauntlet.suites.testapp.core import event_channel

from ....helpers.testapp_client import FakeHarness, FakeServer, environ, run

# ------------------------------------------------------------------ reports


def test_every_call_is_reported_with_its_environ(harness: FakeHarness) -> None:
    run("/echo/a b?x=1", HTTP_X_ODD="\xe9", ODD=None)
    (event,) = harness.events()
    assert (event["kind"], event["token"], event["sequence"] >= 0) == ("called", "tok", True)
    detail = event["detail"]
    assert (detail["path"], detail["method"], detail["query"]) == ("/echo/a b", "GET", "x=1")
    assert detail["environ"]["HTTP_X_ODD"] == "\xe9"
    assert detail["types"]["ODD"] == "NoneType"
    assert detail["wsgi"]["wsgi.version"] == {"repr": "(1, 0)", "true": True}
    assert (detail["exact_dict"], detail["positional"], detail["named"]) == (True, 2, [])
    assert detail["beyond_latin1"] == {}


def test_events_of_a_process_are_numbered_without_gap(harness: FakeHarness) -> None:
    for _ in range(5):
        run("/echo")
    numbers = [event["sequence"] for event in harness.events()]
    assert numbers == list(range(numbers[0], numbers[0] + 5))


def test_what_json_cannot_carry_is_escaped_and_named(harness: FakeHarness) -> None:
    run("/echo", HTTP_X_WIDE="\u2603", HTTP_X_LONE="\udc80")
    (detail,) = harness.details("called")
    assert sorted(detail["beyond_latin1"]) == ["HTTP_X_LONE", "HTTP_X_WIDE"]
    assert detail["environ"]["HTTP_X_LONE"] == "\\udc80"


def test_a_long_value_is_cut_and_says_so(harness: FakeHarness) -> None:
    run("/echo", HTTP_X_LONG="x" * 50000)
    (detail,) = harness.details("called")
    assert detail["cut"] == {"HTTP_X_LONG": 50000}
    assert len(detail["environ"]["HTTP_X_LONG"]) == 20000


def test_an_event_too_large_for_a_datagram_says_so(harness: FakeHarness) -> None:
    run("/echo", **{f"HTTP_X_{number}": "\xff" * 20000 for number in range(10)})
    (detail,) = harness.details("called")
    assert detail["too_large"] > 180000
    assert detail["path"] == "/echo"


def test_the_process_environment_is_reported_by_name_only(
    harness: FakeHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOMEBODYS_SECRET", "hush")
    run("/echo", SOMEBODYS_SECRET="hush")
    (event,) = harness.events()
    assert "hush" not in json.dumps(event)
    assert event["detail"]["from_os"] == ["SOMEBODYS_SECRET"]


def test_keyword_arguments_are_served_and_reported(harness: FakeHarness) -> None:
    server = FakeServer()
    reference.application(environ=environ(), start_response=server.start_response)
    (detail,) = harness.details("called")
    assert (detail["positional"], detail["named"]) == (0, ["environ", "start_response"])


def test_a_missing_start_response_is_reported_and_raises_in_the_server(harness: FakeHarness) -> None:
    with pytest.raises(TypeError):
        reference.application(environ())
    assert harness.details("called")[0]["positional"] == 1
    assert harness.details("raised")[0]["where"] == "application"


def test_nothing_is_reported_when_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WSGI_GAUNTLET_EVENTS", raising=False)
    monkeypatch.delenv("WSGI_GAUNTLET_CONTROL", raising=False)
    monkeypatch.setattr(event_channel, "_sender", None)
    assert run("/closing?x=1")[1] == b"one\ntwo\n"
    assert run("/echo?hold=x")[1] == b"gauntlet tok\n"
    assert event_channel._sender is None


def test_a_harness_that_has_gone_disturbs_nothing(harness: FakeHarness) -> None:
    harness.socket.close()
    harness.events_path.unlink()
    assert run("/echo")[1] == b"gauntlet tok\n"


def test_a_full_socket_loses_an_event_after_a_bounded_wait(
    harness: FakeHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_channel, "TRIES", 2)
    for _ in range(600):
        run("/echo")
    first = harness.events()
    run("/echo")
    last = harness.events()[-1]
    assert len(first) < 600
    assert last["sequence"] == first[0]["sequence"] + 600


def test_what_the_server_raises_is_reported_and_goes_on_to_the_server(harness: FakeHarness) -> None:
    def refuse(*_arguments: Any) -> None:
        raise TypeError("not today")

    with pytest.raises(TypeError, match="not today"):
        reference.application(environ("/bare"), refuse)
    assert harness.details("raised") == [{"where": "application", "type": "TypeError", "text": "not today"}]


def test_an_exception_whose_text_raises_is_reported_all_the_same() -> None:
    class Odd(Exception):
        def __str__(self) -> str:
            raise ValueError

    assert event_channel.describe_exception(Odd()) == {"type": "Odd", "text": "(its text raised ValueError)"}


# ---------------------------------------------------------------------- barriers


def test_a_held_request_goes_on_when_it_is_let_go(harness: FakeHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WSGI_GAUNTLET_CONTROL", str(harness.control_path))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as control:
        control.bind(str(harness.control_path))
        control.listen()
        bodies: list[bytes] = []
        app = threading.Thread(target=lambda: bodies.append(run("/echo?hold=gate")[1]))
        app.start()
        peer, _ = control.accept()
        with peer:
            assert peer.recv(100) == b"tok:gate\n"
            assert bodies == []
            peer.sendall(b".")
            app.join(30)
    assert bodies == [b"gauntlet tok\n"]
    assert harness.details("passed") == [{"barrier": "gate", "released": True}]


def test_a_barrier_that_nobody_keeps_does_not_hold(harness: FakeHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WSGI_GAUNTLET_CONTROL", str(harness.control_path))
    assert run("/echo?hold=gate")[1] == b"gauntlet tok\n"
    assert harness.details("barrier-failed")[0]["barrier"] == "gate"
