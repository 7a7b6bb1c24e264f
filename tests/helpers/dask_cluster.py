"""A real dask scheduler and its workers, as processes of a test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from .script_server import PATIENCE

PROCESSES = Path(__file__).with_name("dask_processes.py")


@dataclass(frozen=True)
class DaskCluster:
    """The address of the scheduler, and the processes of the workers by name."""

    address: str
    workers: Mapping[str, psutil.Process]


@contextmanager
def dask_cluster(hosts: Sequence[str], environment: Mapping[str, str] | None = None) -> Iterator[DaskCluster]:
    """Run a scheduler on the first host, and a worker named after each of `hosts` there, with `environment`."""
    with TemporaryDirectory(prefix="g-") as name:
        folder = Path(name)
        process = subprocess.Popen(
            [sys.executable, PROCESSES, folder, *hosts],
            env={**os.environ, **(environment or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            workers = {host: psutil.Process(int(process.stdout.readline())) for host in hosts}
            file = folder / "scheduler.json"
            until = time.monotonic() + PATIENCE
            while not (file.exists() and file.read_text()):
                assert process.poll() is None
                assert time.monotonic() < until, (folder / "scheduler.log").read_text()
                time.sleep(0.05)
            yield DaskCluster(json.loads(file.read_text())["address"], workers)
        finally:
            process.stdin.close()
            process.wait()
            process.stdout.close()
