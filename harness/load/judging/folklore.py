"""The rule of each statement: when what was measured says that it held. Values in, values out; no I/O.

Every rule is stated once, in words, beside the threshold that its function goes by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...claim import Claim, Held
from ...model import Phase
from .claims import above, below, interval, ratios, unanimous
from .collapse import Bracket
from .grading import GOOD, amount, collapsed, told, unharmed

NO_ROUND = "No round counts."
"""What stands for figures where there are none; the scenario says why."""

# ---------------------------------------------------------------------- nginx shields a server from slow clients

SHIELD = (
    "In every round the users of the server alone are harmed by the slow clients, and those of nginx are not: goodput "
    "at least 0.99, p99 at most doubled or below 100 ms."
)


@dataclass(frozen=True)
class Besieged:
    """What users got before slow clients came and among them."""

    before: Phase
    during: Phase

    @property
    def sound(self) -> bool:
        """Say whether they were well served before, so that harm is the slow clients'."""
        return self.before.goodput >= GOOD and not collapsed(self.before)

    @property
    def unharmed(self) -> bool:
        """Say whether slow clients made no difference that a person notices."""
        return unharmed(self.before, self.during)


def shield(alone: Sequence[Besieged], behind: Sequence[Besieged], clients: int, front: str) -> Claim:
    """Decide by the rounds of the server `alone` and `behind` the front. MOOT where nobody was harmed either way."""

    def one(plain: Besieged, fronted: Besieged) -> Held:
        if not (plain.sound and fronted.sound):
            return Held.INCONCLUSIVE
        if not fronted.unharmed:
            return Held.BROKEN
        return Held.MOOT if plain.unharmed else Held.HELD

    held = unanimous(one(*pair) for pair in zip(alone, behind, strict=True))
    plain, fronted = worst(alone), worst(behind)
    return Claim(
        "nginx shields a server from slow clients",
        held,
        SHIELD,
        f"With {clients} slow clients, alone: {told(plain)}; behind {front}: {told(fronted)}.",
    )


def worst(rounds: Sequence[Besieged]) -> Phase:
    """Return the round in which users got the least."""
    return min((each.during for each in rounds), key=lambda each: (each.goodput, -(each.p99 or 0.0)))


# ---------------------------------------------------------------------- static files cost the app server nothing

NOTHING = 0.02
"""Share of what the files cost the server alone that still counts as nothing: its master's own looks at its workers and
one tick of the kernel's clock are less."""

STATIC = (
    f"The server's processes spend less than {NOTHING * 100:.0f} % of the CPU time they spend alone, over all rounds' "
    "interval."
)


def static(alone: Sequence[float], behind: Sequence[float], resolution: Sequence[float]) -> Claim:
    """Decide by CPU seconds of the server's own processes per 1,000 files, one each a round.

    `resolution` is what one tick of the kernel's clock makes of that behind nginx: so much more or less it may be.
    """
    bounds = list(zip(behind, resolution, strict=True))
    most = below(ratios([cost + tick for cost, tick in bounds], alone), NOTHING)
    least = below(ratios([cost - tick for cost, tick in bounds], alone), NOTHING)
    return Claim(
        "static files cost the app server nothing behind nginx",
        most if most is least else Held.INCONCLUSIVE,
        STATIC,
        f"CPU of the server's processes per 1,000 files: {_ms(alone)} alone, {_ms(behind)} behind nginx.",
    )


# ---------------------------------------------------------------------- uwsgi_pass is cheaper than HTTP

CHEAPER = 0.98
"""What a request must cost at most over uwsgi_pass, of what it costs over HTTP, to be called cheaper: a difference of
less is not worth a line of configuration."""


def cheaper(uwsgi: Sequence[float], http: Sequence[float], way: str) -> Claim:
    """Decide by CPU seconds of nginx and uWSGI together per 1,000 requests, one each a round; `way` is HTTP's."""
    share = ratios(uwsgi, http)
    compared = f" Ratio: {interval(share).told()}." if share else ""
    return Claim(
        f"uwsgi_pass is cheaper than HTTP to uWSGI over {way}",
        below(share, CHEAPER),
        f"Per request nginx and uWSGI together spend less than {CHEAPER * 100:.0f} % of the CPU time of HTTP, over all "
        "rounds' interval.",
        f"CPU per 1,000 requests: {_ms(uwsgi)} by uwsgi_pass, {_ms(http)} by HTTP over {way}.{compared}",
    )


# ---------------------------------------------------------------------- nginx holds idle connections in little memory

LITTLE = 1000.0
"""Bytes a connection: four times what nginx.org says, of whose features one is 10,000 inactive ones in about 2.5 MB."""


def idle(each: Sequence[float], held: int, asked: int, alone: Sequence[float], whole: int, dropped: int) -> Claim:
    """Decide by bytes of memory that one idle connection adds to nginx, one figure a round.

    `held` of `asked` connections were answered and open at the end of the worst round. `dropped` is the most that nginx
    closed in any round, `whole` the most memory that it had with them, in bytes. `alone` are the same figures of the
    server by itself, none where it holds no idle connection. One that still waits for its answer is not idle, and no
    fault of nginx.
    """
    if held >= GOOD * asked:
        decided = below(each, LITTLE, 1)  # bytes, not times: each round has the same
    else:
        decided = Held.BROKEN if dropped > (1 - GOOD) * asked else Held.INCONCLUSIVE
    beside = f"; {amount(interval(alone).middle)} in the server alone" if alone else ""
    cost = amount(max(0.0, interval(each).middle)) if each else "unknown"
    return Claim(
        f"nginx holds {asked:,} idle connections in little memory",
        decided,
        f"At least 99 % of the connections stay open, and each adds less than {LITTLE:,.0f} bytes to nginx's processes "
        "(the kernel's share is not counted).",
        f"{held:,} of {asked:,} held, {cost} each in nginx, {amount(whole)} in all{beside}.",
    )


# ---------------------------------------------------------------------- pre-fork workers

SCALES = 0.75
"""The share of a perfect scaling that counts as scaling: two workers then answer 1.5 times what one does."""


def scales(one: Sequence[float], many: Sequence[float], workers: int) -> Claim:
    """Decide by answers a second of 1 and of `workers` workers, one each a round. MOOT where there is one core."""
    statement = "pre-fork workers scale with their number"
    rule = f"{workers} workers answer more than {SCALES * workers:.2g} times what one does, over all rounds' interval."
    if workers < 2:
        return Claim(statement, Held.MOOT, "Two cores or more are needed.", "This machine has one core.")
    factor = ratios(many, one)
    if not factor:
        return Claim(statement, Held.INCONCLUSIVE, rule, NO_ROUND)
    rates = f"{_rate(one)} with 1 worker, {_rate(many)} with {workers}, {interval(factor).told()} times as many."
    return Claim(statement, above(factor, SCALES * workers), rule, rates)


def taken(found: Mapping[int, Bracket | None]) -> Claim:
    """Decide by N*, the fewest slow clients that take the server from its users, for each number of workers.

    None stands for a number of workers with which it could not be measured.
    """

    def one(workers: int, star: Bracket | None) -> Held:
        if star is None:
            return Held.INCONCLUSIVE
        if star.above >= workers:
            return Held.BROKEN
        if star.at_most is None:
            return Held.INCONCLUSIVE
        if star.exact:
            return Held.HELD if star.at_most == workers else Held.BROKEN
        return Held.INCONCLUSIVE if star.at_most >= workers else Held.BROKEN

    words = ", ".join(f"{_star(each)} with {workers}" for workers, each in found.items())
    said = [one(workers, each) for workers, each in found.items()]
    return Claim(
        "a slow client takes each pre-fork worker",
        Held.BROKEN if Held.BROKEN in said else unanimous(said),
        "For each number of workers exactly so many slow clients take the server from its users.",
        f"Slow clients that it takes: {words} {'worker' if len(found) == 1 else 'workers'}.",
    )


def _star(found: Bracket | None) -> str:
    if found is None:
        return "unknown"
    if found.at_most is None:
        return f"more than {found.above}"
    return str(found.at_most) if found.exact else f"{found.above + 1} to {found.at_most}"


# ---------------------------------------------------------------------- Werkzeug's server is for development

FEWER = 0.8
"""The share of the others' rate below which a server does less: a fifth is more than a version or a setting makes."""

LATER = 2.0
"""The factor on p99 that counts as later, as in the grades."""


def fewer(mine: Sequence[float], others: Mapping[str, Sequence[float]]) -> Claim:
    """Decide by answers a second, one a round, against the best of the `others` in the same round."""
    best = [max(each) for each in zip(*others.values(), strict=True)]
    words = ", ".join(f"{name} {_rate(rates)}" for name, rates in others.items())
    return Claim(
        "Werkzeug's server answers fewer requests than servers for production",
        below(ratios(mine, best), FEWER),
        f"It answers less than {FEWER * 100:.0f} % of what the better of the others does, over all rounds' interval.",
        f"It: {_rate(mine)}; {words}.",
    )


def later(mine: Sequence[float], others: Mapping[str, Sequence[float]], rate: float) -> Claim:
    """Decide by p99 in seconds at the same `rate` (requests a second) for all, one a round, against the best."""
    statement = "users of Werkzeug's server wait longer at the same rate"
    rule = f"Its p99 is more than {LATER:g} times that of the better of the others, over all rounds' interval."
    best = [min(each) for each in zip(*others.values(), strict=True)]
    if not best:
        return Claim(statement, Held.INCONCLUSIVE, rule, NO_ROUND)
    words = ", ".join(f"{name} {_ms(times)}" for name, times in others.items())
    return Claim(
        statement,
        above(ratios(mine, best), LATER),
        rule,
        f"p99 at {rate:,.0f} requests/s: its own {_ms(mine)}; {words}.",
    )


def falls(mine: Besieged, others: Mapping[str, Besieged], clients: int) -> Claim:
    """Decide by what users got among so many `clients`. MOOT where all of the others were harmed as well."""
    every = (mine, *others.values())
    words = "; ".join(f"{name}: {told(each.during)}" for name, each in others.items())
    if not all(each.sound for each in every):
        held = Held.INCONCLUSIVE
    elif mine.unharmed:
        held = Held.BROKEN
    else:
        held = Held.HELD if any(each.unharmed for each in others.values()) else Held.MOOT
    return Claim(
        "slow and vanishing clients take Werkzeug's server from its users",
        held,
        f"{clients} slow and vanishing clients harm its users, and not those of at least one of the others.",
        f"It: {told(mine.during)}; {words}.",
    )


def _ms(values: Sequence[float]) -> str:
    def shown(value: float) -> str:
        return f"{value * 1000:,.0f}" if value >= 0.1 else f"{value * 1000:.3g}"

    return f"{interval(values).told(shown)} ms" if values else "unknown"


def _rate(values: Sequence[float]) -> str:
    return interval(values).told(lambda value: f"{value:,.0f}") + " a second" if values else "unknown"
