"""The kernel's note of a process's peak of memory."""

import mmap
import os

from wsgi_gauntlet.harness.load.probes.peak_memory import peak_memory, reset_peak, status_field

STATUS = "Name:\tpython\nVmHWM:\t   12 kB\nVmRSS:\t   10 kB\nThreads:\t1\n"


def test_fields_are_in_bytes() -> None:
    assert status_field(STATUS, "VmHWM") == 12 * 1024
    assert status_field(STATUS, "VmRSS") == 10 * 1024
    assert status_field(STATUS, "VmPeak") == 0


def test_a_peak_is_seen_after_it_has_passed() -> None:
    have = reset_peak([os.getpid()])
    size = 30_000_000
    with mmap.mmap(-1, size) as memory:
        memory.write(bytes(size))
    assert peak_memory([os.getpid()]) - have > 0.9 * size
    # The page cache of other tests' imports may come and go meanwhile, but not as much as that.
    assert reset_peak([os.getpid()]) - have < 0.5 * size


def test_a_process_that_has_ended_has_none() -> None:
    assert reset_peak([2**22 + 1]) == peak_memory([2**22 + 1]) == 0
