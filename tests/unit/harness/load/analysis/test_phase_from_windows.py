"""Phases out of windows."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.harness.load.analysis.phase_from_windows import count_timely, phase_from_windows
from wsgi_gauntlet.harness.model import Outcome

from .....helpers.queue_model import latencies, uniform, windows


def test_a_phase_has_what_its_windows_have() -> None:
    # 50 a second can be answered and 100 come: the n-th waits n times 10 ms, and those above half a second leave.
    made = windows(latencies(uniform(100, 1), threads=1, takes=0.02), seconds=1, width=0.1, timeout=0.5, lost=10)
    found = phase_from_windows(made[2:9], "middle", 3.0)
    assert found.name == "middle"
    assert found.started == pytest.approx(3.2)
    assert found.ended == pytest.approx(3.9)
    assert found.scheduled == 70
    assert sum(found.outcomes.values()) == 70
    assert found.outcomes[Outcome.ERROR] == 7
    assert found.outcomes[Outcome.OK] == round(found.goodput * 70)
    assert found.p50 == pytest.approx(0.5, rel=0.1)
    assert found.maximum == pytest.approx(0.5, rel=0.01)
    assert found.censored
    assert [count_timely(each) for each in made[:2]] == [9, 0]  # one of the ten was lost


def test_a_phase_in_which_nothing_was_due() -> None:
    found = phase_from_windows(windows([], seconds=1, width=0.5), "nothing", 0.0)
    assert (found.scheduled, found.goodput, found.p50, found.p99, found.censored) == (0, 1.0, None, None, False)
