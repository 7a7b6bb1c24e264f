"""The program in forks of a process that has imported it: imports are most of the CPU time of a short run.

Each fork has its own arguments, folder, environment, stdout and stderr, and ends as the program does.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO, Self

MESSAGE_BYTES = 1 << 16


@dataclass
class _Preloaded:
    """The process that forks for each run, and the socket for its requests."""

    control: socket.socket
    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls) -> Self:
        own, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, __file__, str(theirs.fileno())]
            process = subprocess.Popen(command, pass_fds=[theirs.fileno()], start_new_session=True)
        return cls(own, process)

    def end(self) -> None:
        self.control.close()
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@cache
def _preloaded() -> _Preloaded:
    started = _Preloaded.start()
    atexit.register(started.end)
    return started


def run_preloaded(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], *, seconds: float = 100
) -> subprocess.CompletedProcess[str]:
    """Run the program in `folder`. A run that takes longer than `seconds` is killed and raises TimeoutError."""
    preloaded = _preloaded()
    request = {"arguments": list(arguments), "folder": str(folder), "environment": dict(environment)}
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        preloaded.control.settimeout(seconds)
        socket.send_fds(preloaded.control, [json.dumps(request).encode()], [out.fileno(), err.fileno()])
        try:
            code = int(preloaded.control.recv(MESSAGE_BYTES))
        except BaseException:  # the test's own time is up
            preloaded.end()
            _preloaded.cache_clear()
            raise
        return subprocess.CompletedProcess(list(arguments), code, _text(out), _text(err))


def _text(file: IO[str]) -> str:
    file.seek(0)
    return file.read()


def _import_program() -> None:
    from wsgi_gauntlet.harness import config, registry, session  # noqa: F401
    from wsgi_gauntlet.reports.terminal import progress, summary  # noqa: F401

    registry.cases()
    registry.outputs()


def _fork_for_each_run(control: socket.socket) -> bool:
    """Return True in a fork that is to run the program, and False at the end."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, MESSAGE_BYTES, 2)
        if not message:
            return False
        child = os.fork()
        if child == 0:
            control.close()
            request = json.loads(message)
            for descriptor, standard in zip(descriptors, (1, 2), strict=True):
                os.dup2(descriptor, standard)
                os.close(descriptor)
            os.chdir(request["folder"])
            os.environ.clear()
            os.environ.update(request["environment"])
            tempfile.tempdir = None  # an import has looked it up in another environment
            sys.argv = ["wsgi-gauntlet", *request["arguments"]]
            return True
        for descriptor in descriptors:
            os.close(descriptor)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        control.send(str(code).encode())


if __name__ == "__main__":
    sys.path[0] = str(Path(sys.executable).parent)  # as for the installed program
    from wsgi_gauntlet.harness.cli.main import main

    _import_program()
    if _fork_for_each_run(socket.socket(fileno=int(sys.argv[1]))):
        main()
