"""A real dask scheduler and its workers, as processes of a test."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from .script_server import PATIENCE


@dataclass
class DaskCluster:
    """The address of the scheduler, and the processes of the workers by name."""

    address: str
    workers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)


@contextmanager
def running(command: Sequence[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def dask_cluster(hosts: Sequence[str], *, environment: Sequence[str] = ()) -> Iterator[DaskCluster]:
    """Run a scheduler on the first host, and a worker named after each of `hosts` there.

    `environment` are words NAME=VALUE for the workers.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="g-")))
        file = folder / "scheduler.json"
        scheduler = stack.enter_context(
            running(
                [
                    *(sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", hosts[0], "--port", "0"),
                    *("--no-dashboard", "--no-show", "--scheduler-file", str(file)),
                ],
                folder / "scheduler.log",
            )
        )
        until = time.monotonic() + PATIENCE
        while not (file.exists() and file.read_text()):
            assert scheduler.poll() is None, (folder / "scheduler.log").read_text()
            assert time.monotonic() < until
            time.sleep(0.05)
        found = DaskCluster(json.loads(file.read_text())["address"])
        for host in hosts:
            command = [
                *(sys.executable, "-m", "distributed.cli.dask_worker", found.address, "--host", host, "--name", host),
                *("--no-nanny", "--no-dashboard", "--nthreads", "1", "--local-directory", str(folder)),
            ]
            if environment:
                command = ["env", *environment, *command]
            found.workers[host] = stack.enter_context(running(command, folder / f"{host}.log"))
        yield found
