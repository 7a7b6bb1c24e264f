"""A trial of a search, live: one server gives all figures, those beside slow clients too."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import trio

from wsgi_gauntlet.harness.comparison.slot import SlotEnvironment
from wsgi_gauntlet.harness.conformance.validity import StallClock
from wsgi_gauntlet.harness.model.recommendation import FigureId, Stage, Trial
from wsgi_gauntlet.harness.recommendation.measurement import PARAMETERS, measure_trial
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.temp_dirs import RunFolders

from ..helpers.requirements import installed

pytestmark = pytest.mark.live


def test_one_server_gives_all_figures(tmp_path: Path) -> None:
    plan = planning.plan("waitress")
    installed(plan)
    scratch, logs = tmp_path / "scratch", tmp_path / "logs"
    scratch.mkdir()
    logs.mkdir()
    short = replace(PARAMETERS, loop=0.1, open_loop=0.2, users_phase=0.3, peak=30.0, users=8, slow_clients=2)

    async def measure() -> Trial:
        environment = SlotEnvironment(RunFolders(scratch, logs))
        return await measure_trial(plan, Stage.SCREENING, short, environment, lambda _doing: None)

    trial = trio.run(measure, clock=StallClock())
    assert trial.ruled_out == ""
    found = {each.id: each.value for each in trial.figures}
    for which in (FigureId.CAPACITY, FigureId.MEMORY, FigureId.GOODPUT_ALONE):
        assert found[which], which
    assert {FigureId.P99_AT_PEAK, FigureId.GOODPUT_AMONG_SLOW} <= found.keys()
    assert len(list(logs.iterdir())) == 1, "each server has a log of its own"
