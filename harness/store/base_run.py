"""Make the base run of a comparison from its results. Pure."""

from __future__ import annotations

import msgspec

from wsgi_gauntlet.harness.model import BaseCase, BaseRun, Results, Verdict


def base_run(results: Results, name: str) -> BaseRun:
    """Return what a comparison needs of `results`; `name` is the path that the user gave."""
    verdicts: dict[str, dict[str, Verdict]] = {}
    cases: dict[str, BaseCase] = {}
    for cell in results.conformance:
        verdicts.setdefault(cell.server, {})[cell.case] = cell.verdict
        cases.setdefault(cell.case, BaseCase(cell.level, cell.tags))
    return BaseRun(
        name=name,
        environment=results.environment,
        servers=results.servers,
        cases=cases,
        verdicts=verdicts,
        load=tuple(
            msgspec.structs.replace(each, samples=(), windows=(), slow_clients=(), claims=(), caveats=(), log="")
            for each in results.load
        ),
        finished=results.finished,
    )
