"""Launching where another program has the port, or the path is too long for a socket."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.errors import PortTaken
from wsgi_gauntlet.harness.server import instance
from wsgi_gauntlet.harness.server.adapter import Command, Launch
from wsgi_gauntlet.harness.server.ports import leased_port

from ..helpers.script_server import GOOD, Script, plan, running, still_there

pytestmark = pytest.mark.live


@pytest.fixture
def stranger() -> Iterator[int]:
    """A program of another user and answers every request on its port."""
    script = (
        "import http.server as h\n"
        "s = h.ThreadingHTTPServer(('127.0.0.1', 0), h.SimpleHTTPRequestHandler)\n"
        "print(s.server_port, flush=True); s.serve_forever()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd="/"
    ) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.kill()


def leasing(monkeypatch: pytest.MonkeyPatch, *ports: int) -> None:
    """Have these ports given out first, as if they had been free a moment ago."""
    given = list(ports)

    @contextmanager
    def lease(host: str) -> Iterator[int]:
        if given:
            yield given.pop(0)
        else:
            with leased_port(host) as port:
                yield port

    monkeypatch.setattr(instance, "leased_port", lease)


async def test_a_lost_race_for_a_port_is_run_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, stranger: int
) -> None:
    leasing(monkeypatch, stranger)
    async with running(plan(), folder) as server:
        assert server.address.port != stranger
        assert "another program listens there" in server.history[0]


async def test_a_stranger_is_never_mistaken_for_the_server(
    folder: Path, monkeypatch: pytest.MonkeyPatch, stranger: int
) -> None:
    leasing(monkeypatch, stranger, stranger, stranger)
    script = "import time; time.sleep(600)"
    (folder / "own.py").write_text("application = None\n")
    with pytest.raises(PortTaken, match=f"could not have port {stranger}"):
        async with running(plan(script, app="own:application", app_path=folder), folder):
            pass


async def test_a_path_too_long_for_a_socket_is_avoided(folder: Path) -> None:
    class OnSocket(Script):
        unix_only = True

        def command(self, instance: Launch) -> Command:
            argv = (instance.python, "s.py", instance.address.path, "0", instance.app)
            script = (
                "import os, socket\n"
                "s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen()\n"
                "while True:\n"
                "    c, _ = s.accept(); c.recv(9999)\n"
                "    c.sendall(b'HTTP/1.0 200 OK\\r\\n\\r\\n' + os.environ['WSGI_GAUNTLET_NONCE'].encode()); c.close()"
            )
            return Command(argv, files={"s.py": GOOD + script})

    deep = folder / ("d" * 90)
    deep.mkdir()
    async with instance.running(plan(adapter=OnSocket("")), scratch=deep, logs=folder / "logs") as server:
        assert len(server.address.path) < 108
        home = Path(server.address.path).parents[1]
        assert home.parent != deep
    assert not still_there(home)
