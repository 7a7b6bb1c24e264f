"""The kernel's note of a process's peak of memory."""

import mmap
import os

from wsgi_gauntlet.harness.load.looking.peak import field, forget, peak

STATUS = "Name:\tpython\nVmHWM:\t   12 kB\nVmRSS:\t   10 kB\nThreads:\t1\n"


def test_fields_are_in_bytes() -> None:
    assert field(STATUS, "VmHWM") == 12 * 1024
    assert field(STATUS, "VmRSS") == 10 * 1024
    assert field(STATUS, "VmPeak") == 0


def test_a_peak_is_seen_after_it_has_passed() -> None:
    have = forget([os.getpid()])
    size = 30_000_000
    with mmap.mmap(-1, size) as memory:
        memory.write(bytes(size))
    assert peak([os.getpid()]) - have > 0.9 * size
    # The page cache of other tests' imports may come and go meanwhile, but not as much as that.
    assert forget([os.getpid()]) - have < 0.5 * size


def test_a_process_that_has_ended_has_none() -> None:
    assert forget([2**22 + 1]) == peak([2**22 + 1]) == 0
