"""Decorated functions become scenarios, and options replace their parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import pytest

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.load.catalog import Scenario, check_overrides, scenario
from wsgi_gauntlet.harness.load.parameters import Parameter, Parameters


@dataclass(frozen=True, kw_only=True)
class Example(Parameters):
    clients: Annotated[int, Parameter("", "slow clients", minimum=2)]
    duration: Annotated[float, Parameter("s", "length")]
    rate: Annotated[float | None, Parameter("requests/s", "rate")] = None


def made() -> Scenario:
    async def classroom(_ctx: object) -> None:
        """Forty people."""

    classroom.__module__ = "wsgi_gauntlet.suites.load.classroom"
    decorate = scenario("Classroom", smoke=Example(clients=4, duration=1), full=Example(clients=40, duration=10))
    return decorate(classroom)  # type: ignore[arg-type]


def test_a_scenario_named_as_its_file_is_named_once() -> None:
    found = made()
    assert (found.id, found.info().summary) == ("classroom", "Forty people.")


def test_parameters_that_are_not_set_have_no_value() -> None:
    assert made().smoke.values() == {"clients": 4, "duration": 1}


@pytest.mark.parametrize(("value", "found"), [(8, 8), (8.0, 8), ("8", 8), ("1e1", 10)])
def test_an_override_is_converted_to_the_declared_type(value: object, found: int) -> None:
    converted = made().parameters({"clients": value}, full=True)
    assert converted == Example(clients=found, duration=10)
    assert type(converted.values()["clients"]) is int
    assert made().parameters({"rate": "2.5"}) == Example(clients=4, duration=1, rate=2.5)


@pytest.mark.parametrize("value", [None, 0, -1, "many", True, float("inf"), float("nan"), "nan", [1]])
def test_a_value_that_is_not_a_positive_number_is_an_error(value: object) -> None:
    with pytest.raises(
        ConfigurationError, match=r"classroom: parameter 'duration' \(length\) must be a number above 0"
    ):
        made().parameters({"duration": value})


def test_the_error_says_what_is_allowed() -> None:
    with pytest.raises(ConfigurationError, match="a whole number of at least 2, not '1'"):
        made().parameters({"clients": "1"})
    with pytest.raises(ConfigurationError, match=r"a whole number of at least 2, not 8\.5"):
        made().parameters({"clients": 8.5})
    with pytest.raises(ConfigurationError, match="a number above 0 in s, not '0'"):
        made().parameters({"duration": "0"})


def test_an_unknown_parameter_is_an_error_with_the_nearest_one_and_all_units() -> None:
    with pytest.raises(ConfigurationError) as raised:
        made().parameters({"durations": 1})
    assert str(raised.value) == (
        "classroom has no parameter 'durations' (did you mean duration?); "
        "its parameters are clients, duration (s), rate (requests/s)"
    )


def test_an_override_must_fit_one_of_the_chosen_scenarios() -> None:
    chosen = [registry.scenario("churn"), registry.scenario("throughput")]
    check_overrides(chosen, {"clients": 8, "rate": 20})
    with pytest.raises(ConfigurationError, match=r"churn has no parameter 'clients'.*explain churn"):
        check_overrides(chosen[:1], {"clients": 8})
    with pytest.raises(
        ConfigurationError, match=r"none of these scenarios has a parameter 'facto' \(did you mean factor"
    ):
        check_overrides(chosen, {"facto": 8})
    with pytest.raises(ConfigurationError, match="throughput: parameter 'factor'"):
        check_overrides(chosen, {"factor": "1"})
    check_overrides([], {"clients": 8})


@pytest.mark.parametrize("each", registry.scenarios(), ids=lambda each: each.id)
def test_every_scenario_declares_valid_parameters_with_units(each: Scenario) -> None:
    assert type(each.smoke) is type(each.full)
    assert all(parameter.meaning for parameter in each.declared.values())
    for parameters in (each.smoke, each.full):
        assert parameters.with_overrides(parameters.values(), each.id) == parameters
    assert each.summary
    assert each.full_only == (each.id == "soak" or each.id.startswith("claims/"))
