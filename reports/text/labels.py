"""Signs, words and units of verdicts, grades and figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.load.analysis.units import format_share
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
    """A sign that is clear without colour, and its meaning."""

    sign: str
    meaning: str


VERDICTS: dict[Verdict, LegendEntry] = {
    Verdict.FAIL: LegendEntry("✗", "the server broke a requirement (must)"),
    Verdict.WARN: LegendEntry("!", "the server broke a recommendation (should)"),
    Verdict.FLAKY: LegendEntry("~", "the attempts gave different results"),
    Verdict.PASS: LegendEntry("✓", "the server met the requirement"),
    Verdict.INFO: LegendEntry("i", "recorded; nothing is required"),
    Verdict.UNSUPPORTED: LegendEntry("–", "the case needs something that the server does not have"),
    Verdict.SKIPPED: LegendEntry("»", "another case that this one needs did not pass"),
    Verdict.ERROR: LegendEntry("E", "the harness or the machine may be the cause"),
}
"""In the order of the reports: the most important first."""

GRADES: dict[Grade, LegendEntry] = {
    Grade.UNAFFECTED: LegendEntry("✓", "healthy users noticed nothing"),
    Grade.DEGRADED: LegendEntry("!", "healthy users noticed, and most were served"),
    Grade.COLLAPSED: LegendEntry("✗", "goodput fell below 0.5, or p99 rose above 1 s"),
    Grade.NOT_RECOVERED: LegendEntry("⊗", "the server did not serve well again after the slow clients left"),
    Grade.MEASURED: LegendEntry("·", "the scenario measures and does not judge"),
    Grade.INCONCLUSIVE: LegendEntry("≈", "the noise was larger than the effect"),
    Grade.INVALID: LegendEntry("?", "the generator or the machine could not keep up"),
    Grade.UNSUPPORTED: LegendEntry("–", "the scenario needs something that the server does not have"),
    Grade.ERROR: LegendEntry("E", "the harness may be the cause"),
}


BREACHES: dict[Breach, str] = {
    Breach.NOBODY: "",
    Breach.CLIENT: "the client breaks a rule that compliant clients keep",
    Breach.APP: "the app breaks a rule that compliant apps keep",
}
"""Who breaks a rule in a case on purpose. It is '' if nobody does."""


@dataclass(frozen=True)
class ColouredLegendEntry(LegendEntry):
    """A legend entry with the colour of the grade `shade`."""

    shade: str


CLAIM_VERDICTS: dict[ClaimVerdict, ColouredLegendEntry] = {
    ClaimVerdict.HELD: ColouredLegendEntry("✓", "the measurements meet the rule", "unaffected"),
    ClaimVerdict.DID_NOT_HOLD: ColouredLegendEntry(
        "✗", "the measurements do not meet the rule; this does not blame the server", "degraded"
    ),
    ClaimVerdict.INCONCLUSIVE: ColouredLegendEntry(
        "≈", "the measurements lie on both sides of the threshold", "inconclusive"
    ),
    ClaimVerdict.NOT_APPLICABLE: ColouredLegendEntry("–", "the statement does not apply to this server", "unsupported"),
}

NOT_JUDGED_GRADES = frozenset(each for each in Grade if not each.is_judged)
"""Grades that say nothing about the server."""

MISSING = "–"

NO_BREAK_SPACE = "\u00a0"
"""Stands between a number and its unit, which must stay on one line."""

ADVERSE_PHASE_NAMES, during, best_rate = (
    headline_phase.ADVERSE_PHASE_NAMES,
    headline_phase.during,
    headline_phase.best_rate,
)


def grade(load: ScenarioResult) -> str:
    """Return the grade in words, as `collapsed at 2`."""
    if load.grade is Grade.COLLAPSED and load.collapse is not None:
        return f"collapsed at {load.collapse}"
    return load.grade.label


def describe_service(load: ScenarioResult) -> str:
    """Return the figures of the healthy users, as `100 % answered, p99 4.38 s`, or '' without figures."""
    phase = during(load)
    parts = [f"{percent(load.goodput)} answered"] if load.goodput is not None else []
    if phase is not None and phase.p99 is not None:
        parts.append(f"p99 {duration(phase.p99, at_least=phase.censored)}")
    return ", ".join(parts)


def describe_claims(verdicts: Iterable[ClaimVerdict]) -> str:
    """Return the number of each verdict, as `2 held, 1 did not hold`. A single verdict has no number."""
    counts = Counter(verdicts)
    if counts.total() == 1:
        return next(iter(counts)).label
    return ", ".join(f"{counts[each]} {each.label}" for each in CLAIM_VERDICTS if counts[each])


def is_lower_bound(phase: Phase, share: float) -> bool:
    """Say whether the quantile `share` (0 to 1) of `phase` is a lower bound because requests were still waiting."""
    waiting = sum(phase.outcomes.get(each, 0) for each in UNANSWERED_OUTCOMES)
    answered = phase.outcomes.get(Outcome.OK, 0)
    return waiting > 0 and waiting >= (1 - share) * (waiting + answered)


def percent(share: float | None) -> str:
    """Return a share of 1 as per cent. It is never rounded up to 100 or down to 0."""
    return MISSING if share is None else format_share(share).replace(" ", NO_BREAK_SPACE)


def points(share: float) -> str:
    """Return a difference of two shares in points, with its sign: `+12`, `-3.4`."""
    found = max(-100.0, min(100.0, share * 100))
    text = f"{found:+.0f}" if abs(found) >= 10 else f"{found:+.1f}"
    return "0" if text in ("+0.0", "-0.0") else text


def duration(seconds: float | None, *, at_least: bool = False) -> str:
    """Return a time with a suitable unit. `at_least` marks a lower bound."""
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
    """Return a count or a mean with at most three significant digits."""
    return f"{value:,.0f}" if value == int(value) or abs(value) >= 100 else _three_digits(value)


def metric(found: Metric | None) -> str:
    """Return a metric in its unit, as `≥ 5 s` or `1.2 MiB`, or `–` without a value."""
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
    """Return how and when a server closed slow connections, as `408 after 10 s`. `share` adds `(12 of 256)`."""
    found = load.disconnect
    if found is None:
        return MISSING
    if found.how == "never":
        return "never"
    after = f" after {duration(found.after)}" if found.after is not None else ""
    return f"{found.how}{after}{f' ({found.dropped:,} of {found.clients:,})' if share else ''}"


def capacity(load: ScenarioResult) -> Metric | None:
    """Return the metric with the capacity, or None if it was not measured."""
    return next((each for each in load.metrics if each.id == "capacity"), None)


def format_best_rate(load: ScenarioResult) -> str:
    """Return the best rate of a closed loop, or the capacity, or `–`."""
    best = best_rate(load)
    return rate(best) if best is not None else metric(capacity(load))


def measurement_problem(load: ScenarioResult) -> str:
    """Return why a cell that is not judged has no figures, without a full stop: what disturbed it, else its note."""
    return ((load.generator.why if load.generator is not None else "") or load.note).rstrip(".")


def join_names(names: Iterable[str]) -> str:
    """Return names for a sentence: `a`, `a and b`, `a, b and c`."""
    each = list(names)
    if len(each) < 2:
        return "".join(each)
    return ", ".join(each[:-1]) + " and " + each[-1]


def pluralize(number: int, what: str, plural: str = "") -> str:
    """Return `1 server`, `2 servers`."""
    return f"{number:,} {what if number == 1 else plural or what + 's'}"


def conditions(values: dict[str, object]) -> str:
    """Return conditions or parameters on one line."""
    return " · ".join(f"{name} {_format_value(value)}" for name, value in values.items())


def _format_value(value: object) -> str:
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
    """Return the basis of a level in one or two sentences."""
    text = f"{value.kind.label}: {value.argument}" if value.argument else f"{value.kind.label}."
    rule = value.rule
    return f"{text} {rule.document}, {rule.section}: “{rule.quote}”" if rule is not None else text


MAX_NAMES_IN_SENTENCE = 12
"""Servers that one sentence names. Of more, it names those at both ends of the order."""


def shorten_list(ordered: Sequence[str]) -> list[str]:
    """Return at most MAX_NAMES_IN_SENTENCE names: those at both ends, and the number of the others."""
    return (
        list(ordered)
        if len(ordered) <= MAX_NAMES_IN_SENTENCE
        else [*ordered[:5], f"{len(ordered) - 8} others", *ordered[-3:]]
    )
