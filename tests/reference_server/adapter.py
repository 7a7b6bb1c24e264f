"""How the tests start a mutant of the reference server."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from wsgi_gauntlet.harness.server.adapter import Command, Launch, Settings
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.servers.reference import ADAPTER, ReferenceServer

from .mutants import place

TESTS = Path(__file__).resolve().parents[1]


class MutatedServer(ReferenceServer):
    """The reference server with one fault; its variants are its faults."""

    def command(self, launch: Launch) -> Command:
        """Return the command line of tests/reference_server/__main__.py."""
        command = super().command(launch)
        python, _, _, *options = command.argv
        return replace(command, argv=(python, "-m", "reference_server", "--mutant", place(launch.variant), *options))


MUTATED_SERVER = MutatedServer()


def plan(python: str, fault: str = "") -> Plan:
    """Return how to start the reference server under the interpreter `python`, with one fault or none."""
    name = f"reference:{fault}" if fault else "reference"
    adapter = MUTATED_SERVER if fault else ADAPTER
    return Plan(name, adapter, adapter.find(python), fault, Settings(), python, app_path=TESTS)
