"""What a test needs of the machine: where it is missing the test fails in CI and is skipped elsewhere.

CI installs everything. The one place in the tests that skips.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

from wsgi_gauntlet.harness import planning
from wsgi_gauntlet.harness.launching.plan import Plan


def absent(message: str) -> NoReturn:
    """Fail in CI, skip elsewhere, with `message`: what is missing and how to get it."""
    if os.environ.get("CI"):
        pytest.fail(message)
    # A contributor without root or a browser still tests all the rest, and reads here what was left out and why.
    pytest.skip(message)


def program(*names: str, package: str) -> str:
    """Return the path of the first of `names` that is there; `package` is Debian's."""
    found = next(filter(None, map(shutil.which, names)), None)
    return found or absent(f"no {names[0]} on PATH; install Debian's package {package}")


SERVERS = Path(__file__).resolve().parents[1] / ".servers" / "bin" / "python"
"""The interpreter of the environment that `make install-test` makes for the servers; it has nothing of ours."""


def served(name: str) -> Plan:
    """Return the plan of that server, which must be here or in the environment of all servers."""
    plan = planning.plan(name)
    if planning.missing(plan).lack and SERVERS.exists():
        plan = planning.plan(name, python=str(SERVERS))
    return installed(plan)


def installed(plan: Plan) -> Plan:
    """Return `plan`, whose server and front must be there."""
    lack = planning.missing(plan).lack
    return absent(f"{plan.name}: {lack}") if lack else plan


def own_network() -> list[str]:
    """Return the words in front of a command line that give it a network of its own, whose loopback is still down."""
    program("ip", package="iproute2")
    words = [program("unshare", package="util-linux"), "--user", "--map-root-user", "--net"]
    if subprocess.run([*words, "true"], capture_output=True, check=False).returncode:
        absent("this machine gives no network namespaces to ordinary users: sysctl kernel.unprivileged_userns_clone=1")
    return words
