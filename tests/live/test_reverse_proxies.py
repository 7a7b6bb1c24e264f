"""What all fronts and web servers have to do: take any path as it is, and close connections if the settings say so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import trio

from wsgi_gauntlet.harness.server import instance
from wsgi_gauntlet.harness.server.readiness import ReadinessState, probe_readiness

from ..helpers.requirements import installed_plan

pytestmark = pytest.mark.live

PATIENCE = 60.0

FRONTS = ("nginx", "apache", "lighttpd", "haproxy", "caddy")


@pytest.fixture
def odd_folder() -> Iterator[Path]:
    """A folder whose path has everything that a configuration file could take for its own syntax."""
    with TemporaryDirectory(prefix="g $a,;|?'\\#") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for each in ("scratch", "logs"):
            (folder / each).mkdir()
        yield folder


@pytest.mark.parametrize(
    "name",
    [
        *(f"{front}:unix+gunicorn" for front in FRONTS),
        *("cgi:lighttpd", "cgi:apache", "mod_wsgi:daemon", "mod_wsgi:embedded", "mod_wsgi-express"),
    ],
)
async def test_a_path_means_itself(name: str, odd_folder: Path) -> None:
    listens = name.startswith(("nginx", "lighttpd", "haproxy", "caddy"))
    async with instance.running(
        replace(installed_plan(name), unix=listens), scratch=odd_folder / "scratch", logs=odd_folder / "logs"
    ) as server:
        assert bool(server.address.path) is listens
        assert (await probe_readiness(server.address, "/nonce", server.nonce)).state is ReadinessState.READY


@pytest.mark.parametrize(
    ("name", "seconds"),
    [(name, seconds) for name in FRONTS for seconds in ("0", "0.5") if (name, seconds) != ("caddy", "0")],
)
async def test_no_connection_is_kept_longer_than_is_asked_for(name: str, seconds: str, folder: Path) -> None:
    plan = installed_plan(f"{name}[keep-alive={seconds}]+gunicorn")
    async with (
        instance.running(plan, scratch=folder / "scratch", logs=folder / "logs") as server,
        await trio.open_tcp_stream(server.address.host, server.address.port) as client,
    ):
        await client.send_all(b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n")
        with trio.fail_after(PATIENCE):  # HAProxy, nginx and Caddy keep one for longer by default
            answer = b"".join([data async for data in client])
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert (b"\r\nconnection: close\r\n" in answer.lower()) is (seconds == "0")
