"""A fork server: a process that has imported a server's modules, and forks a supervisor for each of its instances.

It runs as a script, with the server's interpreter: `python fork_server_main.py SOCKET FOLDER MODULE...`. SOCKET is a
descriptor. FOLDER is the working folder of the first instance, with the files of the server's command. Every instance
has the same files, and this process needs the folder only while it imports the modules.

For each instance the harness writes one byte to the socket, together with three descriptors: stdin, stdout and stderr
of the new supervisor. The response is a line with the pid. The supervisor then does what supervisor.py describes. If
its request has `fork`, the server is a fork as well: it runs the module or the script of the command line as the
interpreter would.

The supervisor is a child of the harness and not of this process (CLONE_PARENT of clone(2)). So the end of this process,
which a server can cause, ends no other server.
"""

from __future__ import annotations

import array
import builtins
import contextlib
import ctypes
import gc
import importlib
import os
import platform
import runpy
import signal
import socket
import sys
import tempfile
import types
from importlib.machinery import SourceFileLoader
from pathlib import Path

TYPE_CHECKING = False  # as in supervisor.py
if TYPE_CHECKING:
    from wsgi_gauntlet.harness.server.process import supervisor
    from wsgi_gauntlet.harness.server.process.supervisor import LaunchRequest
else:
    import supervisor

CLONE_NUMBERS = {"x86_64": 56, "aarch64": 220, "riscv64": 220}
"""The number of the system call clone by machine: syscall_64.tbl and asm-generic/unistd.h of the kernel."""

CLONE_PARENT = 0x8000  # linux/sched.h

DESCRIPTORS = 3
"""Descriptors that come with each byte."""


def main() -> LaunchRequest | None:
    """Serve until the harness closes its end. Return the request in a fork that is to be a server."""
    # The folder of this script is on the path, and its modules have names that others use.
    if platform.python_implementation() != "CPython" or platform.machine() not in CLONE_NUMBERS:
        return None  # other implementations may have threads of their own, which a fork does not have
    descriptor, sys.path[0], *modules = sys.argv[1:]
    # An import may hang, and nobody would read the end of the socket then.
    ctypes.CDLL(None).prctl(supervisor.PR_SET_PDEATHSIG, signal.SIGKILL)
    for each in modules:
        importlib.import_module(each)
    gc.collect()
    gc.freeze()  # a later collection would write to memory that all instances share
    requests = socket.socket(fileno=int(descriptor))
    while True:
        data, ancillary, _, _ = requests.recvmsg(1, socket.CMSG_SPACE(DESCRIPTORS * array.array("i").itemsize))
        if not data:
            return None
        descriptors = array.array("i")
        for _, _, content in ancillary:
            descriptors.frombytes(content)
        if pid := clone():
            for given in descriptors:
                os.close(given)
            requests.sendall(b"%d\n" % pid)
            continue
        requests.close()
        for target, given in enumerate(descriptors):
            os.dup2(given, target)
            os.close(given)
        return supervise()


def clone() -> int:
    """Fork a child of the parent of this process; return its pid, 0 in the child, -1 if the kernel refuses.

    The C library does not know of this fork: the child must call os.fork before it starts threads or sends itself
    signals. It is the guard, and does neither.
    """
    # PyDLL keeps the interpreter's lock during the call, so the child has it, too.
    arguments = (CLONE_NUMBERS[platform.machine()], CLONE_PARENT | signal.SIGCHLD, 0, 0, 0, 0)
    return int(ctypes.PyDLL(None).syscall(*map(ctypes.c_long, arguments)))


def supervise() -> LaunchRequest:
    """Be a guard and a supervisor until their end. Return in the process that is to be the server."""
    try:
        request = supervisor.main(fork=True)
    except BaseException:  # noqa: BLE001 - this process must end here, whatever happened
        sys.excepthook(*sys.exc_info())
        os._exit(1)
    if request is None:
        os._exit(0)  # without the exit handlers of the imported modules
    return request


def become(request: LaunchRequest) -> None:
    """Do what the interpreter does at its start for the command line, folder and environment of `request`."""
    for each in [int(each.name) for each in Path("/proc/self/fd").iterdir()]:
        if each >= DESCRIPTORS:
            with contextlib.suppress(OSError):  # of the folder that was just read
                os.close(each)
    own_path = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    os.chdir(request["folder"])
    # Without a locale in the environment, the interpreter sets this variable at its start (PEP 538).
    for name in set(os.environ) - set(request["environment"]) - {"LC_CTYPE"}:
        del os.environ[name]
    os.environ.update(request["environment"])
    del sys.modules[supervisor.__name__]
    move_packages(sys.argv[2], request["folder"])
    tempfile.tempdir = None  # a module of the server may have asked it for the folder, which it remembers
    python, *arguments = request["argv"]
    if hasattr(sys, "orig_argv"):
        sys.orig_argv = [python, *arguments]
    runs_module = arguments[0] == "-m"
    first = Path.cwd() if runs_module else Path(arguments[0]).resolve().parent
    inherited = [each for each in sys.path[1:] if each not in own_path]
    sys.path[:] = [str(first), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep)), *inherited]
    main_module = types.ModuleType("__main__")
    main_module.__dict__.update(__builtins__=builtins, __annotations__={})
    sys.modules["__main__"] = main_module
    if runs_module:
        sys.argv[:] = ["-m", *arguments[2:]]
        run_module = runpy._run_module_as_main  # type: ignore[attr-defined]  # noqa: SLF001 - the interpreter calls it
        run_module(arguments[1])
        return
    sys.argv[:] = arguments
    script = Path(arguments[0]).absolute()
    main_module.__file__ = str(script)
    main_module.__loader__ = SourceFileLoader("__main__", main_module.__file__)
    code = compile(script.read_bytes(), script, "exec", dont_inherit=True)  # this module has a __future__ import
    exec(code, main_module.__dict__)  # noqa: S102 - this is the server


def move_packages(imported_from: str, folder: str) -> None:
    """Let the packages from the files of the command find their other modules in `folder`, which has the same files."""
    for module in list(sys.modules.values()):
        path = getattr(module, "__path__", None)
        if isinstance(path, list):
            path[:] = [folder + each[len(imported_from) :] if each.startswith(imported_from) else each for each in path]


if __name__ == "__main__" and (launch_request := main()):
    become(launch_request)
