"""What /proc says of processes."""

import os
import signal
import subprocess
import sys

import psutil

from wsgi_gauntlet.harness.server.process.procfs import descendant_pids, stopped_pids

from .....helpers.script_server import until

SLEEP = "import time; time.sleep(600)"

# vfork(2) holds its parent, without a processor, until the child ends. Until then all signals but SIGKILL wait.
HELD = "import ctypes; libc = ctypes.PyDLL(None); libc.vfork() == 0 and libc.pause()"


async def test_a_process_that_is_stopped() -> None:
    with subprocess.Popen([sys.executable, "-c", SLEEP]) as process:  # noqa: ASYNC220 - quick
        try:
            assert stopped_pids([process.pid]) == []
            process.send_signal(signal.SIGSTOP)
            await until(lambda: stopped_pids([os.getpid(), process.pid]) == [process.pid])
            process.send_signal(signal.SIGCONT)
            await until(lambda: stopped_pids([process.pid]) == [])
        finally:
            process.kill()
    assert stopped_pids([process.pid]) == []


async def test_a_process_that_stops_as_soon_as_it_gets_a_processor() -> None:
    with subprocess.Popen([sys.executable, "-c", HELD]) as process:  # noqa: ASYNC220 - quick
        try:
            await until(lambda: descendant_pids(process.pid))
            process.send_signal(signal.SIGSTOP)
            assert stopped_pids([process.pid]) == [process.pid]
            assert psutil.Process(process.pid).status() == psutil.STATUS_DISK_SLEEP
        finally:
            for pid in descendant_pids(process.pid):
                os.kill(pid, signal.SIGKILL)
            process.kill()
