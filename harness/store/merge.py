"""Merge the results of several runs. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from wsgi_gauntlet.harness.model import SCHEMA, Results
from wsgi_gauntlet.harness.store.history import history_points


def merge(runs: Sequence[Results]) -> Results:
    """Return the cells of all `runs`. If two runs have the same cell, the later one counts. Comparisons with
    different seeds are different.

    The environment is that of the last run, with the environments of all runs under `merged`. The base run is that of
    the last run that has one, and so is the recommendation. The history has the counts of each run.
    """
    if len(runs) == 1:
        return runs[0]
    last = runs[-1]
    return Results(
        schema=SCHEMA,
        environment={**last.environment, "merged": [dict(each.environment) for each in runs]},
        servers={name: server for run in runs for name, server in run.servers.items()},
        conformance=tuple({(c.server, c.case): c for run in runs for c in run.conformance}.values()),
        load=tuple({(c.server, c.scenario): c for run in runs for c in run.load}.values()),
        cases={id_: case for run in runs for id_, case in run.cases.items()},
        scenarios={id_: scenario for run in runs for id_, scenario in run.scenarios.items()},
        comparisons=tuple({each.key: each for run in runs for each in run.comparisons}.values()),
        finished=all(run.finished for run in runs),
        # Shards leave out the same, so each name counts once.
        excluded=tuple({(each.source, each.name): each for run in runs for each in run.excluded}.values()),
        stopped=any(run.stopped for run in runs),
        baseline=", ".join(dict.fromkeys(run.baseline for run in runs if run.baseline)),
        base=next((run.base for run in reversed(runs) if run.base is not None), None),
        recommendation=next((run.recommendation for run in reversed(runs) if run.recommendation is not None), None),
        history=tuple(point for run in runs for point in run.history or history_points(run)),
    )
