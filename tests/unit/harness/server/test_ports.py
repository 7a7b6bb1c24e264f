"""Ports: drawn below the ephemeral range, leased among our own runs, and never one that somebody listens on."""

from __future__ import annotations

import random
import socket

import pytest

from wsgi_gauntlet.harness.errors import OutOfResources
from wsgi_gauntlet.harness.server import ports


def test_ports_lie_below_what_the_kernel_hands_out() -> None:
    drawn = ports.port_range("32768\t60999\n")
    assert drawn.stop == 32768
    assert drawn.start >= ports.LOWEST_PORT


@pytest.mark.parametrize(
    ("ephemeral", "start", "stop"),
    [("10000 40000", 40001, 65536), ("1024 65535", ports.LOWEST_PORT, 32768), ("nonsense", 16384, 32768)],
)
def test_odd_ephemeral_ranges_still_leave_ports(ephemeral: str, start: int, stop: int) -> None:
    assert ports.port_range(ephemeral) == range(start, stop)


def test_a_leased_port_is_not_leased_again_and_then_free_again(monkeypatch: pytest.MonkeyPatch) -> None:
    with ports.leased_port() as first:
        drawn = [first, first, first + 1, first + 2, first + 3]
        monkeypatch.setattr(random, "choice", lambda _: drawn.pop(0))
        with ports.leased_port() as second:
            assert second != first
    drawn[:] = [first]
    with ports.leased_port() as again:
        assert again == first


def test_a_port_that_somebody_listens_on_is_not_leased(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        taken = stranger.getsockname()[1]
        assert not ports.port_is_free(taken)
        monkeypatch.setattr(random, "choice", lambda _: taken)
        with pytest.raises(OutOfResources, match="no free port"), ports.leased_port():
            pass
