"""Decide each claim by its figures. Pure.

Each rule is written once as text, beside its threshold.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wsgi_gauntlet.harness.load.analysis.collapse_search import CollapseBounds
from wsgi_gauntlet.harness.load.analysis.grading import GOOD_GOODPUT, describe_phase
from wsgi_gauntlet.harness.load.analysis.paired_comparison import above, below, interval, ratios, unanimous
from wsgi_gauntlet.harness.load.analysis.units import format_bytes, format_rate
from wsgi_gauntlet.harness.load.experiments.before_after import BeforeAfter
from wsgi_gauntlet.harness.model import Claim, ClaimVerdict, Phase

NO_VALID_ROUND = "No round counts."
"""The figures of a claim without any. The scenario says why."""

# ---------------------------------------------------------------------- nginx shields a server from slow clients

SHIELD_RULE = (
    "In every round the slow clients harm the users of the server alone, and not those of nginx. No harm means: "
    "goodput at least 0.99, and p99 at most doubled or below 100 ms."
)


def shield(alone: Sequence[BeforeAfter], behind: Sequence[BeforeAfter], clients: int, front: str) -> Claim:
    """Decide by the rounds of the server `alone` and `behind` the front. NOT_APPLICABLE if no users were harmed."""

    def judge_round(plain: BeforeAfter, fronted: BeforeAfter) -> ClaimVerdict:
        if not (plain.served_before and fronted.served_before):
            return ClaimVerdict.INCONCLUSIVE
        if not fronted.unharmed:
            return ClaimVerdict.DID_NOT_HOLD
        return ClaimVerdict.NOT_APPLICABLE if plain.unharmed else ClaimVerdict.HELD

    verdict = unanimous(judge_round(*pair) for pair in zip(alone, behind, strict=True))
    plain, fronted = worst(alone), worst(behind)
    return Claim(
        "nginx shields a server from slow clients",
        verdict,
        SHIELD_RULE,
        f"With {clients} slow clients, alone: {describe_phase(plain)}; behind {front}: {describe_phase(fronted)}.",
    )


def worst(rounds: Sequence[BeforeAfter]) -> Phase:
    """Return the round with the worst service."""
    return min((each.during for each in rounds), key=lambda each: (each.goodput, -(each.p99 or 0.0)))


# ---------------------------------------------------------------------- static files cost the app server nothing

NEGLIGIBLE_COST_SHARE = 0.02
"""The share of the cost of the server alone that still counts as nothing. The checks of a master process and one tick
of the kernel's clock are less."""

STATIC_RULE = (
    f"Behind nginx the processes of the server use less than {NEGLIGIBLE_COST_SHARE * 100:.0f} % of the CPU time that "
    "they use alone, over the whole interval of all rounds."
)


def static(alone: Sequence[float], behind: Sequence[float], resolution: Sequence[float]) -> Claim:
    """Decide by CPU seconds of the server's own processes per 1,000 files, one per round.

    `resolution` is one tick of the kernel's clock in the same unit: the possible error of `behind`.
    """
    bounds = list(zip(behind, resolution, strict=True))
    most = below(ratios([cost + tick for cost, tick in bounds], alone), NEGLIGIBLE_COST_SHARE)
    least = below(ratios([cost - tick for cost, tick in bounds], alone), NEGLIGIBLE_COST_SHARE)
    return Claim(
        "static files cost the app server nothing behind nginx",
        most if most is least else ClaimVerdict.INCONCLUSIVE,
        STATIC_RULE,
        f"CPU time of the server per 1,000 files: {_format_ms(alone)} alone, {_format_ms(behind)} behind nginx.",
    )


# ---------------------------------------------------------------------- uwsgi_pass is cheaper than HTTP

MAX_CHEAPER_RATIO = 0.98
"""The cost of a request over uwsgi_pass as a share of its cost over HTTP, below which it counts as cheaper. A smaller
difference is not worth a line of configuration."""


def cheaper(uwsgi: Sequence[float], http: Sequence[float], way: str) -> Claim:
    """Decide by CPU seconds of nginx and uWSGI together per 1,000 requests, one per round. `way` is that of HTTP."""
    share = ratios(uwsgi, http)
    compared = f" Ratio: {interval(share).describe()}." if share else ""
    return Claim(
        f"uwsgi_pass is cheaper than HTTP to uWSGI over {way}",
        below(share, MAX_CHEAPER_RATIO),
        f"Per request nginx and uWSGI together use less than {MAX_CHEAPER_RATIO * 100:.0f} % of the CPU time of HTTP, "
        "over the whole interval of all rounds.",
        f"CPU time per 1,000 requests: {_format_ms(uwsgi)} by uwsgi_pass, {_format_ms(http)} by HTTP over {way}."
        f"{compared}",
    )


# ---------------------------------------------------------------------- nginx holds idle connections in little memory

MAX_BYTES_PER_CONNECTION = 1000.0
"""Bytes per connection: four times the claim of nginx.org, 10,000 inactive connections in about 2.5 MB."""


def idle(each: Sequence[float], kept_open: int, asked: int, alone: Sequence[float], whole: int, dropped: int) -> Claim:
    """Decide by the bytes of memory that one idle connection adds to nginx, one per round.

    In the worst round `kept_open` of `asked` connections had their response and were open at the end. `dropped` is the
    most that nginx closed in any round. `whole` is the most memory that it used, in bytes. `alone` has the same figures
    of the server alone, none if it holds no idle connection. A connection that still waits for its response is not
    idle, which is no fault of nginx.
    """
    if kept_open >= GOOD_GOODPUT * asked:
        decided = below(each, MAX_BYTES_PER_CONNECTION, 1)  # memory hardly varies between rounds
    else:
        decided = ClaimVerdict.DID_NOT_HOLD if dropped > (1 - GOOD_GOODPUT) * asked else ClaimVerdict.INCONCLUSIVE
    beside = f"; {format_bytes(interval(alone).median)} in the server alone" if alone else ""
    cost = format_bytes(max(0.0, interval(each).median)) if each else "unknown"
    return Claim(
        f"nginx holds {asked:,} idle connections in little memory",
        decided,
        f"At least 99 % of the connections stay open, and each adds less than {MAX_BYTES_PER_CONNECTION:,.0f} bytes "
        "to the processes of nginx (without the memory of the kernel).",
        f"{kept_open:,} of {asked:,} held, {cost} each in nginx, {format_bytes(whole)} in all{beside}.",
    )


# ---------------------------------------------------------------------- pre-fork workers

MIN_SCALING_SHARE = 0.75
"""The share of perfect scaling that counts as scaling: two workers then have 1.5 times the rate of one."""


def scales(one: Sequence[float], many: Sequence[float], workers: int) -> Claim:
    """Decide by responses per second of 1 and of `workers` workers, one per round. NOT_APPLICABLE on one core."""
    statement = "pre-fork workers scale with their number"
    rule = (
        f"The rate of {workers} workers is more than {MIN_SCALING_SHARE * workers:.2g} times that of one, over the "
        "whole interval of all rounds."
    )
    if workers < 2:
        return Claim(
            statement, ClaimVerdict.NOT_APPLICABLE, "At least two cores are needed.", "This machine has one core."
        )
    factor = ratios(many, one)
    if not factor:
        return Claim(statement, ClaimVerdict.INCONCLUSIVE, rule, NO_VALID_ROUND)
    rates = (
        f"{_format_rate(one)} with 1 worker, {_format_rate(many)} with {workers}, {interval(factor).describe()} times "
        "the rate."
    )
    return Claim(statement, above(factor, MIN_SCALING_SHARE * workers), rule, rates)


def one_client_per_worker(found: Mapping[int, CollapseBounds | None]) -> Claim:
    """Decide by N* for each number of workers. It is None for a number of workers without a measurement."""

    def one(workers: int, bounds: CollapseBounds | None) -> ClaimVerdict:
        if bounds is None:
            return ClaimVerdict.INCONCLUSIVE
        if bounds.above >= workers:
            return ClaimVerdict.DID_NOT_HOLD
        if bounds.at_most is None:
            return ClaimVerdict.INCONCLUSIVE
        if bounds.exact:
            return ClaimVerdict.HELD if bounds.at_most == workers else ClaimVerdict.DID_NOT_HOLD
        return ClaimVerdict.INCONCLUSIVE if bounds.at_most >= workers else ClaimVerdict.DID_NOT_HOLD

    words = ", ".join(f"{_format_bounds(each)} with {workers}" for workers, each in found.items())
    verdicts = [one(workers, each) for workers, each in found.items()]
    return Claim(
        "one slow client blocks each pre-fork worker",
        ClaimVerdict.DID_NOT_HOLD if ClaimVerdict.DID_NOT_HOLD in verdicts else unanimous(verdicts),
        "For each number of workers exactly as many slow clients make the server collapse.",
        f"Slow clients that make it collapse: {words} {'worker' if len(found) == 1 else 'workers'}.",
    )


def _format_bounds(found: CollapseBounds | None) -> str:
    if found is None:
        return "unknown"
    if found.at_most is None:
        return f"more than {found.above}"
    return str(found.at_most) if found.exact else f"{found.above + 1} to {found.at_most}"


# ---------------------------------------------------------------------- Werkzeug's server is for development

MAX_RATE_SHARE = 0.8
"""The share of the rate of the others below which a server is slower. A version or setting changes less."""

MIN_LATENCY_FACTOR = 2.0
"""The factor on p99 that counts as a longer wait, as in the grades."""


def fewer(mine: Sequence[float], others: Mapping[str, Sequence[float]]) -> Claim:
    """Decide by responses per second, one per round, compared with the best of `others` in the same round."""
    best = [max(each) for each in zip(*others.values(), strict=True)]
    words = ", ".join(f"{name} {_format_rate(rates)}" for name, rates in others.items())
    return Claim(
        "Werkzeug's server handles fewer requests than production servers",
        below(ratios(mine, best), MAX_RATE_SHARE),
        f"Its rate is less than {MAX_RATE_SHARE * 100:.0f} % of the better of the others, over the whole interval "
        "of all rounds.",
        f"This server: {_format_rate(mine)}; {words}.",
    )


def later(mine: Sequence[float], others: Mapping[str, Sequence[float]], rate: float) -> Claim:
    """Decide by p99 in seconds at the same `rate` (requests per second), one per round, compared with the best."""
    statement = "users of Werkzeug's server wait longer at the same rate"
    rule = (
        f"Its p99 is more than {MIN_LATENCY_FACTOR:g} times that of the better of the others, over the whole "
        "interval of all rounds."
    )
    best = [min(each) for each in zip(*others.values(), strict=True)]
    if not best:
        return Claim(statement, ClaimVerdict.INCONCLUSIVE, rule, NO_VALID_ROUND)
    words = ", ".join(f"{name} {_format_ms(times)}" for name, times in others.items())
    return Claim(
        statement,
        above(ratios(mine, best), MIN_LATENCY_FACTOR),
        rule,
        f"p99 at {format_rate(rate)}: this server {_format_ms(mine)}; {words}.",
    )


def falls(mine: BeforeAfter, others: Mapping[str, BeforeAfter], clients: int) -> Claim:
    """Decide by the service among `clients` slow clients. NOT_APPLICABLE if all of the others were harmed as well."""
    every = (mine, *others.values())
    words = "; ".join(f"{name}: {describe_phase(each.during)}" for name, each in others.items())
    if not all(each.served_before for each in every):
        verdict = ClaimVerdict.INCONCLUSIVE
    elif mine.unharmed:
        verdict = ClaimVerdict.DID_NOT_HOLD
    else:
        verdict = ClaimVerdict.HELD if any(each.unharmed for each in others.values()) else ClaimVerdict.NOT_APPLICABLE
    return Claim(
        "slow and disconnecting clients make Werkzeug's server unusable",
        verdict,
        f"{clients} slow and disconnecting clients harm its users, and not those of at least one of the others.",
        f"This server: {describe_phase(mine.during)}; {words}.",
    )


def _format_ms(values: Sequence[float]) -> str:
    def format_value(value: float) -> str:
        return f"{value * 1000:,.0f}" if value >= 0.1 else f"{value * 1000:.3g}"

    return f"{interval(values).describe(format_value)} ms" if values else "unknown"


def _format_rate(values: Sequence[float]) -> str:
    return interval(values).describe(lambda value: f"{value:,.0f}") + " per second" if values else "unknown"
