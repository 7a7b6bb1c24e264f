"""Tests that measure get the CPU first, and those after them as before."""

from __future__ import annotations

import os
import subprocess
import threading

import pytest

from ..helpers.cpu_priority import NICENESS, first_in_line


def niceness_of_a_child() -> int:
    return int(subprocess.run(["nice"], capture_output=True, text=True, check=True).stdout)


def test_what_a_test_starts_and_its_threads_come_first_until_it_ends() -> None:
    before, ended = os.getpriority(os.PRIO_PROCESS, 0), threading.Event()
    older = threading.Thread(target=ended.wait)
    older.start()
    assert older.native_id is not None
    try:
        with first_in_line() as allowed:
            expected = NICENESS if allowed else before
            assert niceness_of_a_child() == expected
            assert os.getpriority(os.PRIO_PROCESS, older.native_id) == expected
        assert niceness_of_a_child() == before
        assert os.getpriority(os.PRIO_PROCESS, older.native_id) == before
    finally:
        ended.set()
        older.join()


def test_without_permission_all_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "setpriority", refuse)
    with first_in_line() as allowed:
        assert not allowed
        assert niceness_of_a_child() == os.getpriority(os.PRIO_PROCESS, 0)
