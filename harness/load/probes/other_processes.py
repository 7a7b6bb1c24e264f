"""Sample the CPU time of all cores, and that of the harness and everything it started, while a scenario runs.

A thread reads /proc twice per second, which takes a millisecond. analysis/cpu_contention.py judges the samples.
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
"""Seconds between two samples."""

MAX_SAMPLES = 4096
"""Samples that are kept: the latest half hour."""

MAX_TREE_PROCESSES = 2048
"""Processes of a tree that are read, and threads of one process whose children are read."""

CHILDREN_FILE = "/proc/thread-self/children"
"""A kernel without CONFIG_PROC_CHILDREN does not have this file."""

_TICK = float(os.sysconf("SC_CLK_TCK"))


class ProcessTreeCpu:
    """The CPU seconds of a process and all processes below it.

    The time of a child also appears in its parent once the parent has waited for it. It is counted only once.
    """

    def __init__(self, root: int) -> None:
        self.cpu_seconds = 0.0
        self._root = root
        self._last: dict[int, tuple[float, float]] = {}

    def sample(self) -> float:
        """Return the CPU seconds since the first sample."""
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
    """Return the CPU seconds of a process and of its ended children, from the text of /proc/PID/stat (proc(5)).

    Raises ValueError for other text.
    """
    # The name of a process may contain blanks and brackets.
    words = stat.rpartition(")")[2].split()
    if len(words) < 15:
        raise ValueError("not a line of /proc/PID/stat")
    own, system, children, children_system = map(int, words[11:15])
    return (own + system) / _TICK, (children + children_system) / _TICK


def parse_core_times(stat: str, own_cores: Collection[int]) -> tuple[float, float, float]:
    """Return the busy, idle and stolen seconds of `own_cores`, from the text of /proc/stat (proc(5)).

    Interrupts count as neither: most of them are packets of the harness. Raises ValueError if no core is found.
    """
    busy = idle = stolen = 0.0
    found = 0
    for line in stat.splitlines():
        name, *numbers = line.split()
        if not name.startswith("cpu") or not name[3:].isdigit() or int(name[3:]) not in own_cores or len(numbers) < 8:
            continue
        user, nice, system, idles, waits, _, _, steal = map(int, numbers[:8])
        busy += (user + nice + system) / _TICK
        idle += (idles + waits) / _TICK
        stolen += steal / _TICK
        found += 1
    if not found:
        raise ValueError("/proc/stat has none of the cores of this process")
    return busy, idle, stolen


@contextmanager
def other_processes() -> Iterator[list[CpuSample]]:
    """Add samples to the yielded list until the end of the block. The list stays empty without /proc.

    If the kernel does not name the children of a process, all busy time counts as that of the harness.
    """
    samples: list[CpuSample] = []
    stopped = threading.Event()
    tree = ProcessTreeCpu(os.getpid())
    own_cores = os.sched_getaffinity(0)
    named = Path(CHILDREN_FILE).exists()

    def watch() -> None:
        while True:
            with contextlib.suppress(OSError, ValueError):
                busy, idle, stolen = parse_core_times(Path("/proc/stat").read_text(), own_cores)
                samples.append(
                    CpuSample(time.monotonic(), len(own_cores), busy, idle, stolen, tree.sample() if named else busy)
                )
                del samples[:-MAX_SAMPLES]
            if stopped.is_set():
                return
            stopped.wait(SAMPLE_INTERVAL)

    thread = threading.Thread(target=watch, name="other-processes", daemon=True)
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
