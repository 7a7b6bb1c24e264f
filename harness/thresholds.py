"""What a user asks of figures under load: for all cells, for a scenario or its family, for a server. Values in, out.

[tool.wsgi-gauntlet.thresholds]
goodput = 0.99                                              # at least
slowdown = 2.0                                              # at most
collapse = 64                                               # N* at least
p99 = 0.5                                                   # seconds at most
rate = 1000                                                 # answers a second at least
[tool.wsgi-gauntlet.thresholds."slow-headers"]              # a scenario, or a family of them
[tool.wsgi-gauntlet.thresholds.servers."gunicorn:gthread"]  # a server, and below it scenarios again

For each threshold the table that says most counts: a server's before a scenario's, a scenario's before its family's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from . import naming
from .broken import Broken
from .catalog import suggestion
from .errors import BadConfiguration
from .model import Grade, Load
from .shown import best_rate, during

NAMES = ("goodput", "slowdown", "collapse", "p99", "rate")
SERVERS = "servers"
TARGET = "target"
"""The name, in a table, of whatever --target loads."""

UNJUDGED = frozenset({Grade.INVALID, Grade.INCONCLUSIVE, Grade.ERROR, Grade.UNSUPPORTED})
"""Grades of cells without a valid figure: they break nothing."""

Table = Mapping[str, Any]


def judged(table: Table, cell: Load) -> Load:
    """Return `cell` with the thresholds of `table` that it breaks; one without a valid figure breaks none."""
    found = () if cell.grade in UNJUDGED else tuple(_broken(table, cell))
    return cell if found == cell.broken else msgspec.structs.replace(cell, broken=found)


def limits(table: Table, server: str, scenario: str) -> dict[str, tuple[float, str]]:
    """Return each threshold that is for `server` in `scenario`, with the name of the table that it stands in."""
    found: dict[str, tuple[float, str]] = {}
    places = [("thresholds", table)]
    of_servers = table.get(SERVERS, {})
    places += [(f"thresholds.{SERVERS}.{_quoted(name)}", of_servers.get(name)) for name in _callings(server)]
    for where, place in places:
        if place is None:
            continue
        for name, inner in [("", place), *((each, place.get(each)) for each in _families(scenario))]:
            for key, value in (inner or {}).items():
                if key in NAMES:
                    found[key] = value, f"{where}.{_quoted(name)}" if name else where
    return found


def checked(table: Table, where: str, scenarios: Iterable[str], servers: Iterable[str]) -> None:
    """Raise BadConfiguration, naming the place, unless `table` holds together.

    `scenarios` are the ids that there are, `servers` the names of adapters and the user's own.
    """
    families = list(dict.fromkeys(each for id_ in scenarios for each in _families(id_)))
    known = list(servers)
    _level(table, f"{where}: thresholds", families, servers=True)
    of_servers = table.get(SERVERS, {})
    if not isinstance(of_servers, Mapping):
        raise BadConfiguration(f'{where}: thresholds.servers has a table for each server, as thresholds.servers."mine"')
    for name, inner in of_servers.items():
        place = f"{where}: thresholds.servers.{_quoted(name)}"
        _server(name, place, known)
        if not isinstance(inner, Mapping):
            raise BadConfiguration(f"{place} is a table of thresholds")
        _level(inner, place, families, servers=False)


def nested(table: Table) -> bool:
    """Say whether `table` has thresholds for scenarios or servers, or what may be meant as such."""
    return any(key not in NAMES for key in table)


def _level(table: Table, where: str, families: list[str], *, servers: bool) -> None:
    for key, value in table.items():
        if key in NAMES:
            _number(key, value, where)
        elif key == SERVERS and servers:
            continue
        elif key not in families:
            kind = "scenario" if isinstance(value, Mapping) else "threshold"
            near = suggestion(key, families if isinstance(value, Mapping) else [*NAMES, SERVERS])
            raise BadConfiguration(
                f"{where} knows no {key!r}{near}; it has {', '.join(NAMES)}"
                + (", and tables by scenario and for servers" if kind == "scenario" else "")
            )
        elif not isinstance(value, Mapping):
            raise BadConfiguration(f"{where}.{_quoted(key)} is a table of thresholds")
        else:
            for name, number in value.items():
                if name not in NAMES:
                    raise BadConfiguration(
                        f"{where}.{_quoted(key)} knows no {name!r}{suggestion(name, NAMES)}; it has {', '.join(NAMES)}"
                    )
                _number(name, number, f"{where}.{_quoted(key)}")


def _number(name: str, value: object, where: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise BadConfiguration(f"{where}.{name} takes a number from 0 on")


def _server(name: str, where: str, known: list[str]) -> None:
    if name == TARGET or name.startswith(f"{TARGET} "):
        return
    parsed = naming.parse(name)
    for part in filter(None, (parsed.front, parsed.server)):
        if part.adapter not in known:
            near = suggestion(part.adapter, known)
            raise BadConfiguration(f"{where} names no server{near}; `wsgi-gauntlet servers` lists them")


def _callings(server: str) -> Iterator[str]:
    """Yield the names of tables that are about `server`, the widest first: gunicorn, gunicorn:gthread, and in full."""
    found = [server]
    try:
        parsed = naming.parse(server)
    except BadConfiguration:
        found.append(TARGET)
    else:
        parts = [part for part in (parsed.front, parsed.server) if part]
        found.append("+".join(f"{each.adapter}{f':{each.variant}' if each.variant else ''}" for each in parts))
        found.append("+".join(each.adapter for each in parts))
    yield from dict.fromkeys(reversed(found))


def _families(scenario: str) -> list[str]:
    """Return the names of tables that are about `scenario`, the widest first: slow-headers, slow-headers/byte."""
    words = scenario.split("/")
    return ["/".join(words[:count]) for count in range(1, len(words) + 1)]


def _broken(table: Table, cell: Load) -> Iterator[Broken]:
    asked = limits(table, cell.server, cell.scenario)
    phase = during(cell)
    for name in NAMES:
        if name not in asked:
            continue
        limit, where = asked[name]
        value: float | None = None
        told = ""
        match name:
            case "goodput" if cell.goodput is not None and cell.goodput < limit:
                value, told = cell.goodput, f"goodput {cell.goodput:.3g} is below {limit:g}"
            case "slowdown" if cell.slowdown is not None and cell.slowdown > limit:
                value, told = cell.slowdown, f"slowdown {cell.slowdown:.3g} is above {limit:g}"
            case "collapse" if cell.collapse is not None and cell.collapse < limit:
                value, told = cell.collapse, f"N* {cell.collapse} is below {limit:g}: so few slow clients stop it"
            case "p99" if phase is not None and phase.p99 is not None and phase.p99 > limit:
                value, told = phase.p99, f"p99 {phase.p99:.3g} s is above {limit:g} s"
            case "rate" if (rate := _rate(cell)) is not None and rate < limit:
                value, told = rate, f"rate {rate:,.0f}/s is below {limit:,.0f}/s"
        if value is not None:
            yield Broken(name, limit, value, where, told)


def _rate(cell: Load) -> float | None:
    """Return the best rate of a closed loop, else the capacity that was found; a lower bound says nothing."""
    best = best_rate(cell)
    found = next((each.value for each in cell.measures if each.name == "capacity" and not each.censored), None)
    return best if best is not None else found


def _quoted(name: str) -> str:
    plain = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
    return name if plain else f'"{name}"' if name.isprintable() else repr(name)
