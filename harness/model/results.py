"""The results of a run, as they are written to `results.json`."""

from __future__ import annotations

from typing import Any

import msgspec

from wsgi_gauntlet.harness.model.comparison import ComparisonResult
from wsgi_gauntlet.harness.model.conformance import CaseInfo, CaseResult
from wsgi_gauntlet.harness.model.load import ScenarioInfo, ScenarioResult
from wsgi_gauntlet.harness.model.recommendation import Recommendation
from wsgi_gauntlet.harness.model.verdict import Level, Verdict

SCHEMA = 3
"""The version of `results.json` and of the journal that this program writes."""


CONFIGURATION_KEY = "configuration"
"""The field of the environment of a run with the pyproject.toml that it was configured by."""


class ConfigOverride(msgspec.Struct, frozen=True):
    """A setting of the user's configuration file that the harness replaced: `server` is the adapter's name."""

    server: str
    setting: str
    was: str
    now: str


class ServerInfo(msgspec.Struct, frozen=True):
    """A server of the run. If it is not `available`, `why` is the reason and `get` the command that installs it.

    `configuration` lists the user's configuration files, `overrides` what the harness replaced in them. `conditions`
    are those of a start without settings of a case: workers, threads, keep-alive and the like. `for_development` is the
    sentence of its documentation that says that the server is for development, with its address; '' if there is none.
    """

    name: str
    title: str
    available: bool
    version: str = ""
    variant: str = ""
    command: str = ""
    python: str = ""
    why: str = ""
    get: str = ""
    configuration: tuple[str, ...] = ()
    overrides: tuple[ConfigOverride, ...] = ()
    conditions: dict[str, Any] = {}
    for_development: str = ""


class Exclusion(msgspec.Struct, frozen=True):
    """A name of cases or scenarios that the user left out of a run, and how many of them would have been run.

    `source` is the option, or the file, that has the name.
    """

    name: str
    source: str
    cases: int = 0
    scenarios: int = 0


class BaseCase(msgspec.Struct, frozen=True):
    """The level and the tags of a case when the base run asked it."""

    level: Level
    tags: tuple[str, ...] = ()


class BaseRun(msgspec.Struct, frozen=True):
    """An earlier run that a run is compared with, without its evidence.

    `name` is the path that the user gave. `verdicts` are by server and case. The cells of `load` have neither samples
    nor logs.
    """

    name: str
    environment: dict[str, Any]
    servers: dict[str, ServerInfo]
    cases: dict[str, BaseCase] = {}
    verdicts: dict[str, dict[str, Verdict]] = {}
    load: tuple[ScenarioResult, ...] = ()
    finished: bool = True


class HistoryPoint(msgspec.Struct, frozen=True):
    """The result of one server in one of several merged runs.

    `date` is the date of the run in ISO 8601, '' if it is unknown. Requirements are counted once, whatever the number
    of their variants: `judged` (must and should) includes the broken ones. `goodput` is that of the scenario
    `classroom`, `capacity` is in requests per second; both are None if they were not measured or are not valid.
    """

    date: str
    server: str
    version: str = ""
    must_broken: int = 0
    should_broken: int = 0
    judged: int = 0
    goodput: float | None = None
    capacity: float | None = None


class Results(msgspec.Struct, frozen=True):
    """Everything that a run measured.

    `environment` describes the machine, the program and the call. `finished` is false after Ctrl-C, and if the run
    `stopped` at the first failure, as the user wanted. `excluded` is what the user left out. `baseline` names the
    baseline file, or is '' if there is none. `base` is the run that the user compares this one with. `history` has
    each server of each run if several runs were merged. `recommendation` is the answer of a search.
    """

    schema: int
    environment: dict[str, Any]
    servers: dict[str, ServerInfo]
    conformance: tuple[CaseResult, ...] = ()
    load: tuple[ScenarioResult, ...] = ()
    cases: dict[str, CaseInfo] = {}
    scenarios: dict[str, ScenarioInfo] = {}
    finished: bool = True
    baseline: str = ""
    base: BaseRun | None = None
    history: tuple[HistoryPoint, ...] = ()
    comparisons: tuple[ComparisonResult, ...] = ()
    recommendation: Recommendation | None = None
    excluded: tuple[Exclusion, ...] = ()
    stopped: bool = False
