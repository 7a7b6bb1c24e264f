"""`@scenario` turns a function in suites/load into a scenario that can be run, named and explained.

The id is the place of the function: `byte` in `suites/load/slow_clients/slow_headers.py` is `slow-headers/byte`.
Nothing is registered: registry.py finds the objects that the decorator leaves in the modules.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, cast

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.load.analysis.losses import BASELINE
from wsgi_gauntlet.harness.load.parameters import DeclaredParameter, Parameters, describe_parameters
from wsgi_gauntlet.harness.model import ScenarioInfo
from wsgi_gauntlet.harness.model.naming import did_you_mean, docstring_sections

if TYPE_CHECKING:
    from wsgi_gauntlet.harness.load.context import ScenarioContext
    from wsgi_gauntlet.harness.model import ScenarioResult
    from wsgi_gauntlet.harness.server.plan import Plan

    ScenarioFunction = Callable[[ScenarioContext[Parameters]], Awaitable[ScenarioResult]]

P = TypeVar("P", bound=Parameters)


def _suits_every_server(_plan: Plan) -> str:
    return ""


@dataclass(frozen=True)
class Scenario:
    """One experiment under load. `smoke` and `full` are its parameters in quick and in full runs.

    `in_default_run` says whether a plain `run` includes it. A scenario that is `full_only` runs with --full, or if the
    user names it: a short measurement shows too little. `unsuitable_reason` says why it does not apply to a server, ''
    if it does. `phases_without_slow_clients` names the phases with healthy users alone, None for all phases: the server
    is blamed for losses in them (analysis/losses.py).
    """

    id: str
    title: str
    summary: str
    run: ScenarioFunction
    smoke: Parameters
    full: Parameters
    in_default_run: bool = False
    full_only: bool = False
    unsuitable_reason: Callable[[Plan], str] = _suits_every_server
    phases_without_slow_clients: Collection[str] | None = BASELINE

    def info(self) -> ScenarioInfo:
        """Return what a report shows of this scenario."""
        return ScenarioInfo(self.id, self.title, self.summary)

    @property
    def declared(self) -> Mapping[str, DeclaredParameter]:
        """The declared parameters by name."""
        return self.smoke.declared()

    def parameters(self, overrides: Mapping[str, object] | None = None, *, full: bool = False) -> Parameters:
        """Return the parameters of a quick or a `full` run with some values replaced. Raises ConfigurationError."""
        return (self.full if full else self.smoke).with_overrides(overrides or {}, self.id)


def scenario(
    title: str,
    *,
    smoke: P,
    full: P,
    in_default_run: bool = False,
    full_only: bool = False,
    unsuitable_reason: Callable[[Plan], str] = _suits_every_server,
    phases_without_slow_clients: Collection[str] | None = BASELINE,
) -> Callable[[Callable[[ScenarioContext[P]], Awaitable[ScenarioResult]]], Scenario]:
    """Turn `async def name(ctx)` into a scenario. See `Scenario` for the arguments."""

    def decorate(function: Callable[[ScenarioContext[P]], Awaitable[ScenarioResult]]) -> Scenario:
        sections = docstring_sections(function)
        return Scenario(
            _scenario_id(function),
            title,
            f"{sections['']} {sections['Why']}".strip(),
            # Every context of this scenario gets parameters of the type of `smoke` and `full`.
            cast("ScenarioFunction", function),
            smoke,
            full,
            in_default_run,
            full_only,
            unsuitable_reason,
            phases_without_slow_clients,
        )

    return decorate


def server_scenario_pairs(scenarios: Iterable[Scenario], plans: Iterable[Plan]) -> list[tuple[Plan, Scenario]]:
    """Return each scenario with each server to which it applies, or with all servers if it applies to none.

    A user who names one server and one scenario thus gets the reason. A user who names many gets no such lines.
    """
    servers = list(plans)
    found = []
    for each in scenarios:
        suitable = [plan for plan in servers if not each.unsuitable_reason(plan)]
        found += [(plan, each) for plan in suitable or servers]
    return found


def overrides_for(scenario: Scenario, overrides: Mapping[str, object]) -> dict[str, object]:
    """Return the overrides that `scenario` declares."""
    return {name: value for name, value in overrides.items() if name in scenario.declared}


def check_overrides(scenarios: Sequence[Scenario], overrides: Mapping[str, object]) -> None:
    """Raise ConfigurationError if no scenario declares a name of `overrides`, or if a value is of the wrong kind."""
    known = {name: each for scenario in scenarios for name, each in scenario.declared.items()}
    for name in overrides:
        if scenarios and name not in known:
            which = f"{scenarios[0].id} has no" if len(scenarios) == 1 else "none of these scenarios has a"
            raise ConfigurationError(
                f"{which} parameter {name!r}{did_you_mean(name, known)}; known are {describe_parameters(known)}; "
                f"`wsgi-gauntlet explain {scenarios[0].id}` describes them"
            )
    for each in scenarios:
        each.parameters(overrides_for(each, overrides))


def _scenario_id(function: Callable[..., object]) -> str:
    # suites.load.slow_clients.slow_headers, silent -> slow-headers/silent; suites.load.throughput.capacity -> capacity
    modules = function.__module__.split(".")
    parts = ["claims" if modules[-2:-1] == ["claims"] else modules[-1], function.__name__]
    return "/".join(each.replace("_", "-") for each in dict.fromkeys(parts))
