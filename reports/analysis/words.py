"""The words of the scoreboard: one word for each server, by written rules. There is no composite score.

The first rule that applies decides. Each reason cites the cells that its figures come from.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.model import Grade, ScenarioResult
from wsgi_gauntlet.reports.text import labels
from wsgi_gauntlet.reports.text.labels import duration, during, percent, pluralize

SERVED_GOODPUT = 0.99
"""The goodput from which users are served. The grade `unaffected` has the same limit."""

SERVED_P99_SECONDS = 1.0
"""The p99 up to which users are served. Above it the grade is `collapsed`."""

MAX_SECURITY_SHARE = 0.05
"""The share of security requirements (must) that a server may break and still `holds up`."""

CLASSROOM_CLIENTS = 40
"""Slow clients of another kind that a server must survive: as many as a classroom has people."""


class Word(enum.StrEnum):
    """The word of a server on the scoreboard."""

    HOLDS_UP = "holds up"
    WITH_CARE = "with care"
    NOT_ALONE = "not alone"
    DEVELOPMENT_ONLY = "development only"
    NOT_MEASURED = "not measured"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True)
class Rule:
    """When a word applies.

    `threshold` is the number in `text`: a share of 1, seconds or a count. It is None if the text has no number.
    """

    id: str
    word: Word
    text: str
    threshold: float | None = None


DEVELOPMENT = Rule(
    "development",
    Word.DEVELOPMENT_ONLY,
    "The documentation of the server says that it is for development.",
)
GOODPUT = Rule(
    "goodput",
    Word.NOT_ALONE,
    f"Less than {SERVED_GOODPUT * 100:g} % of the requests of other users got the correct response in time while slow "
    "clients were connected.",
    SERVED_GOODPUT,
)
LATE = Rule(
    "late",
    Word.NOT_ALONE,
    f"The p99 of other users was above {SERVED_P99_SECONDS:g} s while slow clients were connected.",
    SERVED_P99_SECONDS,
)
SECURITY = Rule(
    "security",
    Word.WITH_CARE,
    f"The server broke more than {MAX_SECURITY_SHARE * 100:g} % of the security requirements (must) that were judged.",
    MAX_SECURITY_SHARE,
)
OTHER_SLOW_CLIENTS = Rule(
    "other-slow-clients",
    Word.WITH_CARE,
    f"At most {CLASSROOM_CLIENTS} slow clients of another kind made the server collapse, or it did not recover after "
    "they left.",
    CLASSROOM_CLIENTS,
)
MISSING_LOAD = Rule(
    "no-slow-clients",
    Word.NOT_MEASURED,
    "The run has no valid measurement of users among slow clients.",
)
MISSING_SECURITY = Rule("no-security", Word.NOT_CHECKED, "No security requirement (must) was judged.")
SERVED = Rule(
    "served",
    Word.HOLDS_UP,
    f"No other rule applies: at least {SERVED_GOODPUT * 100:g} % of the requests of other users were answered in time, "
    f"with a p99 of at most {SERVED_P99_SECONDS:g} s, and at most {MAX_SECURITY_SHARE * 100:g} % of the security "
    "requirements (must) were broken.",
)

RULES: tuple[Rule, ...] = (
    DEVELOPMENT,
    GOODPUT,
    LATE,
    OTHER_SLOW_CLIENTS,
    MISSING_LOAD,
    SECURITY,
    MISSING_SECURITY,
    SERVED,
)
"""The rules in their order: the first that applies decides.

A server that broke much is only `with care` if a valid cell shows that it serves its users.
"""


@dataclass(frozen=True)
class Reason:
    """Why a rule applies to a server. The figures of `text` are those of the cells that it cites.

    `scenario` or `cases` name the cells of `server`. Both are empty if the reason is no figure.
    """

    rule: Rule
    text: str
    server: str
    scenario: str = ""
    cases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Facts:
    """What the rules need to know of a server.

    `among_slow_clients` is its cell in the scenario of the scoreboard, `other_cells` are those with other slow clients.
    `security_cases` are the cells of the judged security requirements, those that were broken first.
    """

    server: str
    for_development: str
    among_slow_clients: ScenarioResult | None
    other_cells: Sequence[ScenarioResult]
    security_broken: int
    security_judged: int
    security_cases: tuple[str, ...]


def choose_word(facts: Facts) -> tuple[Word, tuple[Reason, ...]]:
    """Return the word of a server, and every reason for that word."""
    reasons = _reasons(facts)
    word = next(rule.word for rule in RULES if any(each.rule is rule for each in reasons))
    return word, tuple(each for each in reasons if each.rule.word is word)


def serves_users(cell: ScenarioResult) -> bool:
    """Say whether healthy users were served in a judged cell."""
    phase = during(cell)
    late = phase is not None and phase.p99 is not None and phase.p99 > SERVED_P99_SECONDS
    return (cell.goodput or 0.0) >= SERVED_GOODPUT and not late


def is_valid(cell: ScenarioResult) -> bool:
    """Say whether the figures of the healthy users in `cell` can be trusted."""
    return cell.grade.is_judged and cell.goodput is not None


def why_invalid(cell: ScenarioResult) -> str:
    """Return why the figures of `cell` do not count, '' if they do."""
    if is_valid(cell):
        return ""
    why = labels.measurement_problem(cell)
    label = "no figure" if cell.grade.is_judged else cell.grade.label
    return f"{label}: {why}" if why else label


def _reasons(facts: Facts) -> list[Reason]:
    found = [Reason(DEVELOPMENT, facts.for_development, facts.server)] if facts.for_development else []
    cell = facts.among_slow_clients
    measured = cell is not None and is_valid(cell)
    if cell is not None and measured:
        found += _service_reasons(facts.server, cell)
    else:
        scenario = cell.scenario if cell is not None else ""
        why = f"{scenario}: {why_invalid(cell)}." if cell is not None else "It ran in no scenario with slow clients."
        found.append(Reason(MISSING_LOAD, why, facts.server, scenario))
    if facts.security_judged and facts.security_broken > MAX_SECURITY_SHARE * facts.security_judged:
        found.append(_security_reason(SECURITY, facts))
    found += [
        Reason(OTHER_SLOW_CLIENTS, f"{each.scenario}: {labels.grade(each)}.", facts.server, each.scenario)
        for each in facts.other_cells
        if _is_early_collapse(each)
    ]
    if not facts.security_judged:
        found.append(Reason(MISSING_SECURITY, MISSING_SECURITY.text, facts.server))
    if cell is not None and measured and facts.security_judged:
        found.append(Reason(SERVED, f"{_describe_service(cell)}.", facts.server, cell.scenario))
        found.append(_security_reason(SERVED, facts))
    return found


def _service_reasons(server: str, cell: ScenarioResult) -> list[Reason]:
    phase = during(cell)
    found = []
    if (cell.goodput or 0.0) < SERVED_GOODPUT:
        found.append(Reason(GOODPUT, f"{_describe_service(cell)}.", server, cell.scenario))
    if phase is not None and phase.p99 is not None and phase.p99 > SERVED_P99_SECONDS:
        text = f"The p99 of other users was {duration(phase.p99, at_least=phase.censored)} in {cell.scenario}."
        found.append(Reason(LATE, text, server, cell.scenario))
    return found


def _describe_service(cell: ScenarioResult) -> str:
    phase = during(cell)
    text = f"{percent(cell.goodput)} of the requests of other users were answered in time in {cell.scenario}"
    if phase is not None and phase.p99 is not None:
        text += f" (p99 {duration(phase.p99, at_least=phase.censored)})"
    return text


def _security_reason(rule: Rule, facts: Facts) -> Reason:
    text = (
        f"{facts.security_broken} of {pluralize(facts.security_judged, 'security requirement')} (must) "
        f"{'was' if facts.security_broken == 1 else 'were'} broken."
    )
    return Reason(rule, text, facts.server, cases=facts.security_cases)


def _is_early_collapse(cell: ScenarioResult) -> bool:
    if cell.grade is Grade.NOT_RECOVERED:
        return True
    clients = cell.collapse if cell.collapse is not None else connected_slow_clients(cell)
    return cell.grade is Grade.COLLAPSED and clients <= CLASSROOM_CLIENTS


def connected_slow_clients(cell: ScenarioResult) -> int:
    """Return the largest number of slow clients that were connected in `cell`, 0 if none were."""
    return max((number for _, number in cell.slow_clients), default=0)


def has_users_among_slow_clients(cell: ScenarioResult) -> bool:
    """Say whether the figures of `cell` are of users among slow clients; other disturbances have other phases."""
    phase = during(cell)
    return phase is not None and phase.name in labels.ADVERSE_PHASE_NAMES and connected_slow_clients(cell) > 0
