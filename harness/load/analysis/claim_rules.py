"""The rule of each statement: when what was measured says that it held. Values in, values out; no I/O.

Every rule is stated once, in words, beside the threshold that its function goes by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wsgi_gauntlet.harness.load.analysis.collapse_search import CollapseBounds
from wsgi_gauntlet.harness.load.analysis.grading import GOOD_GOODPUT, collapsed, describe_phase, format_bytes, unharmed
from wsgi_gauntlet.harness.load.analysis.paired_comparison import above, below, interval, ratios, unanimous
from wsgi_gauntlet.harness.model import Claim, ClaimVerdict, Phase

NO_VALID_ROUND = "No round counts."
"""What stands for figures where there are none; the scenario says why."""

# ---------------------------------------------------------------------- nginx shields a server from slow clients

SHIELD_RULE = (
    "In every round the users of the server alone are harmed by the slow clients, and those of nginx are not: goodput "
    "at least 0.99, p99 at most doubled or below 100 ms."
)


@dataclass(frozen=True)
class BeforeAfter:
    """What users got before slow clients came and among them."""

    before: Phase
    during: Phase

    @property
    def served_before(self) -> bool:
        """Say whether they were well served before, so that harm is the slow clients'."""
        return self.before.goodput >= GOOD_GOODPUT and not collapsed(self.before)

    @property
    def unharmed(self) -> bool:
        """Say whether slow clients made no difference that a person notices."""
        return unharmed(self.before, self.during)


def shield(alone: Sequence[BeforeAfter], behind: Sequence[BeforeAfter], clients: int, front: str) -> Claim:
    """Decide by the rounds of the server `alone` and `behind` the front. NOT_APPLICABLE where nobody was harmed either
    way."""

    def one(plain: BeforeAfter, fronted: BeforeAfter) -> ClaimVerdict:
        if not (plain.served_before and fronted.served_before):
            return ClaimVerdict.INCONCLUSIVE
        if not fronted.unharmed:
            return ClaimVerdict.DID_NOT_HOLD
        return ClaimVerdict.NOT_APPLICABLE if plain.unharmed else ClaimVerdict.HELD

    held = unanimous(one(*pair) for pair in zip(alone, behind, strict=True))
    plain, fronted = worst(alone), worst(behind)
    return Claim(
        "nginx shields a server from slow clients",
        held,
        SHIELD_RULE,
        f"With {clients} slow clients, alone: {describe_phase(plain)}; behind {front}: {describe_phase(fronted)}.",
    )


def worst(rounds: Sequence[BeforeAfter]) -> Phase:
    """Return the round in which users got the least."""
    return min((each.during for each in rounds), key=lambda each: (each.goodput, -(each.p99 or 0.0)))


# ---------------------------------------------------------------------- static files cost the app server nothing

NEGLIGIBLE_COST_SHARE = 0.02
"""Share of what the files cost the server alone that still counts as nothing: its master's own looks at its workers and
one tick of the kernel's clock are less."""

STATIC_RULE = (
    f"The server's processes spend less than {NEGLIGIBLE_COST_SHARE * 100:.0f} % of the CPU time they spend alone, "
    f"over all rounds' "
    "interval."
)


def static(alone: Sequence[float], behind: Sequence[float], resolution: Sequence[float]) -> Claim:
    """Decide by CPU seconds of the server's own processes per 1,000 files, one each a round.

    `resolution` is what one tick of the kernel's clock makes of that behind nginx: so much more or less it may be.
    """
    bounds = list(zip(behind, resolution, strict=True))
    most = below(ratios([cost + tick for cost, tick in bounds], alone), NEGLIGIBLE_COST_SHARE)
    least = below(ratios([cost - tick for cost, tick in bounds], alone), NEGLIGIBLE_COST_SHARE)
    return Claim(
        "static files cost the app server nothing behind nginx",
        most if most is least else ClaimVerdict.INCONCLUSIVE,
        STATIC_RULE,
        f"CPU of the server's processes per 1,000 files: {_format_ms(alone)} alone, {_format_ms(behind)} behind nginx.",
    )


# ---------------------------------------------------------------------- uwsgi_pass is cheaper than HTTP

MAX_CHEAPER_RATIO = 0.98
"""What a request must cost at most over uwsgi_pass, of what it costs over HTTP, to be called cheaper: a difference of
less is not worth a line of configuration."""


def cheaper(uwsgi: Sequence[float], http: Sequence[float], way: str) -> Claim:
    """Decide by CPU seconds of nginx and uWSGI together per 1,000 requests, one each a round; `way` is HTTP's."""
    share = ratios(uwsgi, http)
    compared = f" Ratio: {interval(share).describe()}." if share else ""
    return Claim(
        f"uwsgi_pass is cheaper than HTTP to uWSGI over {way}",
        below(share, MAX_CHEAPER_RATIO),
        f"Per request nginx and uWSGI together spend less than {MAX_CHEAPER_RATIO * 100:.0f} % of the CPU time of "
        f"HTTP, over all "
        "rounds' interval.",
        f"CPU per 1,000 requests: {_format_ms(uwsgi)} by uwsgi_pass, {_format_ms(http)} by HTTP over {way}.{compared}",
    )


# ---------------------------------------------------------------------- nginx holds idle connections in little memory

MAX_BYTES_PER_CONNECTION = 1000.0
"""Bytes a connection: four times what nginx.org says, of whose features one is 10,000 inactive ones in about 2.5 MB."""


def idle(each: Sequence[float], held: int, asked: int, alone: Sequence[float], whole: int, dropped: int) -> Claim:
    """Decide by bytes of memory that one idle connection adds to nginx, one figure a round.

    `held` of `asked` connections were answered and open at the end of the worst round. `dropped` is the most that nginx
    closed in any round, `whole` the most memory that it had with them, in bytes. `alone` are the same figures of the
    server by itself, none where it holds no idle connection. One that still waits for its answer is not idle, and no
    fault of nginx.
    """
    if held >= GOOD_GOODPUT * asked:
        decided = below(each, MAX_BYTES_PER_CONNECTION, 1)  # bytes, not times: each round has the same
    else:
        decided = ClaimVerdict.DID_NOT_HOLD if dropped > (1 - GOOD_GOODPUT) * asked else ClaimVerdict.INCONCLUSIVE
    beside = f"; {format_bytes(interval(alone).median)} in the server alone" if alone else ""
    cost = format_bytes(max(0.0, interval(each).median)) if each else "unknown"
    return Claim(
        f"nginx holds {asked:,} idle connections in little memory",
        decided,
        f"At least 99 % of the connections stay open, and each adds less than {MAX_BYTES_PER_CONNECTION:,.0f} bytes "
        f"to nginx's processes "
        "(the kernel's share is not counted).",
        f"{held:,} of {asked:,} held, {cost} each in nginx, {format_bytes(whole)} in all{beside}.",
    )


# ---------------------------------------------------------------------- pre-fork workers

MIN_SCALING_SHARE = 0.75
"""The share of a perfect scaling that counts as scaling: two workers then answer 1.5 times what one does."""


def scales(one: Sequence[float], many: Sequence[float], workers: int) -> Claim:
    """Decide by answers a second of 1 and of `workers` workers, one each a round. NOT_APPLICABLE where there is one
    core."""
    statement = "pre-fork workers scale with their number"
    rule = (
        f"{workers} workers answer more than {MIN_SCALING_SHARE * workers:.2g} times what one does, over all rounds' "
        "interval."
    )
    if workers < 2:
        return Claim(
            statement, ClaimVerdict.NOT_APPLICABLE, "Two cores or more are needed.", "This machine has one core."
        )
    factor = ratios(many, one)
    if not factor:
        return Claim(statement, ClaimVerdict.INCONCLUSIVE, rule, NO_VALID_ROUND)
    rates = (
        f"{_format_rate(one)} with 1 worker, {_format_rate(many)} with {workers}, {interval(factor).describe()} times "
        "as many."
    )
    return Claim(statement, above(factor, MIN_SCALING_SHARE * workers), rule, rates)


def taken(found: Mapping[int, CollapseBounds | None]) -> Claim:
    """Decide by N*, the fewest slow clients that take the server from its users, for each number of workers.

    None stands for a number of workers with which it could not be measured.
    """

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
        "a slow client takes each pre-fork worker",
        ClaimVerdict.DID_NOT_HOLD if ClaimVerdict.DID_NOT_HOLD in verdicts else unanimous(verdicts),
        "For each number of workers exactly so many slow clients take the server from its users.",
        f"Slow clients that it takes: {words} {'worker' if len(found) == 1 else 'workers'}.",
    )


def _format_bounds(found: CollapseBounds | None) -> str:
    if found is None:
        return "unknown"
    if found.at_most is None:
        return f"more than {found.above}"
    return str(found.at_most) if found.exact else f"{found.above + 1} to {found.at_most}"


# ---------------------------------------------------------------------- Werkzeug's server is for development

MAX_RATE_SHARE = 0.8
"""The share of the others' rate below which a server does less: a fifth is more than a version or a setting makes."""

MIN_LATENCY_FACTOR = 2.0
"""The factor on p99 that counts as later, as in the grades."""


def fewer(mine: Sequence[float], others: Mapping[str, Sequence[float]]) -> Claim:
    """Decide by answers a second, one a round, against the best of the `others` in the same round."""
    best = [max(each) for each in zip(*others.values(), strict=True)]
    words = ", ".join(f"{name} {_format_rate(rates)}" for name, rates in others.items())
    return Claim(
        "Werkzeug's server answers fewer requests than servers for production",
        below(ratios(mine, best), MAX_RATE_SHARE),
        f"It answers less than {MAX_RATE_SHARE * 100:.0f} % of what the better of the others does, over all rounds' "
        f"interval.",
        f"It: {_format_rate(mine)}; {words}.",
    )


def later(mine: Sequence[float], others: Mapping[str, Sequence[float]], rate: float) -> Claim:
    """Decide by p99 in seconds at the same `rate` (requests a second) for all, one a round, against the best."""
    statement = "users of Werkzeug's server wait longer at the same rate"
    rule = (
        f"Its p99 is more than {MIN_LATENCY_FACTOR:g} times that of the better of the others, over all rounds' "
        "interval."
    )
    best = [min(each) for each in zip(*others.values(), strict=True)]
    if not best:
        return Claim(statement, ClaimVerdict.INCONCLUSIVE, rule, NO_VALID_ROUND)
    words = ", ".join(f"{name} {_format_ms(times)}" for name, times in others.items())
    return Claim(
        statement,
        above(ratios(mine, best), MIN_LATENCY_FACTOR),
        rule,
        f"p99 at {rate:,.0f} requests/s: its own {_format_ms(mine)}; {words}.",
    )


def falls(mine: BeforeAfter, others: Mapping[str, BeforeAfter], clients: int) -> Claim:
    """Decide by what users got among so many `clients`. NOT_APPLICABLE where all of the others were harmed as well."""
    every = (mine, *others.values())
    words = "; ".join(f"{name}: {describe_phase(each.during)}" for name, each in others.items())
    if not all(each.served_before for each in every):
        held = ClaimVerdict.INCONCLUSIVE
    elif mine.unharmed:
        held = ClaimVerdict.DID_NOT_HOLD
    else:
        held = ClaimVerdict.HELD if any(each.unharmed for each in others.values()) else ClaimVerdict.NOT_APPLICABLE
    return Claim(
        "slow and vanishing clients take Werkzeug's server from its users",
        held,
        f"{clients} slow and vanishing clients harm its users, and not those of at least one of the others.",
        f"It: {describe_phase(mine.during)}; {words}.",
    )


def _format_ms(values: Sequence[float]) -> str:
    def format_value(value: float) -> str:
        return f"{value * 1000:,.0f}" if value >= 0.1 else f"{value * 1000:.3g}"

    return f"{interval(values).describe(format_value)} ms" if values else "unknown"


def _format_rate(values: Sequence[float]) -> str:
    return interval(values).describe(lambda value: f"{value:,.0f}") + " a second" if values else "unknown"
