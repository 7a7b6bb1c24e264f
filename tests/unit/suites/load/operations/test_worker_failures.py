"""Which servers are started with a time-out for their workers, and which processes may be killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace

from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.adapter import Settings
from wsgi_gauntlet.harness.server.process import procfs
from wsgi_gauntlet.suites.load.operations.worker_failures import with_worker_timeout


def test_who_has_the_option_gets_the_time_out_and_who_has_none_stays_as_it_is() -> None:
    assert with_worker_timeout(planning.plan("gunicorn:sync"), 2).settings.timeout == 2
    waitress = planning.plan("waitress")
    assert with_worker_timeout(waitress, 2) == waitress


def test_what_the_user_has_set_stays() -> None:
    plan = replace(planning.plan("gunicorn:sync"), settings=Settings(timeout=9))
    assert with_worker_timeout(plan, 2) == plan


def test_a_front_keeps_its_own_and_the_server_behind_it_gets_the_time_out() -> None:
    plan = with_worker_timeout(planning.plan("nginx+gunicorn:sync"), 2)
    assert plan.settings.timeout is None
    assert plan.upstream is not None
    assert plan.upstream.settings.timeout == 2


def test_only_our_own_processes_are_killed() -> None:
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        assert not procfs.kill(other.pid, list)
        assert not procfs.kill(other.pid, lambda: [os.getpid(), 1])
        for nobody in (1, 0, -1, -other.pid):
            assert not procfs.kill(nobody, lambda: [1, 0, -1, -other.pid])
        assert other.poll() is None
        assert procfs.kill(other.pid, lambda: [other.pid])
        assert other.wait(60) == -signal.SIGKILL
        assert not procfs.kill(other.pid, lambda: [other.pid])
    finally:
        other.kill()
        other.wait()
