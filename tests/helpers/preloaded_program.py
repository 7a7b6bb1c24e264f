"""Programs in forks of a process that has imported them: imports are most of the CPU time of a short run.

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
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import IO, Self

MESSAGE_BYTES = 1 << 16


class Program(StrEnum):
    """What can be run."""

    GAUNTLET = "wsgi-gauntlet"
    PYTEST = "pytest"
    """With all that our plugin imports, and without the plugin: pytest imports it itself, to rewrite its assertions."""


@dataclass
class _Preloaded:
    """The process that forks for each run, and the socket for its requests."""

    control: socket.socket
    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls, program: Program) -> Self:
        own, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [sys.executable, __file__, program, str(theirs.fileno())]
            process = subprocess.Popen(command, pass_fds=[theirs.fileno()], start_new_session=True)
        return cls(own, process)

    def end(self) -> None:
        self.control.close()
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@cache
def _preloaded(program: Program) -> _Preloaded:
    started = _Preloaded.start(program)
    atexit.register(started.end)
    return started


def run_preloaded(
    arguments: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    *,
    seconds: float = 100,
    program: Program = Program.GAUNTLET,
    merge_outputs: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run `program` in `folder`. A run that takes longer than `seconds` is killed and raises TimeoutError.

    With `merge_outputs` its stdout has what it writes on stderr, too.
    """
    preloaded = _preloaded(program)
    request = {"arguments": list(arguments), "folder": str(folder), "environment": dict(environment)}
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        files = [out.fileno(), (out if merge_outputs else err).fileno()]
        preloaded.control.settimeout(seconds)
        socket.send_fds(preloaded.control, [json.dumps(request).encode()], files)
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


def _import_program() -> Callable[[], object]:
    """Import what a run of the program needs, and return what runs it."""
    from wsgi_gauntlet.harness import config, registry, session  # noqa: F401
    from wsgi_gauntlet.harness.cli.main import main
    from wsgi_gauntlet.reports.terminal import progress, summary  # noqa: F401

    registry.cases()
    registry.outputs()
    return main


def _import_pytest() -> Callable[[], object]:
    import pytest

    from wsgi_gauntlet.harness import registry, session  # noqa: F401
    from wsgi_gauntlet.harness.server.environments import versioned  # noqa: F401
    from wsgi_gauntlet.reports.text import failure_report  # noqa: F401

    registry.cases()
    registry.cases.cache_clear()  # a project may have a catalogue of its own
    return pytest.main


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
            sys.argv[1:] = request["arguments"]
            return True
        for descriptor in descriptors:
            os.close(descriptor)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        control.send(str(code).encode())


def main() -> None:
    """Serve the requests of the tests, and be the program in each fork."""
    program, descriptor = Program(sys.argv[1]), int(sys.argv[2])
    sys.path[0] = str(Path(sys.executable).parent)  # as for the installed program
    run = _import_program() if program is Program.GAUNTLET else _import_pytest()
    if not _fork_for_each_run(socket.socket(fileno=descriptor)):
        return
    sys.argv[0] = program.value
    if program is Program.PYTEST:  # as `python -m pytest` does there
        sys.path[:1] = [str(Path.cwd()), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    sys.exit(run())  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
