"""How verdicts, grades and figures are written: signs that need no colour, units, and bounds told as bounds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from wsgi_gauntlet.harness.load.analysis.grading import format_share
from wsgi_gauntlet.harness.model import (
    Basis,
    Breach,
    ClaimVerdict,
    Grade,
    Metric,
    Outcome,
    Phase,
    ScenarioResult,
    Verdict,
)
from wsgi_gauntlet.harness.stats import headline_phase
from wsgi_gauntlet.harness.stats.summary import UNANSWERED_OUTCOMES


@dataclass(frozen=True)
class LegendEntry:
    """A sign to be told apart without colour, and what it means."""

    sign: str
    meaning: str


VERDICTS: dict[Verdict, LegendEntry] = {
    Verdict.FAIL: LegendEntry("✗", "a requirement (must) is broken"),
    Verdict.WARN: LegendEntry("!", "a recommendation (should) is not followed"),
    Verdict.FLAKY: LegendEntry("~", "broken in some attempts and not in others"),
    Verdict.PASS: LegendEntry("✓", "holds"),
    Verdict.INFO: LegendEntry("i", "recorded, no right or wrong"),
    Verdict.UNSUPPORTED: LegendEntry("–", "the server has no way to do it"),
    Verdict.SKIPPED: LegendEntry("»", "not tried: what it depends on does not work"),
    Verdict.ERROR: LegendEntry("E", "the harness's own fault, never the server's"),
}
"""In the order in which reports count them: what a reader looks for stands first."""

GRADES: dict[Grade, LegendEntry] = {
    Grade.UNAFFECTED: LegendEntry("✓", "the others hardly notice"),
    Grade.DEGRADED: LegendEntry("!", "the others get less, or later"),
    Grade.COLLAPSED: LegendEntry("✗", "the others get less than half, or wait for over a second"),
    Grade.WEDGED: LegendEntry("⊗", "the others get less than half, or wait for over a second, also afterwards"),
    Grade.MEASURED: LegendEntry("·", "a figure, no right or wrong"),
    Grade.INCONCLUSIVE: LegendEntry("≈", "the noise is wider than the threshold: no finding"),
    Grade.INVALID: LegendEntry("?", "the generator or this machine could not keep up: no finding"),
    Grade.UNSUPPORTED: LegendEntry("–", "the server has no way to do it"),
    Grade.ERROR: LegendEntry("E", "the harness's own fault, never the server's"),
}


BREACHES: dict[Breach, str] = {
    Breach.NOBODY: "",
    Breach.CLIENT: "the client breaks a rule, which no compliant client would",
    Breach.APP: "the app breaks a rule, which no compliant app would",
}
"""Who breaks a rule in a case on purpose; '' where all do as they should."""


@dataclass(frozen=True)
class ColouredLegendEntry(LegendEntry):
    """One that has the colour of the grade `shade`."""

    shade: str


HELD: dict[ClaimVerdict, ColouredLegendEntry] = {
    ClaimVerdict.HELD: ColouredLegendEntry("✓", "the rule's figure was reached", "immune"),
    ClaimVerdict.DID_NOT_HOLD: ColouredLegendEntry(
        "✗", "the figure says otherwise: of the statement, no blame of the server", "degrades"
    ),
    ClaimVerdict.INCONCLUSIVE: ColouredLegendEntry(
        "≈", "the rounds lie on both sides of the threshold", "inconclusive"
    ),
    ClaimVerdict.NOT_APPLICABLE: ColouredLegendEntry(
        "–", "what the statement speaks of does not come up", "unsupported"
    ),
}

NOT_JUDGED_GRADES = frozenset({Grade.INCONCLUSIVE, Grade.INVALID, Grade.UNSUPPORTED, Grade.ERROR})
"""The grades that say nothing about the server."""

MISSING = "–"

NO_BREAK_SPACE = "\u00a0"
"""Between a number and its unit: they are never to stand on two lines."""

ADVERSE_PHASE_NAMES, during, best_rate = (
    headline_phase.ADVERSE_PHASE_NAMES,
    headline_phase.during,
    headline_phase.best_rate,
)


def grade(load: ScenarioResult) -> str:
    """Return the grade in words, as `collapses at 2`."""
    if load.grade is Grade.COLLAPSED and load.collapse is not None:
        return f"collapses at {load.collapse}"
    return load.grade.value


def describe_service(load: ScenarioResult) -> str:
    """Return what the other users got, as `100 % answered, p99 4.38 s`; '' where nothing was measured."""
    phase = during(load)
    parts = [f"{percent(load.goodput)} answered"] if load.goodput is not None else []
    if phase is not None and phase.p99 is not None:
        parts.append(f"p99 {duration(phase.p99, at_least=phase.censored)}")
    return ", ".join(parts)


def describe_claims(held: Iterable[ClaimVerdict]) -> str:
    """Return how often statements held and did not, as `held`, or `2 held, 1 did not hold`."""
    counts = Counter(held)
    if counts.total() == 1:
        return next(iter(counts)).value
    return ", ".join(f"{counts[each]} {each}" for each in HELD if counts[each])


def is_lower_bound(phase: Phase, share: float) -> bool:
    """Say whether the quantile `share` (0 to 1) of `phase` is only a lower bound: so many were still waiting."""
    waiting = sum(phase.outcomes.get(each, 0) for each in UNANSWERED_OUTCOMES)
    answered = phase.outcomes.get(Outcome.OK, 0)
    return waiting > 0 and waiting >= (1 - share) * (waiting + answered)


def percent(share: float | None) -> str:
    """Return a share of 1 as per cent, never rounded up to 100 nor down to 0."""
    return MISSING if share is None else format_share(share).replace(" ", NO_BREAK_SPACE)


def duration(seconds: float | None, *, at_least: bool = False) -> str:
    """Return a time with a unit that suits its size; `at_least` marks a lower bound."""
    if seconds is None:
        return MISSING
    bound = f"≥{NO_BREAK_SPACE}" if at_least else ""
    size = abs(seconds)
    if size == 0:
        return f"{bound}0{NO_BREAK_SPACE}s"
    if size < 0.001:
        return f"{bound}{seconds * 1e6:.0f}{NO_BREAK_SPACE}µs"
    if size < 1:
        return f"{bound}{_three_digits(seconds * 1000)}{NO_BREAK_SPACE}ms"
    if size < 120:
        return f"{bound}{_three_digits(seconds)}{NO_BREAK_SPACE}s"
    return f"{bound}{int(seconds // 60)}{NO_BREAK_SPACE}min {int(seconds % 60):02d}{NO_BREAK_SPACE}s"


def ratio(value: float | None, *, at_least: bool = False) -> str:
    """Return a ratio, as `≥ 556 x`."""
    if value is None:
        return MISSING
    return f"{f'≥{NO_BREAK_SPACE}' if at_least else ''}{_three_digits(value)}{NO_BREAK_SPACE}×"


def rate(value: float | None) -> str:
    """Return a rate in requests per second."""
    return MISSING if value is None else f"{value:,.0f}/s" if value >= 10 else f"{value:.1f}/s"


def size(count: int) -> str:
    """Return bytes in binary units."""
    value = float(count)
    for unit in ("B", "KiB", "MiB"):
        if abs(value) < 1024:
            return f"{_three_digits(value) if value < 10 else f'{value:.0f}'}{NO_BREAK_SPACE}{unit}"
        value /= 1024
    return f"{value:,.1f}{NO_BREAK_SPACE}GiB"


def number(value: float) -> str:
    """Return a count, or a mean of counts, in three figures at most."""
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 100 else _three_digits(value)


def measure(found: Metric | None) -> str:
    """Return a scenario's own figure in its unit, as `≥ 5 s`, `1.2 MiB`, `3 lost requests`; `–` where there is none."""
    if found is None or found.value is None:
        return MISSING
    match found.unit:
        case "s":
            return duration(found.value, at_least=found.censored)
        case "bytes":
            text = size(round(found.value))
        case "bytes/s":
            text = f"{size(round(found.value))}/s"
        case "requests/s" | "/s":
            text = rate(found.value)
        case "x" | "×":
            return ratio(found.value, at_least=found.censored)
        case "yes/no":
            return "yes" if found.value else "no"
        case "":
            text = number(found.value)
        case unit:
            text = f"{number(found.value)}{NO_BREAK_SPACE}{unit}"
    return f"≥{NO_BREAK_SPACE}{text}" if found.censored else text


def disconnect(load: ScenarioResult, *, share: bool = False) -> str:
    """Return how and when a server dropped the slow clients, as `408 after 10 s`; `share` adds `(12 of 256)`."""
    found = load.disconnect
    if found is None:
        return MISSING
    if found.how == "never":
        return "never"
    after = f" after {duration(found.after)}" if found.after is not None else ""
    return f"{found.how}{after}{f' ({found.dropped:,} of {found.clients:,})' if share else ''}"


def capacity(load: ScenarioResult) -> Metric | None:
    """Return the highest rate that users were served well at, None where nobody looked for it."""
    return next((each for each in load.metrics if each.id == "capacity"), None)


def format_best_rate(load: ScenarioResult) -> str:
    """Return the one rate that a cell came to, of a closed loop or a search for capacity; `–` where there is none."""
    best = best_rate(load)
    return rate(best) if best is not None else measure(capacity(load))


def join_names(names: Iterable[str]) -> str:
    """Return names as a sentence has them: `a`, `a and b`, `a, b and c`."""
    each = list(names)
    if len(each) < 2:
        return "".join(each)
    return ", ".join(each[:-1]) + " and " + each[-1]


def pluralize(number: int, what: str, plural: str = "") -> str:
    """Return `1 server`, `2 servers`."""
    return f"{number:,} {what if number == 1 else plural or what + 's'}"


def conditions(values: dict[str, Any]) -> str:
    """Return what a figure must be read with, on one line."""
    return " · ".join(f"{name} {_format_value(value)}" for name, value in values.items())


def _format_value(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, dict):
        return "(" + ", ".join(f"{name} {_format_value(each)}" for name, each in value.items()) + ")"
    if isinstance(value, list | tuple):
        return ", ".join(_format_value(each) for each in value)
    return str(value)


def _three_digits(value: float) -> str:
    if abs(value) >= 99.95:
        return f"{value:,.0f}"
    return f"{value:.{1 if abs(value) >= 9.995 else 2}f}".rstrip("0").rstrip(".")


def basis(value: Basis) -> str:
    """Return in a sentence or two what a level rests on."""
    text = f"{value.kind}: {value.argument}" if value.argument else f"{value.kind}."
    rule = value.rule
    return f"{text} {rule.document}, {rule.section}: “{rule.quote}”" if rule is not None else text


MAX_NAMES_IN_SENTENCE = 12
"""More servers than these are too many for one sentence: those at both ends of their order are named."""


def shorten_list(ordered: Sequence[str]) -> list[str]:
    """Return `ordered`, of more than MAX_NAMES_IN_SENTENCE those at both ends and how many lie between."""
    return (
        list(ordered)
        if len(ordered) <= MAX_NAMES_IN_SENTENCE
        else [*ordered[:5], f"{len(ordered) - 8} others", *ordered[-3:]]
    )
