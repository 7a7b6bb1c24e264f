"""A recommendation with made-up figures: a winner, a runner-up, one not distinguished, and the others."""

from __future__ import annotations

import enum

import msgspec

from wsgi_gauntlet.harness.model import SCHEMA, Results, ServerInfo
from wsgi_gauntlet.harness.model.recommendation import (
    Answer,
    CandidateFigures,
    CaseCell,
    Cell,
    Change,
    Elimination,
    FigureId,
    InvalidMeasurement,
    MeasuredFigure,
    NotDistinguished,
    PasteFile,
    RatePoint,
    Reason,
    Recommendation,
    RecommendationCandidate,
    SearchConditions,
    Stage,
)

WINNER = "gunicorn:gthread[workers=2,threads=8]"
RUNNER_UP = "nginx+gunicorn:sync[workers=4]"
EQUAL = "waitress[threads=16]"
SLOW = "gunicorn:sync[workers=2]"
MIXED = "cheroot[threads=10]"
LATE = "granian[workers=2]"
ABSENT = "bjoern"

MB = 1e6

GUNICORN_FILE = """\
# gunicorn.conf.py
workers = 2  # one for each core
threads = 8  # the app waits for its database
"""

CONDITIONS = SearchConditions(
    app="shop:create_app()",
    peak=60.0,
    p99_limit=0.3,
    users=40,
    slow_clients=8,
    memory_limit=int(512 * MB),
    cores=2,
    budget=600.0,
    seed=4711,
    traffic="shop.toml",
    command="wsgi-gauntlet recommend --app 'shop:create_app()' --traffic shop.toml --peak 60/s",
)


def measured(
    value: float, spread: float = 0.05, *, n: int = 6, bound: bool = False, n_invalid: int = 0
) -> MeasuredFigure:
    """Return a figure with `spread` (a share) around its value."""
    return MeasuredFigure(value, "", n, value * (1 - spread), value * (1 + spread), bound=bound, n_invalid=n_invalid)


def unmeasured(why: str = "the generator was late") -> MeasuredFigure:
    """Return a figure without a valid measurement."""
    return MeasuredFigure(None, n_invalid=2, why=why)


def curve(capacity: float, *, invalid: bool = False) -> tuple[RatePoint, ...]:
    """Return p99 by rate of a server that gets slow at `capacity`."""
    shares = ((0.1, 0.02), (0.4, 0.03), (0.7, 0.06), (0.9, 0.14), (1.0, 0.28), (1.2, 2.5))
    points = [
        RatePoint(round(capacity * share, 1), p99, 0.0 if share <= 1 else 0.2, censored=share > 1)
        for share, p99 in shares
    ]
    if invalid:
        points.append(RatePoint(capacity * 1.4, 0.9, valid=False, why="the generator was late"))
    return tuple(points)


def recommendation() -> Recommendation:
    """Return a finished search with every part of an answer."""
    return Recommendation(
        CONDITIONS,
        (
            RecommendationCandidate(WINNER, "gunicorn", "gthread", 2, 8, "", "23.0.0"),
            RecommendationCandidate(SLOW, "gunicorn", "sync", 2, None, "", "23.0.0", "(2 x cores) + 1"),
            RecommendationCandidate(RUNNER_UP, "gunicorn", "sync", 4, None, "nginx", "23.0.0"),
            RecommendationCandidate(EQUAL, "waitress", "", None, 16, "", "3.0.2"),
            RecommendationCandidate(MIXED, "cheroot", "", None, 10, "", "10.0.1"),
            RecommendationCandidate(LATE, "granian", "", 2, None, "", "2.0.0"),
            RecommendationCandidate(ABSENT, "bjoern", "", None, None, "", ""),
        ),
        answer=Answer.RECOMMENDED,
        headline=f"Use {WINNER}: it serves 412/s, 6.9 times your peak",
        winner=WINNER,
        runner_up=RUNNER_UP,
        when_runner_up="Take it if more slow clients come: nginx reads their requests for the server",
        reasons=(
            Reason(
                "It answers 412 requests a second within 300 ms. Your peak needs 60.",
                (Cell(WINNER, FigureId.CAPACITY), Cell(WINNER, FigureId.P99_AT_PEAK)),
            ),
            Reason(
                "With 8 slow clients it still serves 99.8 % of the users; gunicorn:sync serves 41 %.",
                (Cell(WINNER, FigureId.GOODPUT_AMONG_SLOW), Cell(SLOW, FigureId.GOODPUT_AMONG_SLOW)),
            ),
            Reason("It needs 96.0 MB of memory at the peak.", (Cell(WINNER, FigureId.MEMORY),)),
        ),
        about_runner_up=(
            Reason(
                "It breaks 4 of 281 requirements (must) of PEP 3333 and HTTP, 1 of them of security.",
                (Cell(RUNNER_UP, FigureId.MUST_BROKEN), Cell(RUNNER_UP, FigureId.SECURITY_MUST_BROKEN)),
                (CaseCell(RUNNER_UP, "http/framing/te-and-cl"), CaseCell(RUNNER_UP, "http/host/invalid/empty")),
            ),
        ),
        not_distinguished=(
            NotDistinguished(
                EQUAL,
                f"{EQUAL}: no difference shown in 6 rounds.",
                (Cell(WINNER, FigureId.CAPACITY), Cell(EQUAL, FigureId.CAPACITY)),
            ),
        ),
        what_would_change=(
            Change("twice the users", f"{WINNER} still holds.", WINNER, (Cell(WINNER, FigureId.CAPACITY),)),
            Change("half the memory", f"take {EQUAL}", EQUAL, (Cell(EQUAL, FigureId.MEMORY),)),
        ),
        eliminated=(
            Elimination(ABSENT, Stage.START, "It does not start: libev is missing"),
            Elimination(
                MIXED,
                Stage.CORRECTNESS,
                "It sent one user the data of another",
                evidence=("visit 7 of user anna: the page greets bob", "visit 9 of user bob: the page greets anna"),
            ),
            Elimination(SLOW, Stage.SCREENING, "It serves 41 % of the users among slow clients", RUNNER_UP),
            Elimination(LATE, Stage.SCREENING, "No measurement of it was valid"),
        ),
        finalists=(WINNER, RUNNER_UP, EQUAL),
        figures=(
            CandidateFigures(
                WINNER,
                measured(412.0),
                measured(0.034),
                measured(1.0, 0),
                measured(0.998, 0),
                measured(96 * MB),
                measured(0.0018),
                measured(120, 0),
                measured(3, 0),
                measured(0, 0),
                measured(0, 0),
                curve(412.0),
            ),
            CandidateFigures(
                RUNNER_UP,
                measured(388.0, n_invalid=1),
                measured(0.041),
                measured(1.0, 0),
                measured(1.0, 0),
                measured(171 * MB),
                measured(0.0021),
                measured(96, 0),
                measured(4, 0),
                measured(1, 0),
                measured(2, 0),
                curve(388.0),
            ),
            CandidateFigures(
                EQUAL,
                measured(405.0, bound=True),
                measured(0.036),
                measured(1.0, 0),
                measured(0.97, 0),
                measured(58 * MB),
                measured(0.0017),
                measured(16, 0),
                measured(2, 0),
                measured(0, 0),
                MeasuredFigure(None, why="it has no reload"),
                curve(405.0, invalid=True),
            ),
            CandidateFigures(
                SLOW,
                measured(120.0, n=2),
                measured(0.09, n=2),
                measured(1.0, 0, n=2),
                measured(0.41, 0, n=2),
                measured(72 * MB, n=2),
            ),
            CandidateFigures(LATE, unmeasured(), goodput_alone=unmeasured(), memory=measured(64 * MB, n=1)),
        ),
        files=(
            PasteFile(
                WINNER,
                "gunicorn.conf.py",
                GUNICORN_FILE,
                "/srv/shop/gunicorn.conf.py",
                "gunicorn -c gunicorn.conf.py 'shop:create_app()'",
            ),
            PasteFile(WINNER, "Procfile", "web: gunicorn -c gunicorn.conf.py 'shop:create_app()'\n"),
            PasteFile(RUNNER_UP, "shop.conf", "server {\n    listen 80;\n}\n", "/etc/nginx/sites-enabled/shop.conf"),
        ),
        invalid=(
            InvalidMeasurement(LATE, Stage.SCREENING, "the generator was late by 12 ms"),
            InvalidMeasurement(LATE, Stage.SCREENING, "the generator was late by 31 ms"),
            InvalidMeasurement(RUNNER_UP, Stage.FINALS, "another process used the processor"),
        ),
        rounds=6,
        seconds=588.0,
        finished=True,
    )


def results(found: Recommendation | None = None) -> Results:
    """Return the results of a run of `recommend`."""
    servers = {ABSENT: ServerInfo(ABSENT, "bjoern", available=False, why="libev is missing")}
    return Results(
        SCHEMA,
        {"date": "2026-11-29T10:00:00+00:00", "cores": 2, "python": "3.12.1", "program": "wsgi-gauntlet 1.0"},
        servers,
        recommendation=found or recommendation(),
    )


def renamed(found: Recommendation, text: str) -> Recommendation:
    """Return a search in which `text` stands in every place for text: names, reasons, evidence, files and commands."""
    names = {each: f"{text} {number}" for number, each in enumerate([each.name for each in found.candidates])}
    changed = _replaced(found, names, text)
    assert isinstance(changed, Recommendation)
    return changed


def _replaced(value: object, names: dict[str, str], text: str) -> object:
    if isinstance(value, enum.Enum):
        return value
    if isinstance(value, str):
        return names.get(value, text) if value else value
    if isinstance(value, tuple):
        return tuple(_replaced(each, names, text) for each in value)
    if isinstance(value, msgspec.Struct):
        fields = {each: _replaced(getattr(value, each), names, text) for each in value.__struct_fields__}
        return msgspec.structs.replace(value, **fields)
    return value
