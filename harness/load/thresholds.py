"""Compare the figures of load with the user's thresholds: for all cells, for scenarios, and for servers. Pure.

[tool.wsgi-gauntlet.thresholds]
goodput = 0.99                                              # at least
slowdown = 2.0                                              # at most
collapse = 64                                               # N* at least
p99 = 0.5                                                   # seconds at most
rate = 1000                                                 # responses per second at least
[tool.wsgi-gauntlet.thresholds."slow-headers"]              # a scenario, or a family of them
[tool.wsgi-gauntlet.thresholds.servers."gunicorn:gthread"]  # a server, and below it scenarios again

The most specific table counts: a server before a scenario, a scenario before its family.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.model import ScenarioResult, ThresholdViolation
from wsgi_gauntlet.harness.model.naming import did_you_mean
from wsgi_gauntlet.harness.server import name as naming
from wsgi_gauntlet.harness.stats.headline_phase import best_rate, during
from wsgi_gauntlet.harness.store.schema_1 import new_scenario_id

THRESHOLD_NAMES = ("goodput", "slowdown", "collapse", "p99", "rate")
SERVERS_TABLE = "servers"
TARGET_TABLE = "target"
"""The name in a table for the server of --target."""

Table = Mapping[str, object]
"""A table of TOML. `check_table` makes sure that its values are numbers and tables."""


def apply_thresholds(table: Table, cell: ScenarioResult) -> ScenarioResult:
    """Return `cell` with the thresholds of `table` that it breaks. A cell without valid figures breaks none."""
    found = tuple(_broken_thresholds(table, cell)) if cell.grade.is_judged else ()
    return cell if found == cell.broken else msgspec.structs.replace(cell, broken=found)


def thresholds_for(table: Table, server: str, scenario: str) -> dict[str, tuple[float, str]]:
    """Return each threshold for `server` in `scenario`, with the name of its table."""
    found: dict[str, tuple[float, str]] = {}
    server_tables = _inner_table(table, SERVERS_TABLE)
    tables = [("thresholds", table)]
    tables += [
        (f"thresholds.{SERVERS_TABLE}.{_toml_key(name)}", _inner_table(server_tables, name))
        for name in _server_table_names(server)
    ]
    for where, outer in tables:
        for name, inner in [
            ("", outer),
            *((each, _inner_table(outer, each)) for each in _scenario_table_names(scenario)),
        ]:
            for key, value in inner.items():
                if key in THRESHOLD_NAMES and isinstance(value, int | float):
                    found[key] = value, f"{where}.{_toml_key(name)}" if name else where
    return found


def _inner_table(table: Table, name: str) -> Table:
    inner = table.get(name)
    return inner if isinstance(inner, Mapping) else {}


def check_table(table: Table, where: str, scenarios: Iterable[str], servers: Iterable[str]) -> None:
    """Raise ConfigurationError, with the place, if `table` has an unknown name or a wrong value.

    `scenarios` are the ids of all scenarios, `servers` the names of adapters and of the user's servers.
    """
    families = list(dict.fromkeys(each for id_ in scenarios for each in _scenario_table_names(id_)))
    known = list(servers)
    _check_level(table, f"{where}: thresholds", families, servers=True)
    of_servers = table.get(SERVERS_TABLE, {})
    if not isinstance(of_servers, Mapping):
        raise ConfigurationError(
            f"{where}: thresholds.servers must have a table for each server: "
            'write [tool.wsgi-gauntlet.thresholds.servers."mine"]'
        )
    for name, inner in of_servers.items():
        place = f"{where}: thresholds.servers.{_toml_key(name)}"
        _check_server_name(name, place, known)
        if not isinstance(inner, Mapping):
            raise ConfigurationError(f"{place} must be a table of thresholds")
        _check_level(inner, place, families, servers=False)


def with_new_ids(table: Table, where: str) -> Table:
    """Return `table` with the scenario ids of the first version replaced by the ids they have now.

    Raises ConfigurationError if a scenario has a table under its old id and another one under its new id.
    """
    found: dict[str, object] = {}
    for key, value in table.items():
        new_key = new_scenario_id(key)
        if new_key != key and new_key in table:
            raise ConfigurationError(f"{where}: thresholds has tables for {key!r} and {new_key!r}; keep the second one")
        found[new_key] = value
    servers = found.get(SERVERS_TABLE)
    if isinstance(servers, Mapping):
        found[SERVERS_TABLE] = {
            name: with_new_ids(each, where) if isinstance(each, Mapping) else each for name, each in servers.items()
        }
    return found


def has_tables(table: Table) -> bool:
    """Say whether `table` has keys that are not thresholds: tables for scenarios or servers, or a wrong name."""
    return any(key not in THRESHOLD_NAMES for key in table)


def _check_level(table: Table, where: str, families: list[str], *, servers: bool) -> None:
    for key, value in table.items():
        if key in THRESHOLD_NAMES:
            _check_number(key, value, where)
        elif key == SERVERS_TABLE and servers:
            continue
        elif key not in families:
            kind = "scenario" if isinstance(value, Mapping) else "threshold"
            suggested = did_you_mean(key, families if isinstance(value, Mapping) else [*THRESHOLD_NAMES, SERVERS_TABLE])
            raise ConfigurationError(
                f"{where} has an unknown key {key!r}{suggested}; the keys are {', '.join(THRESHOLD_NAMES)}"
                + (", and tables by scenario and for servers" if kind == "scenario" else "")
            )
        elif not isinstance(value, Mapping):
            raise ConfigurationError(f"{where}.{_toml_key(key)} must be a table of thresholds")
        else:
            for name, number in value.items():
                if name not in THRESHOLD_NAMES:
                    raise ConfigurationError(
                        f"{where}.{_toml_key(key)} has an unknown key {name!r}{did_you_mean(name, THRESHOLD_NAMES)}; "
                        f"the keys are {', '.join(THRESHOLD_NAMES)}"
                    )
                _check_number(name, number, f"{where}.{_toml_key(key)}")


def _check_number(name: str, value: object, where: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise ConfigurationError(f"{where}.{name} takes a number that is not negative")


def _check_server_name(name: str, where: str, known: list[str]) -> None:
    if name == TARGET_TABLE or name.startswith(f"{TARGET_TABLE} "):
        return
    parsed = naming.parse(name)
    for part in filter(None, (parsed.front, parsed.server)):
        if part.adapter not in known:
            suggested = did_you_mean(part.adapter, known)
            raise ConfigurationError(f"{where}: no such server{suggested}; `wsgi-gauntlet servers` lists them")


def _server_table_names(server: str) -> Iterator[str]:
    """Yield the names of the tables for `server`, the widest first: gunicorn, gunicorn:gthread, the whole name."""
    found = [server]
    try:
        parsed = naming.parse(server)
    except ConfigurationError:
        found.append(TARGET_TABLE)
    else:
        parts = [part for part in (parsed.front, parsed.server) if part]
        found.append("+".join(f"{each.adapter}{f':{each.variant}' if each.variant else ''}" for each in parts))
        found.append("+".join(each.adapter for each in parts))
    yield from dict.fromkeys(reversed(found))


def _scenario_table_names(scenario: str) -> list[str]:
    """Return the names of the tables for `scenario`, the widest first: slow-headers, slow-headers/byte."""
    words = scenario.split("/")
    return ["/".join(words[:count]) for count in range(1, len(words) + 1)]


def _broken_thresholds(table: Table, cell: ScenarioResult) -> Iterator[ThresholdViolation]:
    active = thresholds_for(table, cell.server, cell.scenario)
    phase = during(cell)
    for name in THRESHOLD_NAMES:
        if name not in active:
            continue
        limit, where = active[name]
        value: float | None = None
        message = ""
        match name:
            case "goodput" if cell.goodput is not None and cell.goodput < limit:
                value, message = cell.goodput, f"goodput {cell.goodput:.3g} is below {limit:g}"
            case "slowdown" if cell.slowdown is not None and cell.slowdown > limit:
                value, message = cell.slowdown, f"slowdown {cell.slowdown:.3g} is above {limit:g}"
            case "collapse" if cell.collapse is not None and cell.collapse < limit:
                value, message = cell.collapse, f"N* {cell.collapse} is below {limit:g}: so few slow clients stop it"
            case "p99" if phase is not None and phase.p99 is not None and phase.p99 > limit:
                value, message = phase.p99, f"p99 {phase.p99:.3g} s is above {limit:g} s"
            case "rate" if (rate := _best_or_capacity_rate(cell)) is not None and rate < limit:
                value, message = rate, f"rate {rate:,.0f}/s is below {limit:,.0f}/s"
        if value is not None:
            yield ThresholdViolation(name, limit, value, where, message)


def _best_or_capacity_rate(cell: ScenarioResult) -> float | None:
    """Return the best rate of a closed loop, else the measured capacity. A lower bound does not count."""
    best = best_rate(cell)
    found = next((each.value for each in cell.metrics if each.id == "capacity" and not each.censored), None)
    return best if best is not None else found


def _toml_key(name: str) -> str:
    plain = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
    return name if plain else f'"{name}"' if name.isprintable() else repr(name)
