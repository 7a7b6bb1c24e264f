"""Four dask workers, each in a network and a time namespace of its own, and one run of the harness.

    unshare --net python cluster_namespaces.py FOLDER ARGUMENTS OF wsgi-gauntlet...

It must run in a network namespace of its own, in which it makes a bridge. Workers 10.77.0.2 to .5 are behind it, the
scheduler and the harness are 10.77.0.1. Nothing of it outlives this process: namespaces end with their processes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

HUB = "10.77.0.1"
WORKERS = ("10.77.0.2", "10.77.0.3", "10.77.0.4", "10.77.0.5")
PATIENCE = 120.0


def main() -> int:
    """Start everything, run the harness, and return its exit code."""
    folder, arguments = Path(sys.argv[1]), sys.argv[2:]
    # Each other namespace has a name in /proc. In that of the machine, these addresses would be somebody else's.
    assert Path("/proc/self/ns/net").readlink() != Path(f"/proc/{os.getppid()}/ns/net").readlink()
    ip("link", "set", "lo", "up")
    ip("link", "add", "br0", "type", "bridge")
    ip("addr", "add", f"{HUB}/24", "dev", "br0")
    ip("link", "set", "br0", "up")
    with ExitStack() as stack:
        file = folder / "scheduler.json"
        command = ["--host", HUB, "--port", "0", "--no-dashboard", "--no-show", "--scheduler-file", str(file)]
        start(stack, [sys.executable, "-m", "distributed.cli.dask_scheduler", *command], folder / "scheduler.log")
        wait_for(lambda: file.exists() and bool(file.read_text()))
        address = json.loads(file.read_text())["address"]
        for number, host in enumerate(WORKERS):
            worker(stack, address, host, number, folder)
        while True:
            done = subprocess.run(
                [sys.executable, "-m", "wsgi_gauntlet", *arguments, "--cluster", address],
                capture_output=True,
                text=True,
                check=False,
            )
            if "it has no workers" not in done.stderr:
                break
            time.sleep(0.2)
        sys.stderr.write(done.stderr)
        sys.stdout.write(done.stdout)
        return done.returncode


def worker(stack: ExitStack, scheduler: str, host: str, number: int, folder: Path) -> None:
    """Start a worker in namespaces of its own, with `host` on the bridge, and a monotonic clock of its own."""
    dask = [
        *(sys.executable, "-m", "distributed.cli.dask_worker", scheduler, "--host", host, "--name", host),
        *("--no-nanny", "--no-dashboard", "--nthreads", "1", "--local-directory", str(folder)),
    ]
    unshare = ["unshare", "--net", "--time", "--monotonic", str(100_000 * (number + 1)), "--fork", "--kill-child"]
    log = (folder / f"{host}.log").open("wb")
    process = subprocess.Popen(
        [*unshare, "sh", "-c", 'echo $$; read go; exec "$@"', "sh", *dask],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
    )
    stack.callback(end, process)
    assert process.stdout is not None
    assert process.stdin is not None
    pid = process.stdout.readline().decode().strip()
    ip("link", "add", f"v{number}", "type", "veth", "peer", "name", "eth0", "netns", pid)
    ip("link", "set", f"v{number}", "master", "br0", "up")
    for command in (
        ["addr", "add", f"{host}/24", "dev", "eth0"],
        ["link", "set", "eth0", "up"],
        ["link", "set", "lo", "up"],
    ):
        subprocess.run(["nsenter", f"--net=/proc/{pid}/ns/net", "ip", *command], check=True)
    process.stdin.write(b"go\n")
    process.stdin.close()


def ip(*words: str) -> None:
    """Run ip(8) in this namespace."""
    subprocess.run(["ip", *words], check=True)


def start(stack: ExitStack, command: Sequence[str], log: Path) -> None:
    """Run `command` until the end of `stack`."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    stack.callback(end, process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill `process` and wait for its end."""
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()


def wait_for(condition: Callable[[], bool]) -> None:
    """Return as soon as `condition` returns true."""
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main())
