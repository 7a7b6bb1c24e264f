"""How the harness starts a flawed server. Not in servers/: nobody is to pick it by name."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from wsgi_gauntlet.harness.adapter import Adapter, Command, Found, Launch, Settings
from wsgi_gauntlet.harness.launching.plan import Plan

RELOADS = ("cuts_on_reload", "drops_on_reload")

TESTS = Path(__file__).resolve().parents[1]


class Flawed(Adapter):
    """One of the flawed servers, with its arguments."""

    name = "flawed"
    title = "a flawed server"

    def __init__(self, flaw: str, arguments: tuple[str, ...]) -> None:
        self.flaw = flaw
        self.arguments = arguments

    def command(self, launch: Launch) -> Command:
        """Return the command line of tests/flawed."""
        place = (launch.address.host, str(launch.address.port))
        argv = (launch.python, "-m", f"flawed.{self.flaw}", *place, *self.arguments, launch.app)
        return Command(argv, reload=signal.SIGHUP if self.flaw in RELOADS else None)


def plan(flaw: str, *arguments: object) -> Plan:
    """Return how to start tests/flawed/`flaw`.py with its own `arguments`; 'sound' is the one without a flaw."""
    name = " ".join([flaw, *map(str, arguments)])
    found = Found(version="1", executable=sys.executable)
    adapter = Flawed(flaw, tuple(map(str, arguments)))
    return Plan(name, adapter, found, "", Settings(), sys.executable, app_path=TESTS)
