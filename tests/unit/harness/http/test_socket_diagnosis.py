"""What the kernel says of the other end of a connection."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from wsgi_gauntlet.harness.http import socket_diagnosis as module
from wsgi_gauntlet.harness.http.socket_diagnosis import OtherEnd, diagnose_other_end

from ....helpers.requirements import fail_or_skip

ASKS_THE_KERNEL = """
import socket
from wsgi_gauntlet.harness.http import socket_diagnosis
with socket.create_server(("127.0.0.1", 0)) as listening, socket.create_connection(listening.getsockname()) as client:
    other, _ = listening.accept()
    with other:
        assert socket_diagnosis.other_end_closed(client) is False
    if {another}:
        socket_diagnosis._netlink.cache_clear()
"""


@pytest.mark.parametrize("another", [False, True], ids=["at exit", "in the middle"])
def test_the_socket_that_asks_the_kernel_is_closed(another: bool) -> None:
    program = ASKS_THE_KERNEL.format(another=another)
    done = subprocess.run(
        [sys.executable, "-X", "dev", "-c", program], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.fixture(params=["127.0.0.1", "::1"])
def ends(request: pytest.FixtureRequest) -> Iterator[tuple[socket.socket, socket.socket]]:
    """The two ends of a connection."""
    family = socket.AF_INET6 if ":" in request.param else socket.AF_INET
    try:
        listening = socket.create_server((request.param, 0), family=family)
    except OSError:
        fail_or_skip(f"this machine has no {request.param}; enable IPv6 on the loopback interface")
    with listening, socket.create_connection(listening.getsockname()[:2]) as own:
        other, _ = listening.accept()
        with other:
            yield own, other


def _other_end(own: socket.socket) -> OtherEnd:
    other_end = diagnose_other_end(own)
    assert other_end is not None
    return other_end


def test_it_counts_what_was_not_read(ends: tuple[socket.socket, socket.socket]) -> None:
    own, other = ends
    other_end = _other_end(own)
    assert other_end.unread_bytes() == 0
    own.sendall(b"12345")
    assert other_end.unread_bytes() == 5
    other.recv(2)
    assert other_end.unread_bytes() == 3
    other.recv(3)
    assert other_end.unread_bytes() == 0


def test_the_counters_of_both_ends_agree(ends: tuple[socket.socket, socket.socket]) -> None:
    own, other = ends
    own.sendall(b"1234567")
    other.recv(7)
    own.sendall(b"890")
    other.sendall(b"what comes back is counted apart")
    other.recv(3)
    assert _other_end(own)._unreceived_bytes() == 0


def test_bytes_beside_an_empty_queue_are_unread(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel puts them there while the owner of the socket is in a call on it, and acknowledges them later."""
    own, other = ends
    own.sendall(b"123")
    other.recv(3)
    ask = module._ask_kernel

    def before_two_bytes_came(
        family: int, source: tuple[str, int], destination: tuple[str, int], extension: int = 0
    ) -> bytes:
        message = ask(family, source, destination, extension)
        assert message is not None
        if info := module._tcp_info(message):
            (received,) = module._RECEIVED.unpack_from(info)
            earlier = bytearray(info)
            module._RECEIVED.pack_into(earlier, 0, received - 2)
            earlier[:128] = info[:128]  # struct writes zeros into what it passes over
            message = message.replace(info, bytes(earlier))
        return message

    monkeypatch.setattr(module, "_ask_kernel", before_two_bytes_came)
    monkeypatch.setattr(module, "_send_queue", lambda _descriptor: 2)
    assert _other_end(own).unread_bytes() == 2
    monkeypatch.setattr(module, "_send_queue", lambda _descriptor: 0)  # all was acknowledged meanwhile
    assert _other_end(own).unread_bytes() == 0


def test_a_queue_that_held_them_and_is_empty_was_read(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The further question is not needed then."""
    own, other = ends
    other_end = _other_end(own)
    own.sendall(b"1")
    assert other_end.unread_bytes() == 1
    other.recv(1)
    monkeypatch.setattr(OtherEnd, "_unreceived_bytes", lambda _self: 1)
    monkeypatch.setattr(module, "_send_queue", lambda _descriptor: 1)
    assert other_end.unread_bytes() == 0
    assert other_end.unread_bytes() == 1  # of what may have been sent since then


def test_an_old_kernel_without_the_counters_is_asked_for_the_queue_alone(
    ends: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    own, _ = ends
    own.sendall(b"12")
    monkeypatch.setattr(module, "_send_queue", lambda _descriptor: 2)
    monkeypatch.setattr(module, "_tcp_info", lambda message: message[:160])
    assert _other_end(own).unread_bytes() == 2


def test_a_question_that_fails_is_asked_again(ends: tuple[socket.socket, socket.socket]) -> None:
    own, _ = ends
    other_end = _other_end(own)
    own.sendall(b"1")
    module._netlink(os.getpid(), threading.get_ident()).socket.close()
    assert other_end.unread_bytes() == 1


def test_the_close_of_either_end_is_known(ends: tuple[socket.socket, socket.socket]) -> None:
    own, other = ends
    other_end, of_own = _other_end(own), _other_end(other)
    assert other_end.is_unclosed()
    other.close()
    assert not other_end.is_unclosed()
    own.close()
    assert not other_end.unread_bytes()  # nobody will read any more
    assert not of_own.is_unclosed()


def test_a_unix_socket_is_not_asked_for() -> None:
    own, other = socket.socketpair()
    with own, other:
        assert diagnose_other_end(own) is None
