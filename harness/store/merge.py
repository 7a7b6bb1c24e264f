"""Merge the results of several runs. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wsgi_gauntlet.harness.model import SCHEMA, Results, ServerInfo
from wsgi_gauntlet.harness.model.run_part import PART_KEY
from wsgi_gauntlet.harness.store.history import history_points

MERGED_KEY = "merged"
"""The key of a merged environment with the environments of all runs."""

BASELINE_SEPARATOR = ", "


def environments(run: Results) -> list[Mapping[str, object]]:
    """Return the environment of each run that `run` was merged from, in their order; of a single run its own."""
    merged = run.environment.get(MERGED_KEY)
    every: list[Mapping[str, object]] = (
        [each for each in merged if isinstance(each, Mapping)] if isinstance(merged, list | tuple) else []
    )
    return every or [run.environment]


def merge(runs: Sequence[Results]) -> Results:
    """Return the cells of all `runs`. If two runs have the same cell, the later one counts. Comparisons with
    different seeds are different. To merge merged results is the same as to merge all runs at once.

    The environment is that of the last run, with the environments of all runs under `merged`. The base run is that of
    the last run that has one, and so is the recommendation. The history has the counts of each run.
    """
    if len(runs) == 1:
        return runs[0]
    last = runs[-1]
    return Results(
        schema=SCHEMA,
        environment={
            **{name: value for name, value in last.environment.items() if name != PART_KEY},
            MERGED_KEY: [dict(each) for run in runs for each in environments(run)],
        },
        servers=_servers(runs),
        conformance=tuple({(c.server, c.case): c for run in runs for c in run.conformance}.values()),
        load=tuple({(c.server, c.scenario): c for run in runs for c in run.load}.values()),
        cases={id_: case for run in runs for id_, case in run.cases.items()},
        scenarios={id_: scenario for run in runs for id_, scenario in run.scenarios.items()},
        comparisons=tuple({each.key: each for run in runs for each in run.comparisons}.values()),
        finished=all(run.finished for run in runs),
        # Shards leave out the same, so each name counts once.
        excluded=tuple({(each.source, each.name): each for run in runs for each in run.excluded}.values()),
        stopped=any(run.stopped for run in runs),
        baseline=BASELINE_SEPARATOR.join(
            dict.fromkeys(each for run in runs for each in run.baseline.split(BASELINE_SEPARATOR) if each)
        ),
        base=next((run.base for run in reversed(runs) if run.base is not None), None),
        recommendation=next((run.recommendation for run in reversed(runs) if run.recommendation is not None), None),
        history=tuple(point for run in runs for point in run.history or history_points(run)),
    )


def _servers(runs: Sequence[Results]) -> dict[str, ServerInfo]:
    """Return the last information about each server. A run that never started a server, as a part of a run without
    cells of it, knows less than one that did.
    """
    found: dict[str, ServerInfo] = {}
    for run in runs:
        for name, server in run.servers.items():
            if name not in found or not _never_started(server) or _never_started(found[name]):
                found[name] = server
    return found


def _never_started(server: ServerInfo) -> bool:
    return server.available and not server.command
