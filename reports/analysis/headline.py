"""The headline of a report, made from one scenario or from conformance alone, and the line about the run below it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from wsgi_gauntlet.harness.exclusions import describe_excluded
from wsgi_gauntlet.harness.model import Grade, Results, Verdict
from wsgi_gauntlet.harness.model.naming import requirement_id
from wsgi_gauntlet.reports.analysis import aggregation
from wsgi_gauntlet.reports.analysis.scoreboard import CLASSROOM, Row, Scoreboard, scoreboard
from wsgi_gauntlet.reports.text import recommendation_text
from wsgi_gauntlet.reports.text.escaping import line
from wsgi_gauntlet.reports.text.labels import join_names, pluralize

NOT_JUDGED_LOAD = frozenset({Grade.INVALID, Grade.INCONCLUSIVE, Grade.ERROR})
"""Grades of cells of load that are listed as not judged. `unsupported` says something about the server."""

MAX_NAMES = 2
"""Servers that the headline about requirements names."""

MAX_PYTHONS = 3
"""Versions of Python that the line about the run names."""


@dataclass(frozen=True)
class Headline:
    """One sentence without a full stop. `scenario` is the scenario of its figures; '' means conformance, or none."""

    text: str
    scenario: str = ""


@dataclass(frozen=True)
class RunLine:
    """The facts about a run in one line; '' or 0 if unknown. `not_judged` counts cells that blame no server.

    `excluded` says what the user left out.
    """

    date: str
    machine: str
    python: str
    servers: int
    cases: int
    requirements: int
    scenarios: int
    not_judged: int
    excluded: str = ""

    @property
    def parts(self) -> tuple[str, ...]:
        """The known facts as texts, without `not_judged`, which is a link."""
        asked = f"{pluralize(self.cases, 'case')} of {pluralize(self.requirements, 'requirement')}"
        scenarios = pluralize(self.scenarios, "load scenario")
        return tuple(
            filter(
                None,
                (
                    self.date,
                    self.machine,
                    f"Python {self.python}" if self.python else "",
                    asked if self.cases else "",
                    scenarios if self.scenarios else "",
                    self.excluded,
                ),
            )
        )

    @property
    def text(self) -> str:
        """The whole line."""
        return " · ".join([*self.parts, *([f"not judged: {self.not_judged}"] if self.not_judged else [])])


def headline(results: Results, board: Scoreboard | None = None) -> Headline:
    """Return the headline of `results`; `board` is its scoreboard if the caller has it."""
    if results.recommendation is not None:
        return Headline(recommendation_text.title(results.recommendation))
    board = board if board is not None else scoreboard(results)
    if not board.rows and results.comparisons:
        last = results.comparisons[-1]
        names = join_names([line(each.name, 60) for each in last.candidates])
        return Headline(f"{names} compared in {pluralize(len(last.valid_rounds), 'round')}")
    if not board.rows:
        return Headline("No server was tested")
    if board.measured:
        return Headline(_among_slow_clients(board), board.scenario)
    if any(each.judged for each in board.rows):
        return Headline(_about_requirements(board.rows))
    who = _who(len(board.rows), board.rows)
    measured = dict.fromkeys(each.scenario for each in results.load if each.grade.is_judged)
    if measured:
        return Headline(f"{who} under load without slow clients: {pluralize(len(measured), 'scenario')}")
    return Headline(f"{who}: nothing was judged")


def run_line(results: Results) -> RunLine:
    """Return the facts about the run of `results`."""
    cases = {each.case for each in aggregation.server_cells(results.conformance)}
    return RunLine(
        date=_date(results),
        machine=_machine(results),
        python=_pythons(results),
        servers=len(aggregation.tried(results)),
        cases=len(cases),
        requirements=len({requirement_id(each) for each in cases}),
        scenarios=len({each.scenario for each in results.load}),
        not_judged=sum(each.grade in NOT_JUDGED_LOAD for each in results.load)
        + sum(each.verdict is Verdict.ERROR for each in results.conformance),
        excluded=line(describe_excluded(results.excluded), 200),
    )


def describe_slow_clients(board: Scoreboard) -> str:
    """Return the slow clients of the scoreboard, as `8 of 40 clients` or `16 clients`."""
    if not board.slow_clients:
        return "clients"
    if board.people is None:
        return pluralize(board.slow_clients, "client")
    return f"{board.slow_clients} of {pluralize(board.people, 'client')}"


def _among_slow_clients(board: Scoreboard) -> str:
    measured, served = board.measured, sum(each.serves_users for each in board.measured)
    verb = "is" if board.slow_clients == 1 and board.people is None else "are"
    where = "" if board.scenario == CLASSROOM else f" ({board.scenario})"
    slow = f"while {describe_slow_clients(board)} {verb} slow{where}"
    if len(measured) == 1 and len(board.rows) == 1:
        word = "still serves" if served else "does not serve"
        return f"{measured[0].server} {word} its users {slow}"
    number = len(board.rows)
    who = f"{number} WSGI servers" if len(measured) == number else f"{len(measured)} of {number} WSGI servers measured"
    if served == 0:
        return f"{who}: none serves its users {slow}"
    if served == len(measured):
        every = {1: "it still serves its users", 2: "both still serve their users"}
        return f"{who}: {every.get(served, f'all {served} still serve their users')} {slow}"
    return f"{who}: {served} still {'serves its' if served == 1 else 'serve their'} users {slow}"


def _about_requirements(rows: tuple[Row, ...]) -> str:
    judged = [each for each in rows if each.judged]
    who = _who(len(rows), rows)
    if len(rows) == 1:
        return f"{who} breaks {judged[0].must_broken} of {pluralize(judged[0].judged, 'requirement')} judged"
    clean = [each.server for each in judged if not each.must_broken]
    if len(clean) == len(rows):
        return f"{who}: none breaks a requirement (must)"
    if clean:
        names = join_names([line(each, 60) for each in clean]) if len(clean) <= MAX_NAMES else f"{len(clean)}"
        return f"{who}: {names} {'breaks' if len(clean) == 1 else 'break'} no requirement (must)"
    least, most = min(each.must_broken for each in judged), max(each.must_broken for each in judged)
    numbers = f"{least}" if least == most else f"{least} to {most}"
    each_of = "each breaks" if len(judged) == len(rows) else f"{len(judged)} judged, each breaks"
    return f"{who}: {each_of} {numbers} {'requirement' if most == 1 else 'requirements'} (must)"


def _who(number: int, rows: tuple[Row, ...]) -> str:
    return rows[0].server if number == 1 else f"{number} WSGI servers"


def _date(results: Results) -> str:
    text = str(results.environment.get("date", ""))
    try:
        day = dt.datetime.fromisoformat(text)
    except ValueError:
        return text[:40]
    return f"{day.day} {day:%b %Y}"


def _machine(results: Results) -> str:
    processor, cores = results.environment.get("processor"), results.environment.get("cores")
    parts = [str(processor)] if processor else []
    if isinstance(cores, int):
        parts.append(pluralize(cores, "core"))
    return ", ".join(parts)


def _pythons(results: Results) -> str:
    """Return the versions of Python that ran the servers, of the harness if they are unknown."""
    known = [
        *(each.conditions.get("python") for each in results.servers.values()),
        *(each.conditions.get("python") for each in results.load),
    ]
    versions = list(dict.fromkeys(str(each) for each in known if each))
    if len(versions) > MAX_PYTHONS:
        versions = [*versions[:MAX_PYTHONS], f"{len(versions) - MAX_PYTHONS} others"]
    return join_names(versions) or str(results.environment.get("python", ""))
