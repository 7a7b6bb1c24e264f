"""Compare the figures of load with the user's thresholds: for all cells, for scenarios, and for servers. Pure.

[tool.wsgi-gauntlet.thresholds]
goodput = 0.99                                              # at least
slowdown = 2.0                                              # at most
collapse = 64                                               # N* at least
p99 = 0.5                                                   # seconds at most
rate = 1000                                                 # responses per second at least
[tool.wsgi-gauntlet.thresholds."slow-headers"]              # a scenario, or a family of them
[tool.wsgi-gauntlet.thresholds.servers."gunicorn:gthread"]  # a server, and below it scenarios again

The most specific table counts: a server before a scenario, a scenario before its family. An option `--threshold
SERVER::SCENARIO::NAME=VALUE` counts before the table of the same server and scenario.

A threshold whose cell has no valid figure is not met in silence: the cell has it under `unchecked`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import msgspec

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.model import Grade, ScenarioResult, ThresholdViolation, UncheckedThreshold
from wsgi_gauntlet.harness.model.naming import did_you_mean, nearest_path
from wsgi_gauntlet.harness.server import name as naming
from wsgi_gauntlet.harness.stats.headline_phase import best_rate, during
from wsgi_gauntlet.harness.store.schema_1 import new_scenario_id

THRESHOLD_NAMES = ("goodput", "slowdown", "collapse", "p99", "rate")
SERVERS_TABLE = "servers"
TARGET_TABLE = "target"
"""The name in a table for the server of --target."""

OPTION = "--threshold"
SEPARATOR = "::"
"""What stands between the server, the scenario and the name in an option, as in the ids of the pytest plugin."""

MAXIMA = frozenset({"slowdown", "p99"})
"""The thresholds that a figure must not exceed. The others are minima."""

_NO_LIMIT = {name: math.inf if name in MAXIMA else 0.0 for name in THRESHOLD_NAMES}
"""The limits that lift a threshold."""

Table = Mapping[str, object]
"""A table of TOML. `check_table` makes sure that its values are numbers and tables."""

NO_THRESHOLDS: Table = MappingProxyType({})


@dataclass(frozen=True)
class ActiveThreshold:
    """A threshold that counts for a cell. `table` is where it was set. `for_scenario`: that place names a scenario."""

    limit: float
    table: str
    for_scenario: bool


@dataclass(frozen=True)
class _Value:
    """A figure of a cell. If it is a lower bound, the true value is this one or higher."""

    value: float
    at_least: bool = False


def apply_thresholds(table: Table, cell: ScenarioResult, options: Table = NO_THRESHOLDS) -> ScenarioResult:
    """Return `cell` with the thresholds that it breaks and meets, and those that cannot be compared with a figure.

    `table` is that of pyproject.toml, `options` has the form of a table too.
    """
    broken, unchecked, met = [], [], []
    active = thresholds_for(table, cell.server, cell.scenario, options)
    for name in THRESHOLD_NAMES:
        if name not in active or active[name].limit == _NO_LIMIT[name]:
            continue
        limit, where = active[name].limit, active[name].table
        found = _value(name, cell)
        if found is not None and cell.grade.is_judged:
            if _breaks(name, found, limit):
                broken.append(ThresholdViolation(name, limit, found.value, where, _violation(name, found, limit)))
                continue
            if not found.at_least or (name not in MAXIMA and found.value >= limit):
                met.append(name)
                continue
        if reason := _reason(name, cell, found, active[name]):
            message = f"{describe_threshold(name, limit)} was not checked: {reason}"
            # That a scenario is not for a server is no surprise, unless the user names the scenario.
            required = cell.grade is not Grade.UNSUPPORTED or active[name].for_scenario
            unchecked.append(UncheckedThreshold(name, limit, where, message, required))
    return _with_thresholds(cell, tuple(broken), tuple(unchecked), tuple(met))


def _with_thresholds(
    cell: ScenarioResult,
    broken: tuple[ThresholdViolation, ...],
    unchecked: tuple[UncheckedThreshold, ...],
    met: tuple[str, ...],
) -> ScenarioResult:
    if (broken, unchecked, met) == (cell.broken, cell.unchecked, cell.met):
        return cell
    return msgspec.structs.replace(cell, broken=broken, unchecked=unchecked, met=met)


def describe_threshold(name: str, limit: float) -> str:
    """Return a threshold in words, as `p99 of at most 0.5 s`."""
    label = "N*" if name == "collapse" else name
    unit = {"p99": " s", "rate": "/s"}.get(name, "")
    number = f"{limit:,.0f}" if name == "rate" else f"{limit:g}"
    return f"{label} of {'at most' if name in MAXIMA else 'at least'} {number}{unit}"


def thresholds_for(
    table: Table, server: str, scenario: str, options: Table = NO_THRESHOLDS
) -> dict[str, ActiveThreshold]:
    """Return each threshold for `server` in `scenario`: the last one of the most general to the most specific table."""
    found: dict[str, ActiveThreshold] = {}
    for server_name in ("", *_server_table_names(server)):
        for scenario_name in ("", *_scenario_table_names(scenario)):
            for source in (table, options):
                inner = _inner_table(_inner_table(source, SERVERS_TABLE), server_name) if server_name else source
                inner = _inner_table(inner, scenario_name) if scenario_name else inner
                for key, value in inner.items():
                    if key in THRESHOLD_NAMES and isinstance(value, int | float):
                        place = _option_place if source is options else _table_place
                        where = place(server_name, scenario_name, key)
                        found[key] = ActiveThreshold(value, where, bool(scenario_name))
    return found


def _table_place(server: str, scenario: str, _name: str) -> str:
    parts = ["thresholds", *([SERVERS_TABLE, _toml_key(server)] if server else [])]
    return ".".join([*parts, *([_toml_key(scenario)] if scenario else [])])


def _option_place(server: str, scenario: str, name: str) -> str:
    return f"{OPTION} {'::'.join(filter(None, (server, scenario, name)))}"


def parse_options(texts: Iterable[str], scenarios: Iterable[str]) -> Table:
    """Return the options --threshold as a table. `scenarios` are the ids of all scenarios.

    Each is NAME=VALUE, and before NAME there can be SERVER:: and SCENARIO::. Raises ConfigurationError, in one line.
    """
    families = list(dict.fromkeys(each for id_ in scenarios for each in _scenario_table_names(id_)))
    found: dict[str, object] = {}
    for text in texts:
        shown = f"{OPTION} {text if text.isprintable() else repr(text)}"
        head, equals, number = text.rpartition("=")
        *places, name = head.split(SEPARATOR)
        if not equals or len(places) > 2 or not all(map(str.strip, places)):
            raise ConfigurationError(f"{shown}: write [SERVER::][SCENARIO::]NAME=VALUE, for example p99=0.5")
        if name not in THRESHOLD_NAMES:
            raise ConfigurationError(
                f"{shown}: no threshold is named {name!r}{did_you_mean(name, THRESHOLD_NAMES)}; "
                f"the names are {', '.join(THRESHOLD_NAMES)}"
            )
        inner = found
        for key in _option_tables(places, families, shown):
            inner = _table_below(inner, key)
        if name in inner:
            raise ConfigurationError(f"{shown}: this threshold is given twice; give it one value")
        inner[name] = _option_value(number, shown)
    return found


def _option_tables(places: Sequence[str], families: Sequence[str], shown: str) -> list[str]:
    """Return the keys of the tables for the places of an option: a server, a scenario, or both."""
    newer = [new_scenario_id(each.strip("/")) for each in places]
    if len(places) == 2 and newer[1] not in families:
        raise ConfigurationError(
            f"{shown}: no scenario has the id {places[1]!r}{nearest_path(places[1], families)}; "
            "`wsgi-gauntlet cases` lists them"
        )
    if len(places) == 2:
        return [SERVERS_TABLE, places[0], newer[1]]
    if places and newer[0] in families:
        return [newer[0]]
    return [SERVERS_TABLE, places[0]] if places else []


def _table_below(table: dict[str, object], key: str) -> dict[str, object]:
    inner = table.setdefault(key, {})
    assert isinstance(inner, dict)
    return inner


def _option_value(text: str, shown: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not value >= 0:
        raise ConfigurationError(f"{shown}: the value must be a number that is not negative")
    return value


def require_measured(options: Table, servers: Sequence[str], scenarios: Sequence[str]) -> None:
    """Raise ConfigurationError for an option whose server or scenario the run does not have.

    `servers` are the names of its servers, `scenarios` the ids of its scenarios.
    """
    for server, scenario, name in unmeasured(options, servers, scenarios):
        shown = _option_place(server, scenario, name)
        if server and not any(server in _server_table_names(each) for each in servers):
            known = list(dict.fromkeys(each for one in servers for each in _server_table_names(one)))
            what = f"no scenario or server of this run has the name {server}"
            raise ConfigurationError(
                f"{shown}: {what}{did_you_mean(server, [*known, *scenarios])}; its servers are {', '.join(servers)}"
            )
        raise ConfigurationError(
            f"{shown}: this run does not measure {scenario}; name it with --scenario, or leave the threshold out"
        )


def unmeasured(table: Table, servers: Sequence[str], scenarios: Sequence[str]) -> list[tuple[str, str, str]]:
    """Return the server, scenario and name ('' for none) of each threshold for cells that the run does not have."""
    of_run = {each for id_ in scenarios for each in _scenario_table_names(id_)}
    of_servers = {each for name in servers for each in _server_table_names(name)}
    return [
        (server, scenario, name)
        for server, scenario, name in _places(table)
        if (server and server not in of_servers) or (scenario and scenario not in of_run)
    ]


def describe_unmeasured(table: Table, servers: Sequence[str], scenarios: Sequence[str]) -> str:
    """Return in a sentence which tables of pyproject.toml are for other servers and scenarios, '' if none is."""
    found = unmeasured(table, servers, scenarios)
    places = list(dict.fromkeys(_table_place(server, scenario, name) for server, scenario, name in found))
    return f"not checked, because this run does not measure it: {', '.join(places)}" if places else ""


def _places(table: Table, server: str = "", scenario: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield the server, the scenario and the name of each threshold in `table`."""
    for key, value in table.items():
        if key in THRESHOLD_NAMES:
            yield server, scenario, key
        elif key == SERVERS_TABLE and not server and isinstance(value, Mapping):
            for name, inner in value.items():
                yield from _places(inner, name)
        elif isinstance(value, Mapping):
            yield from _places(value, server, key)


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


def _value(name: str, cell: ScenarioResult) -> _Value | None:
    """Return the figure of `cell` that a threshold is about, None if the cell has none."""
    phase = during(cell)
    match name:
        case "goodput" if cell.goodput is not None:
            return _Value(cell.goodput)
        case "slowdown" if cell.slowdown is not None:
            return _Value(cell.slowdown, cell.slowdown_censored)
        case "collapse":
            return _Value(cell.collapse if cell.collapse is not None else math.inf)
        case "p99" if phase is not None and phase.p99 is not None:
            return _Value(phase.p99, phase.censored)
        case "rate":
            if (best := best_rate(cell)) is not None:
                return _Value(best)
            capacity = next((each for each in cell.metrics if each.id == "capacity"), None)
            if capacity is not None and capacity.value is not None:
                return _Value(capacity.value, capacity.censored)
    return None


def _breaks(name: str, found: _Value, limit: float) -> bool:
    return found.value > limit if name in MAXIMA else found.value < limit and not found.at_least


def _violation(name: str, found: _Value, limit: float) -> str:
    match name:
        case "collapse":
            return f"N* {found.value:g} is below {limit:g}: so few slow clients stop it"
        case "p99":
            return f"p99 {found.value:.3g} s is above {limit:g} s"
        case "rate":
            return f"rate {found.value:,.0f}/s is below {limit:,.0f}/s"
    return f"{name} {found.value:.3g} is {'above' if name in MAXIMA else 'below'} {limit:g}"


def _reason(name: str, cell: ScenarioResult, found: _Value | None, active: ActiveThreshold) -> str:
    """Return why the threshold cannot be compared with a figure, '' if it is not about such a scenario."""
    if not cell.grade.is_judged:
        return f"the cell is {cell.grade.label}" if cell.grade is not Grade.ERROR else "the cell has an error"
    if found is not None:
        unit = {"p99": " s", "rate": "/s"}.get(name, "")
        return f"only a lower bound was measured, {found.value:.3g}{unit}"
    return "the scenario has no such figure" if active.for_scenario else ""


def _toml_key(name: str) -> str:
    plain = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
    return name if plain else f'"{name}"' if name.isprintable() else repr(name)
