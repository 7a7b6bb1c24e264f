"""How the harness starts the saint, and a saint with one fault. Not in servers/: nobody is to pick it by name."""

from __future__ import annotations

from pathlib import Path

from wsgi_gauntlet.harness.adapter import Adapter, Command, Found, Launch, Settings, refuse
from wsgi_gauntlet.harness.launching.plan import Plan

TESTS = Path(__file__).resolve().parents[1]


class Saint(Adapter):
    """The saint; its variants are its faults."""

    name = "saint"
    title = "the saint"
    deployment = "in the environment of its processes, which it copies into environ"

    def find(self, python: str) -> Found:
        """It is always here."""
        return Found(version="1", executable=python)

    def command(self, launch: Launch) -> Command:
        """Return the command line of tests/saint."""
        asked = launch.settings
        refuse("the saint", keep_alive=asked.keep_alive, timeout=asked.timeout)
        bind = f"unix:{launch.address.path}" if launch.address.path else launch.address.authority
        argv = [launch.python, "-m", "saint", "--bind", bind]
        for option, value in (
            ("--workers", asked.workers),
            ("--threads", asked.threads),
            ("--backlog", asked.backlog),
            ("--mount", asked.mount),
            ("--fault", launch.variant),
        ):
            if value:
                argv += [option, str(value)]
        if launch.identity is not None:
            argv += ["--certificate", str(launch.identity.certificate), "--key", str(launch.identity.key)]
        return Command((*argv, launch.app))


SAINT = Saint()


def plan(python: str, fault: str = "") -> Plan:
    """Return how to start the saint under the interpreter `python`, with one fault or none."""
    name = f"saint:{fault}" if fault else "saint"
    return Plan(name, SAINT, SAINT.find(python), fault, Settings(), python, app_path=TESTS)
