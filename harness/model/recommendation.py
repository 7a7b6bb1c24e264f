"""A recommendation for the app of the user: candidates, their figures, who was ruled out, and the answer.

Units are seconds, bytes and requests per second. A candidate is named by its server name: `nginx+gunicorn[workers=2]`.
"""

from __future__ import annotations

import enum

import msgspec

from wsgi_gauntlet.harness.model.comparison import Figure


class Answer(enum.StrEnum):
    """What a search found. NONE_HOLDS: every candidate breaks a requirement. NOT_DECIDED: no candidate was measured."""

    RECOMMENDED = "recommended"
    NONE_HOLDS = "none_holds"
    NOT_DECIDED = "not_decided"


class Stage(enum.StrEnum):
    """The stages of a search, in their order."""

    START = "start"
    CORRECTNESS = "correctness"
    SCREENING = "screening"
    SECURITY = "security"
    FINALS = "finals"
    RELOAD = "reload"


class RecommendationCandidate(msgspec.Struct, frozen=True):
    """A server with its settings, and the proxy before it. `name` is its server name, and its key everywhere.

    `workers` and `threads` are the effective numbers, None if the server does not say. `front` is the adapter name of
    the proxy, '' without one.
    `advice` says which advice the candidate follows: that of the server's documentation, '' for none. `for_development`
    is the sentence of the documentation that says that the server is for development, '' for one for production.
    """

    name: str
    server: str
    variant: str = ""
    workers: int | None = None
    threads: int | None = None
    front: str = ""
    version: str = ""
    advice: str = ""
    for_development: str = ""


class FigureId(enum.StrEnum):
    """The figures of a candidate. Each is a field of CandidateFigures, and the `figure` of a Cell."""

    CAPACITY = "capacity"
    P99_AT_PEAK = "p99_at_peak"
    GOODPUT_ALONE = "goodput_alone"
    GOODPUT_AMONG_SLOW = "goodput_among_slow"
    MEMORY = "memory"
    CPU = "cpu"
    MEMORY_GROWTH = "memory_growth"
    SLOWEST_REQUEST = "slowest_request"
    MUST_BROKEN = "must_broken"
    SECURITY_MUST_BROKEN = "security_must_broken"
    RELOAD_LOSSES = "reload_losses"


class MeasuredFigure(msgspec.Struct, frozen=True):
    """One figure of a candidate, over `n` valid measurements: the median, the least and the greatest value.

    `value` is None if nothing valid was measured; `why` says why. `bound`: the true value is at least `value` (for a
    capacity: the generator was the limit). `n_invalid` counts the measurements that the generator or the machine
    disturbed.
    """

    value: float | None
    unit: str = ""
    n: int = 0
    low: float | None = None
    high: float | None = None
    bound: bool = False
    n_invalid: int = 0
    why: str = ""

    @property
    def valid(self) -> bool:
        """Say whether the figure says anything about the server."""
        return self.value is not None


class RatePoint(msgspec.Struct, frozen=True):
    """The answers at one offered rate, in requests per second. p99 is a lower bound if `censored`.

    `wrong` is the share of requests without a correct answer in time. A point that is not `valid` says nothing about
    the server; `why` says why.
    """

    rate: float
    p99: float | None
    wrong: float = 0.0
    censored: bool = False
    valid: bool = True
    why: str = ""


class CandidateFigures(msgspec.Struct, frozen=True):
    """The figures of one candidate. None: not measured, because the candidate was ruled out before.

    `capacity` is the highest rate at which p99 keeps the limit and all answers are correct. `p99_at_peak` is p99 in
    seconds at the user's peak. `goodput_alone` and `goodput_among_slow` are the shares of the users' requests that were
    answered correctly and in time, without and with slow clients. `memory` is the peak of all processes in bytes, each
    shared page counted once. `cpu` is seconds per request. `memory_growth` is the bytes that a request leaves
    behind. The next three are counts. `curve` has the offered rates, lowest first. `slowest_request` is the time in
    seconds of the slowest request of the traffic on the idle server; `why` is the name of its step.
    """

    candidate: str
    capacity: MeasuredFigure | None = None
    p99_at_peak: MeasuredFigure | None = None
    goodput_alone: MeasuredFigure | None = None
    goodput_among_slow: MeasuredFigure | None = None
    memory: MeasuredFigure | None = None
    cpu: MeasuredFigure | None = None
    memory_growth: MeasuredFigure | None = None
    must_broken: MeasuredFigure | None = None
    security_must_broken: MeasuredFigure | None = None
    reload_losses: MeasuredFigure | None = None
    curve: tuple[RatePoint, ...] = ()
    slowest_request: MeasuredFigure | None = None

    @property
    def is_measured(self) -> bool:
        """Say whether a valid measurement gave a capacity."""
        return self.capacity is not None and self.capacity.valid

    def figure(self, which: FigureId) -> MeasuredFigure | None:
        """Return one of the figures by its id."""
        found = getattr(self, which.value)
        assert found is None or isinstance(found, MeasuredFigure)
        return found


class Elimination(msgspec.Struct, frozen=True):
    """A candidate that left the race. `reason` is one sentence. `better` is the candidate that is better, '' if none.

    `evidence` are lines that show it: the response that held another user's data.
    """

    candidate: str
    stage: Stage
    reason: str
    better: str = ""
    evidence: tuple[str, ...] = ()


class Cell(msgspec.Struct, frozen=True):
    """The place of a figure that a sentence rests on."""

    candidate: str
    figure: FigureId


class CaseCell(msgspec.Struct, frozen=True):
    """A cell of conformance that a sentence rests on: the server name, and the id of the case."""

    server: str
    case: str


class Reason(msgspec.Struct, frozen=True):
    """One sentence of the answer, the figures that it rests on, and the cells of conformance."""

    text: str
    cells: tuple[Cell, ...] = ()
    cases: tuple[CaseCell, ...] = ()


class RequirementCheck(msgspec.Struct, frozen=True):
    """The requirements (must) that the check of a finalist asked. Each counts once, however many variants it has.

    `broken` of `judged` are broken, `security_broken` of them against smuggling and injection. The check asked `asked`
    of `wanted` requirements before its time was over. `broken_cases` are the ids of the broken variants, those of
    security first; their evidence is in the cells of the results.
    """

    broken: int
    security_broken: int
    judged: int
    asked: int
    wanted: int
    broken_cases: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Say whether all requirements were asked."""
        return self.asked == self.wanted


class Change(msgspec.Struct, frozen=True):
    """What would change the answer. `condition` is a clause: "twice the users". `answer` is a sentence.

    `winner` is the candidate that the search would recommend then, '' for none.
    """

    condition: str
    answer: str
    winner: str = ""
    cells: tuple[Cell, ...] = ()


class NotDistinguished(msgspec.Struct, frozen=True):
    """A finalist that the rounds do not distinguish from the winner. `text` is one sentence."""

    candidate: str
    text: str
    cells: tuple[Cell, ...] = ()


class InvalidMeasurement(msgspec.Struct, frozen=True):
    """A measurement that says nothing about the server, and why."""

    candidate: str
    stage: Stage
    reason: str


class PasteFile(msgspec.Struct, frozen=True):
    """A file that deploys the winner or the runner-up: its text, where it belongs, and the command that uses it."""

    candidate: str
    name: str
    text: str
    install_path: str = ""
    start: str = ""


class Trial(msgspec.Struct, frozen=True):
    """One measurement of one candidate outside of the finals, whose rounds are a comparison of the results.

    `ruled_out` is the reason if the trial rules the candidate out, with its `evidence`. `round` counts from 1 in each
    stage. `started` and `seconds` are seconds of the search. `requirements` are those of a check.
    """

    candidate: str
    stage: Stage
    round: int = 1
    figures: tuple[Figure, ...] = ()
    curve: tuple[RatePoint, ...] = ()
    valid: bool = True
    why: str = ""
    ruled_out: str = ""
    evidence: tuple[str, ...] = ()
    started: float = 0.0
    seconds: float = 0.0
    requirements: RequirementCheck | None = None


class SearchConditions(msgspec.Struct, frozen=True):
    """What the user asked for, and where. `peak` is requests/s, `p99_limit` seconds, `memory_limit` bytes (0: none).

    `users` and `slow_clients` are connections. `cores` are those that the servers and the generator share. `traffic`
    names the traffic file, `page` is the page in place of one.
    """

    app: str
    peak: float
    p99_limit: float
    users: int
    slow_clients: int
    memory_limit: int
    cores: int
    budget: float
    seed: int
    traffic: str = ""
    page: str = "/"
    servers: tuple[str, ...] = ()
    command: str = ""


class Recommendation(msgspec.Struct, frozen=True):
    """A search and its answer. `candidates` are in the order of the search; `figures` has one entry for each.

    `headline` is the answer in one sentence. `winner` and `runner_up` are names, '' for none. `when_runner_up` is a
    sentence; `about_runner_up` says what the checks found. `finalists` are in the order of the answer, the winner
    first. `rounds` counts the valid rounds of the finals; they are the comparison of the results whose candidates have
    these names. `not_measured` has sentences about servers and settings that were no candidates, with the reason.
    `seconds` is the length over all calls. `stopped` says why it ended early, '' if it did not.
    """

    conditions: SearchConditions
    candidates: tuple[RecommendationCandidate, ...]
    answer: Answer = Answer.NOT_DECIDED
    headline: str = ""
    winner: str = ""
    runner_up: str = ""
    when_runner_up: str = ""
    about_runner_up: tuple[Reason, ...] = ()
    reasons: tuple[Reason, ...] = ()
    not_distinguished: tuple[NotDistinguished, ...] = ()
    what_would_change: tuple[Change, ...] = ()
    eliminated: tuple[Elimination, ...] = ()
    finalists: tuple[str, ...] = ()
    figures: tuple[CandidateFigures, ...] = ()
    files: tuple[PasteFile, ...] = ()
    invalid: tuple[InvalidMeasurement, ...] = ()
    trials: tuple[Trial, ...] = ()
    not_measured: tuple[str, ...] = ()
    rounds: int = 0
    seconds: float = 0.0
    stopped: str = ""
    finished: bool = False

    def candidate(self, name: str) -> RecommendationCandidate:
        """Return the candidate `name`. Raises KeyError."""
        return {each.name: each for each in self.candidates}[name]

    def figures_of(self, name: str) -> CandidateFigures:
        """Return the figures of the candidate `name`, all of them None if it was never measured."""
        return next((each for each in self.figures if each.candidate == name), CandidateFigures(name))

    def requirements_of(self, name: str) -> RequirementCheck | None:
        """Return the last check of the candidate `name`, None if not all its requirements (must) were to be asked."""
        own = (each for each in self.trials if each.candidate == name and each.valid)
        return next((each.requirements for each in reversed(list(own)) if each.requirements is not None), None)

    def elimination(self, name: str) -> Elimination | None:
        """Return why the candidate `name` left the race, None if it did not."""
        return next((each for each in self.eliminated if each.candidate == name), None)
