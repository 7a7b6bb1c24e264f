"""How the harness starts a flawed server. Not in servers/: nobody is to pick it by name."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Installation, Launch, Settings
from wsgi_gauntlet.harness.server.plan import Plan

RELOADABLE = ("kills_requests_on_reload", "stops_listening_on_reload")

TESTS = Path(__file__).resolve().parents[1]


class KnownServer(Adapter):
    """One of the flawed servers, with its arguments."""

    name = "flawed"
    title = "a flawed server"

    def __init__(self, behaviour: str, arguments: tuple[str, ...]) -> None:
        self.behaviour = behaviour
        self.recycles_workers = behaviour == "recycles"
        self.arguments = arguments

    def command(self, launch: Launch) -> Command:
        """Return the command line of tests/known_servers."""
        address = (launch.address.host, str(launch.address.port))
        argv = (launch.python, "-m", f"known_servers.{self.behaviour}", *address, *self.arguments, launch.app)
        return Command(argv, reload_signal=signal.SIGHUP if self.behaviour in RELOADABLE else None)


def plan(behaviour: str, *arguments: object) -> Plan:
    """Return how to start tests/known_servers/`flaw`.py with its own `arguments`; 'correct' is the one without a
    flaw."""
    name = " ".join([behaviour, *map(str, arguments)])
    found = Installation(version="1", executable=sys.executable)
    adapter = KnownServer(behaviour, tuple(map(str, arguments)))
    return Plan(name, adapter, found, "", Settings(), sys.executable, app_path=TESTS)
