"""Small made-up runs for the first screen: cells of the classroom and of requirements, built from a few numbers."""

from __future__ import annotations

from wsgi_gauntlet.harness.model import (
    SCHEMA,
    CaseResult,
    GeneratorHealth,
    Grade,
    Level,
    Metric,
    Phase,
    Results,
    ScenarioResult,
    ServerInfo,
    Step,
    Verdict,
)


def classroom(
    server: str,
    goodput: float | None = 1.0,
    p99: float | None = 0.005,
    grade: Grade = Grade.UNAFFECTED,
    *,
    censored: bool = False,
    scenario: str = "classroom",
    slow: int = 8,
    people: int | None = 40,
    why: str = "",
) -> ScenarioResult:
    """Return a cell with slow clients. `why` makes its generator unfit."""
    return ScenarioResult(
        server,
        scenario,
        grade,
        goodput,
        phases=(
            Phase("baseline", 0, 2, 40, {"ok": 40}, 1.0, p99=0.004),
            Phase("during", 2, 7, 100, {}, goodput or 0.0, p99=p99, censored=censored),
        ),
        slow_clients=((2.0, slow), (7.0, 0)),
        generator=GeneratorHealth(not why, why=why),
        parameters={"clients": slow, **({"people": people} if people else {})},
        conditions={"python": "3.11.7", "version": "1.0", "workers": 1, "threads": 1},
    )


def collapse(server: str, clients: int, scenario: str = "slow-body/length") -> ScenarioResult:
    """Return a cell whose search found N*."""
    return ScenarioResult(server, scenario, Grade.COLLAPSED, 0.0, collapse=clients, steps=(Step(clients, 0.0),))


def closed_loop(server: str, rate: float) -> ScenarioResult:
    """Return a cell of a closed loop."""
    return ScenarioResult(server, "throughput", Grade.MEASURED, 1.0, steps=(Step(1, rate=rate / 2), Step(8, rate=rate)))


def capacity(server: str, rate: float, grade: Grade = Grade.MEASURED) -> ScenarioResult:
    """Return a cell with a capacity."""
    return ScenarioResult(server, "capacity", grade, 1.0, metrics=(Metric("capacity", "capacity", rate, "requests/s"),))


def checks(server: str, *, security: int, broken: int, others: int = 0, others_broken: int = 0) -> list[CaseResult]:
    """Return cells of `security` requirements (must) with `broken` fails, and of others without the tag."""
    return [
        *_cells(server, "http/framing/security", security, broken, ("security",)),
        *_cells(server, "pep3333/body/other", others, others_broken, ()),
    ]


def _cells(server: str, prefix: str, number: int, broken: int, tags: tuple[str, ...]) -> list[CaseResult]:
    verdicts = [Verdict.FAIL] * broken + [Verdict.PASS] * (number - broken)
    return [CaseResult(server, f"{prefix}-{at}", Level.MUST, tags, verdict) for at, verdict in enumerate(verdicts)]


def run(
    *load: ScenarioResult, conformance: list[CaseResult] | None = None, development: tuple[str, ...] = ()
) -> Results:
    """Return a run of these cells."""
    cells = conformance or []
    names = dict.fromkeys([*(each.server for each in cells), *(each.server for each in load)])
    infos = {
        each: ServerInfo(
            each, each, True, "1.0", for_development="“Not for production.” https://x.example/" * (each in development)
        )
        for each in names
    }
    return Results(SCHEMA, {"date": "2026-11-28T10:00:00+00:00"}, infos, tuple(cells), load)
