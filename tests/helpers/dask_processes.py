"""A dask scheduler and its workers, as forks of one process: to import dask takes each a second of CPU time.

    python dask_processes.py FOLDER HOST...

The scheduler listens on the first host and writes FOLDER/scheduler.json. A worker named after each host runs there. The
process ids of the workers are printed, one a line, and all processes end with the standard input.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from distributed.cli import dask_scheduler, dask_worker

importlib.import_module("wsgi_gauntlet.harness.cluster.worker")  # what the harness asks of workers

PROGRAMS = {"scheduler": dask_scheduler.main, "worker": dask_worker.main}


def fork(program: str, arguments: Sequence[str], log: Path) -> int:
    """Run a program of dask in a fork, and return its process id."""
    child = os.fork()
    if child:
        return child
    with log.open("wb") as output, Path(os.devnull).open("rb") as nothing:
        for number, file in enumerate((nothing, output, output)):
            os.dup2(file.fileno(), number)
    PROGRAMS[program](list(arguments), prog_name=f"dask {program}")
    os._exit(1)  # the line before ends the process


def main() -> None:
    """Start all, and end them with the standard input."""
    folder, hosts = Path(sys.argv[1]), sys.argv[2:]
    file = ["--scheduler-file", str(folder / "scheduler.json")]
    shared = [*file, "--no-dashboard", "--host"]
    children = [fork("scheduler", [*shared, hosts[0], "--port", "0", "--no-show"], folder / "scheduler.log")]
    for host in hosts:
        arguments = [*shared, host, "--name", host, "--no-nanny", "--nthreads", "1", "--local-directory", str(folder)]
        children.append(fork("worker", arguments, folder / f"{host}.log"))
    sys.stdout.write("".join(f"{each}\n" for each in children[1:]))
    sys.stdout.flush()
    sys.stdin.read()
    for each in children:
        with contextlib.suppress(ProcessLookupError):
            os.kill(each, signal.SIGKILL)
        os.waitpid(each, 0)


if __name__ == "__main__":
    main()
