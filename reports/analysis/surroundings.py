"""Compare the surroundings of two runs: figures of different surroundings cannot be compared. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from wsgi_gauntlet.harness.model import ScenarioResult, ServerInfo
from wsgi_gauntlet.reports.text import labels

MACHINE_KEYS = ("processor", "cores", "memory", "system")
"""The keys of a run's environment that describe the machine."""

RUN_KEYS = ("program", *MACHINE_KEYS, "python", "app", "page", "traffic", "target")
"""The keys of a run's environment that must be the same. The date and the options of the call may differ."""

SERVER_CONDITION = "version"
"""The condition of a cell that describes the server itself."""


@dataclass(frozen=True)
class Difference:
    """One thing that differs between the surroundings, with both values as text.

    `of_server` marks the version of the server: a user compares runs to see its effect.
    """

    what: str
    base: str
    new: str
    of_server: bool = False


def run_differences(base: Mapping[str, Any], new: Mapping[str, Any]) -> list[Difference]:
    """Return the differences of two environments of runs.

    A run that was merged from runs on several machines differs from every other run.
    """
    found = [
        Difference(key, values[0], values[1])
        for key in RUN_KEYS
        if (values := (_text(key, base.get(key)), _text(key, new.get(key))))[0] != values[1]
    ]
    machines = [_machines(each) for each in (base, new)]
    if max(machines) > 1:
        before, after = (labels.pluralize(each, "machine") for each in machines)
        found.append(Difference("machines", before, after))
    return found


def cell_differences(base: ScenarioResult, new: ScenarioResult) -> list[Difference]:
    """Return the differences of the parameters and conditions of a cell of load."""
    return [*_values("parameter ", base.parameters, new.parameters), *_values("", base.conditions, new.conditions)]


def server_differences(base: ServerInfo | None, new: ServerInfo | None) -> list[Difference]:
    """Return the differences of a server: its version and the user's configuration of it."""
    found = []
    for what, values in (
        (SERVER_CONDITION, [each.version if each else "" for each in (base, new)]),
        ("configuration", [_configuration(each) for each in (base, new)]),
    ):
        if values[0] != values[1]:
            found.append(Difference(what, values[0] or "none", values[1] or "none", what == SERVER_CONDITION))
    return found


def _values(prefix: str, base: Mapping[str, object], new: Mapping[str, object]) -> Iterator[Difference]:
    for key in dict.fromkeys([*base, *new]):
        if base.get(key) != new.get(key):
            of_server = not prefix and key == SERVER_CONDITION
            yield Difference(f"{prefix}{key}", _text(key, base.get(key)), _text(key, new.get(key)), of_server)


def _configuration(info: ServerInfo | None) -> str:
    if info is None:
        return ""
    return ", ".join([*info.configuration, *(f"{each.setting}={each.now}" for each in info.overrides)])


def _machines(environment: Mapping[str, Any]) -> int:
    runs = environment.get("merged")
    every = [each for each in runs if isinstance(each, Mapping)] if isinstance(runs, list | tuple) else []
    return len({tuple(_text(key, each.get(key)) for key in MACHINE_KEYS) for each in every or [environment]})


def _text(key: str, value: object) -> str:
    if value is None:
        return "unknown"
    if key == "memory" and isinstance(value, int):
        return f"{round(value / 2**30)} GiB"  # two machines of one kind differ by a few megabytes
    return labels.conditions({"": value}).strip()
