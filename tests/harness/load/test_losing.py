"""Which servers are started with a time-out for their workers, and which processes may be killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace

from wsgi_gauntlet.harness import planning
from wsgi_gauntlet.harness.adapter import Settings
from wsgi_gauntlet.harness.launching import processes
from wsgi_gauntlet.harness.load.losing import impatient


def test_who_has_the_option_gets_the_time_out_and_who_has_none_stays_as_it_is() -> None:
    assert impatient(planning.plan("gunicorn:sync"), 2).settings.timeout == 2
    waitress = planning.plan("waitress")
    assert impatient(waitress, 2) == waitress


def test_what_the_user_has_set_stays() -> None:
    plan = replace(planning.plan("gunicorn:sync"), settings=Settings(timeout=9))
    assert impatient(plan, 2) == plan


def test_a_front_keeps_its_own_and_the_server_behind_it_gets_the_time_out() -> None:
    plan = impatient(planning.plan("nginx+gunicorn:sync"), 2)
    assert plan.settings.timeout is None
    assert plan.upstream is not None
    assert plan.upstream.settings.timeout == 2


def test_only_our_own_processes_are_killed() -> None:
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        assert not processes.kill(other.pid, list)
        assert not processes.kill(other.pid, lambda: [os.getpid(), 1])
        for nobody in (1, 0, -1, -other.pid):
            assert not processes.kill(nobody, lambda: [1, 0, -1, -other.pid])
        assert other.poll() is None
        assert processes.kill(other.pid, lambda: [other.pid])
        assert other.wait(20) == -signal.SIGKILL
        assert not processes.kill(other.pid, lambda: [other.pid])
    finally:
        other.kill()
        other.wait()
