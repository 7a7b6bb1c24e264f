"""What a test needs of the machine: if it is missing, the test fails in CI and is skipped on other machines.

CI installs everything. The one place in the tests that skips.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.plan import Plan


def fail_or_skip(message: str) -> NoReturn:
    """Fail in CI and skip on other machines; `message` says what is missing and how to get it."""
    if os.environ.get("CI"):
        pytest.fail(message)
    # A contributor without root or a browser still tests all the rest, and reads here what was left out and why.
    pytest.skip(message)


def module(name: str) -> None:
    """Require that the tests can import the module `name`."""
    if importlib.util.find_spec(name) is None:
        fail_or_skip(f"no module {name}: run make install-test")


def program(*names: str, package: str) -> str:
    """Return the path of the first of `names` that is there; `package` is Debian's."""
    found = next(filter(None, map(shutil.which, names)), None)
    return found or fail_or_skip(f"no {names[0]} on PATH; install Debian's package {package}")


SERVERS_PYTHON = Path(__file__).resolve().parents[2] / ".servers" / "bin" / "python"
"""The interpreter of the environment of servers that `make install-test` makes, without packages of wsgi-gauntlet."""


def installed_plan(name: str) -> Plan:
    """Return the plan of that server, which must be here or in the environment of all servers."""
    plan = planning.plan(name)
    if planning.missing(plan).missing_message and SERVERS_PYTHON.exists():
        plan = planning.plan(name, python=str(SERVERS_PYTHON))
    return installed(plan)


def installed(plan: Plan) -> Plan:
    """Return `plan`, whose server and front must be there."""
    missing_message = planning.missing(plan).missing_message
    return fail_or_skip(f"{plan.name}: {missing_message}") if missing_message else plan


def network_namespace_command() -> list[str]:
    """Return the words in front of a command line that give it a network of its own, whose loopback is still down."""
    program("ip", package="iproute2")
    words = [program("unshare", package="util-linux"), "--user", "--map-root-user", "--net"]
    if subprocess.run([*words, "true"], capture_output=True, check=False).returncode:
        fail_or_skip(
            "this machine gives no network namespaces to unprivileged users: sysctl kernel.unprivileged_userns_clone=1"
        )
    return words
