"""How the harness starts the reference server, and a reference server with one fault. Not in servers/: nobody is to
pick it by name."""

from __future__ import annotations

from pathlib import Path

from wsgi_gauntlet.harness.server.adapter import Adapter, Command, Installation, Launch, Settings, reject_unsupported
from wsgi_gauntlet.harness.server.plan import Plan

TESTS = Path(__file__).resolve().parents[1]


class ReferenceServer(Adapter):
    """The reference server; its variants are its faults."""

    name = "reference"
    title = "the reference server"
    environ_support = "in the environment of its processes, which it copies into environ"

    def find(self, python: str) -> Installation:
        """It is always here."""
        return Installation(version="1", executable=python)

    def command(self, launch: Launch) -> Command:
        """Return the command line of tests/reference_server."""
        options = launch.settings
        reject_unsupported("the reference server", keep_alive=options.keep_alive, timeout=options.timeout)
        bind = f"unix:{launch.address.path}" if launch.address.path else launch.address.authority
        argv = [launch.python, "-m", "reference_server", "--bind", bind]
        for option, value in (
            ("--workers", options.workers),
            ("--threads", options.threads),
            ("--backlog", options.backlog),
            ("--mount", options.mount),
            ("--fault", launch.variant),
        ):
            if value:
                argv += [option, str(value)]
        if launch.identity is not None:
            argv += ["--certificate", str(launch.identity.certificate), "--key", str(launch.identity.key)]
        return Command((*argv, launch.app))


REFERENCE_SERVER = ReferenceServer()


def plan(python: str, fault: str = "") -> Plan:
    """Return how to start the reference server under the interpreter `python`, with one fault or none."""
    name = f"reference:{fault}" if fault else "reference"
    return Plan(name, REFERENCE_SERVER, REFERENCE_SERVER.find(python), fault, Settings(), python, app_path=TESTS)
