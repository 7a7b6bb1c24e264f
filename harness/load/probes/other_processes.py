"""What else the machine does while a scenario runs: looks at its cores, and at what our processes took of them.

This program's are the harness and all that it started, so the server's process tree too. Twice a second a thread reads
/proc, which takes a millisecond. What the looks come to is judged in analysis/cpu_contention.py.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from wsgi_gauntlet.harness.load.analysis.cpu_contention import CpuSample

SAMPLE_INTERVAL = 0.5
"""Seconds between two looks."""

MAX_SAMPLES = 4096
"""Looks that are kept, the latest: half an hour's."""

MAX_TREE_PROCESSES = 2048
"""Processes of a tree that are looked at, and threads of one whose children are."""

CHILDREN_FILE = "/proc/thread-self/children"
"""A file that a kernel without CONFIG_PROC_CHILDREN has not."""

_TICK = float(os.sysconf("SC_CLK_TCK"))


class ProcessTreeCpu:
    """The seconds that a process and all below it have taken. A child's time counts when its parent has waited for it.

    What was seen of a child while it lived does not count again then.
    """

    def __init__(self, root: int) -> None:
        self.cpu_seconds = 0.0
        self._root = root
        self._last: dict[int, tuple[float, float]] = {}

    def sample(self) -> float:
        """Return the seconds taken since the first look."""
        seen: dict[int, tuple[float, float]] = {}
        waiting = [self._root]
        while waiting and len(seen) < MAX_TREE_PROCESSES:
            pid = waiting.pop()
            with contextlib.suppress(OSError, ValueError):
                seen[pid] = parse_process_times(Path(f"/proc/{pid}/stat").read_text())
                waiting += [each for each in _children(pid) if each not in seen]
        if self._last:
            grown = [(now, self._last.get(pid, (0.0, 0.0))) for pid, now in seen.items()]
            own = sum(max(0.0, now[0] - then[0]) for now, then in grown)
            ended = sum(max(0.0, now[1] - then[1]) for now, then in grown)
            gone = sum(sum(each) for pid, each in self._last.items() if pid not in seen)
            self.cpu_seconds += own + max(0.0, ended - gone)
        self._last = seen
        return self.cpu_seconds


def parse_process_times(stat: str) -> tuple[float, float]:
    """Return the seconds of a process, and those of its children that have ended, from its /proc/PID/stat (proc(5)).

    Raises ValueError for anything else.
    """
    # The name of a process may hold blanks and brackets.
    words = stat.rpartition(")")[2].split()
    if len(words) < 15:
        raise ValueError("no line of /proc/PID/stat")
    own, system, childrens, their_system = map(int, words[11:15])
    return (own + system) / _TICK, (childrens + their_system) / _TICK


def parse_core_times(stat: str, our_cores: Collection[int]) -> tuple[float, float, float]:
    """Return the seconds that the cores `mine` were busy, idle and stolen, from the text of /proc/stat (proc(5)).

    Interrupts count as neither: most of them are this program's own packets. Raises ValueError where no core is there.
    """
    busy = idle = stolen = 0.0
    found = 0
    for line in stat.splitlines():
        name, *numbers = line.split()
        if not name.startswith("cpu") or not name[3:].isdigit() or int(name[3:]) not in our_cores or len(numbers) < 8:
            continue
        user, nice, system, idles, waits, _, _, steal = map(int, numbers[:8])
        busy += (user + nice + system) / _TICK
        idle += (idles + waits) / _TICK
        stolen += steal / _TICK
        found += 1
    if not found:
        raise ValueError("no core of ours is in /proc/stat")
    return busy, idle, stolen


@contextmanager
def other_processes() -> Iterator[list[CpuSample]]:
    """Look at the machine again and again for the block; the list grows meanwhile, and stays empty without /proc.

    Where the kernel does not name a process's children, all that is busy counts as ours: nobody is blamed for it.
    """
    samples: list[CpuSample] = []
    stopped = threading.Event()
    tree = ProcessTreeCpu(os.getpid())
    our_cores = os.sched_getaffinity(0)
    named = Path(CHILDREN_FILE).exists()

    def watch() -> None:
        while True:
            with contextlib.suppress(OSError, ValueError):
                busy, idle, stolen = parse_core_times(Path("/proc/stat").read_text(), our_cores)
                samples.append(
                    CpuSample(time.monotonic(), len(our_cores), busy, idle, stolen, tree.sample() if named else busy)
                )
                del samples[:-MAX_SAMPLES]
            if stopped.is_set():
                return
            stopped.wait(SAMPLE_INTERVAL)

    thread = threading.Thread(target=watch, name="neighbours", daemon=True)
    thread.start()
    try:
        yield samples
    finally:
        stopped.set()
        thread.join()


def _children(pid: int) -> Iterable[int]:
    try:
        threads = os.listdir(f"/proc/{pid}/task")[:MAX_TREE_PROCESSES]  # noqa: PTH208 - names alone, and often
    except OSError:
        return
    for thread in threads:
        with contextlib.suppress(OSError, ValueError):
            yield from map(int, Path(f"/proc/{pid}/task/{thread}/children").read_text().split())
