"""Every server where little is as usual: without root, without a home, on IPv6 alone, and a space in every path.

No run has a home. As root there is one run, on IPv6 alone; without root there is IPv4.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.process.unprivileged_user import NOBODY_ID, others_can_traverse

from ..helpers.requirements import SERVERS_PYTHON, fail_or_skip, network_namespace_command, program

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]

PROGRAM = str(Path(sys.executable).parent / "wsgi-gauntlet")

NO_HOME = "/proc/1/no-home"
"""A home that nobody can make or write to, root neither."""

ANSWERS = "http/responses/head-status/list"
"""A case that comes to pass or fail on every server that serves at all. It is sent whole only: before
other cases, each server gets hundreds of requests that are cut."""


def everyone(python: str) -> list[str]:
    """Return each server that `python` has or that is on this machine, once; fronts with one behind them."""
    found = []
    for adapter in registry.adapters().values():
        name = f"{adapter.name}+gunicorn" if adapter.front else adapter.name
        if not adapter.unavailable_reason and planning.missing(planning.plan(name, python=python)).available:
            found.append(name)
    return found


@pytest.fixture
def room() -> Iterator[Path]:
    with TemporaryDirectory(prefix="g -") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for each in ("a home", "temp files", "out", "bytecode"):
            (folder / each).mkdir()
            (folder / each).chmod(0o777)
        yield folder


def checked(
    prefix: Sequence[str], command: Sequence[str], python: str, room: Path, but: Collection[str] = ()
) -> list[str]:
    """Run one case on everybody who is there `but` those, see that all served and nothing is left; return who did."""
    servers = [name for name in everyone(python) if name not in but]
    assert len(servers) >= 5, servers
    out = room / "out" / "a run"
    environment = {
        **os.environ,
        "HOME": NO_HOME,
        "TMPDIR": str(room / "temp files"),
        # Without it, each process would compile what is installed where it must not write.
        "PYTHONPYCACHEPREFIX": str(room / "bytecode"),
    }
    for each in ("XDG_CACHE_HOME", "WSGI_GAUNTLET_CACHE"):
        environment.pop(each, None)
    argv = [*prefix, *command, "check", *servers, "--select", ANSWERS, "--python", python, "--out", str(out)]
    done = subprocess.run(
        argv, cwd=room / "a home", env=environment, capture_output=True, text=True, timeout=280, check=False
    )
    assert done.returncode in (0, 1), f"{done.returncode}: {done.stderr[-3000:]}"
    results = json.loads((out / "results.json").read_text())
    reported = {each["server"]: each["verdict"] for each in results["conformance"] if each["case"] == ANSWERS}
    wrong = [f"{name}: {reported.get(name)}" for name in servers if reported.get(name) not in ("pass", "fail")]
    assert not wrong, done.stderr[-3000:]
    assert list((room / "temp files").iterdir()) == []
    assert list((room / "a home").iterdir()) == []
    shutil.rmtree(out)
    return servers


def test_root_without_a_home_on_ipv6_alone(room: Path) -> None:
    program("ip", package="iproute2")
    unshare = network_namespace_command() if os.geteuid() else [program("unshare", package="util-linux"), "--net"]
    only_six = "ip link set lo up && ip address delete 127.0.0.1/8 dev lo && exec "
    command = [PROGRAM]
    script = [*unshare, "sh", "-c", f'{only_six} {shlex.join(command)} "$@"', "sh"]
    checked(script, [], str(SERVERS_PYTHON), room)


def test_an_unprivileged_user_with_a_space_in_every_path(room: Path) -> None:
    """Installed from the wheel, for an interpreter that everybody may read, below a folder with a space."""
    if os.geteuid():
        pytest.fail("run by an unprivileged user all other tests are this one; run it as root")
    setpriv = program("setpriv", package="util-linux")
    base = subprocess.run(
        [SERVERS_PYTHON, "-c", "import sys; print(sys._base_executable)"], capture_output=True, text=True, check=True
    ).stdout.strip()
    if not others_can_traverse(Path(base)):
        fail_or_skip(f"{base} is where only root can read it; make SERVERS_PYTHON=/usr/bin/python3 install-test")
    subprocess.run([base, "-m", "venv", "--without-pip", room / "an environment"], check=True)
    python = str(room / "an environment" / "bin" / "python")
    pip = [sys.executable, "-m", "pip", "--python", python, "--quiet", "--disable-pip-version-check"]
    wheel = ["-m", "hatchling", "build", "-t", "wheel", "-d", str(room)]
    subprocess.run([sys.executable, *wheel], cwd=ROOT, check=True, capture_output=True)
    (built,) = room.glob("*.whl")
    install = ["install", "--no-compile", "--constraint", str(ROOT / "constraints.txt"), f"{built}[servers]"]
    subprocess.run([*pip, *install], check=True)
    as_nobody = [setpriv, f"--reuid={NOBODY_ID}", f"--regid={NOBODY_ID}", "--clear-groups"]
    command = [str(Path(python).parent / "wsgi-gauntlet")]
    done = checked(as_nobody, command, python, room)
    checked(as_nobody, command, str(SERVERS_PYTHON), room, but=done)
