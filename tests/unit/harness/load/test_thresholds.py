"""What a user asks of figures under load, and which cells break it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.config import parse, read
from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.load.thresholds import (
    apply_thresholds,
    describe_unmeasured,
    parse_options,
    require_measured,
    thresholds_for,
)
from wsgi_gauntlet.harness.model import Grade, Metric, Phase, ScenarioResult, Step

BAD = ScenarioResult("a", "classroom", Grade.COLLAPSED, goodput=0.4, slowdown=50.0, collapse=1)
SLOW = ScenarioResult("gunicorn:gthread", "slow-headers/byte", Grade.DEGRADED, goodput=1.0, phases=(
    Phase("during", 0, 5, 100, {}, 1.0, p99=0.8),
))  # fmt: skip
QUICK = ScenarioResult(
    "waitress", "throughput", Grade.MEASURED, goodput=1.0, steps=(Step(1, rate=900.0), Step(64, rate=4000.0))
)


def broken(table: dict[str, Any], cell: ScenarioResult) -> list[str]:
    checked = parse({"thresholds": table}, "here").thresholds
    return [f"{each.threshold}: {each.message}" for each in apply_thresholds(checked, cell).broken]


def test_each_threshold() -> None:
    assert broken({"goodput": 0.99, "slowdown": 2, "collapse": 64}, BAD) == [
        "goodput: goodput 0.4 is below 0.99",
        "slowdown: slowdown 50 is above 2",
        "collapse: N* 1 is below 64: so few slow clients stop it",
    ]
    assert broken({"p99": 0.5}, SLOW) == ["p99: p99 0.8 s is above 0.5 s"]
    assert broken({"rate": 5000}, QUICK) == ["rate: rate 4,000/s is below 5,000/s"]
    found = ScenarioResult(
        "waitress", "capacity", Grade.MEASURED, metrics=(Metric("capacity", "capacity", 1100.0, "requests/s"),)
    )
    assert broken({"rate": 5000}, found) == ["rate: rate 1,100/s is below 5,000/s"]
    # No more than `--rate` was offered, all of it was answered: how much more would be nobody knows.
    bound = Metric("capacity", "capacity", 1100.0, "requests/s", censored=True)
    assert broken({"rate": 5000}, ScenarioResult("waitress", "capacity", Grade.MEASURED, metrics=(bound,))) == []


def test_what_holds_and_what_has_no_such_figure_breaks_nothing() -> None:
    assert broken({"goodput": 0.4, "slowdown": 50, "collapse": 1}, BAD) == []
    assert broken({"p99": 0.8}, SLOW) == []
    assert broken({"rate": 4000}, QUICK) == []
    assert (
        broken({"rate": 1e9, "p99": 0.001, "collapse": 1000}, ScenarioResult("a", "b", Grade.UNAFFECTED, goodput=1.0))
        == []
    )


@pytest.mark.parametrize("grade", [Grade.INVALID, Grade.INCONCLUSIVE, Grade.ERROR, Grade.UNSUPPORTED])
def test_a_cell_without_a_valid_figure_breaks_nothing(grade: Grade) -> None:
    assert broken({"goodput": 0.99}, ScenarioResult("c", "classroom", grade, goodput=0.1)) == []


def test_the_table_that_says_most_counts() -> None:
    table = parse(
        {
            "thresholds": {
                "goodput": 0.99,
                "p99": 1.0,
                "slow-headers": {"goodput": 0.9, "p99": 0.7},
                "slow-headers/byte": {"p99": 0.6},
                "servers": {
                    "gunicorn": {"goodput": 0.8},
                    "gunicorn:gthread": {"rate": 10, "slow-headers": {"p99": 0.5}},
                },
            }
        },
        "here",
    ).thresholds

    def asked(server: str, scenario: str) -> dict[str, float]:
        return {name: each.limit for name, each in thresholds_for(table, server, scenario).items()}

    assert asked("waitress", "churn") == {"goodput": 0.99, "p99": 1.0}
    assert asked("waitress", "slow-headers/line") == {"goodput": 0.9, "p99": 0.7}
    assert asked("waitress", "slow-headers/byte") == {"goodput": 0.9, "p99": 0.6}
    assert asked("gunicorn:sync", "slow-headers/byte") == {"goodput": 0.8, "p99": 0.6}
    for server in ("gunicorn:gthread", "gunicorn:gthread[workers=4]", "gunicorn:gthread@25.1.0"):
        assert asked(server, "slow-headers/byte") == {"goodput": 0.8, "p99": 0.5, "rate": 10}
    assert asked("nginx+gunicorn:gthread", "churn") == {"goodput": 0.99, "p99": 1.0}
    found = thresholds_for(table, "gunicorn:gthread", "slow-headers/byte")["p99"]
    assert found.table == 'thresholds.servers."gunicorn:gthread".slow-headers'


def test_a_target_and_a_server_of_ones_own_have_tables_too() -> None:
    table = {"servers": {"target": {"goodput": 1}, "mine": {"goodput": 1}}}
    checked = parse({"servers": {"mine": "mine {port}"}, "thresholds": table}, "here").thresholds
    for server in ("target (127.0.0.1:8000)", "mine"):
        assert len(apply_thresholds(checked, ScenarioResult(server, "churn", Grade.DEGRADED, goodput=0.5)).broken) == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("goodputt = 1", "has an unknown key 'goodputt' (did you mean goodput?)"),
        ('["slow-header"]\ngoodput = 1', "did you mean slow-headers"),
        ('["slow-headers/bite"]\ngoodput = 1', "did you mean slow-headers/byte"),
        ("[churn]\nspeed = 1", "churn has an unknown key 'speed'"),
        ('[churn]\nrate = "fast"', "churn.rate takes a number"),
        ("churn = 1", "churn must be a table of thresholds"),
        ("p99 = nan", "p99 takes a number"),
        ("p99 = -1", "p99 takes a number"),
        ('[servers."gunicron:gthread"]\ngoodput = 1', "no such server (did you mean gunicorn"),
        ("[servers.gunicorn]\ngoodputt = 1", "did you mean goodput"),
        ('[servers.gunicorn."slow-header"]\ngoodput = 1', "did you mean slow-headers"),
        ("[servers.gunicorn.churn]\nservers = 1", "has an unknown key 'servers'"),
        ("servers = 3", "a table for each server"),
        ('[servers."a b"]\ngoodput = 1', "is not a server name"),
    ],
)
def test_what_is_wrong_is_named_with_the_nearest_name(tmp_path: Path, text: str, why: str) -> None:
    within = text.replace("[", "[tool.wsgi-gauntlet.thresholds.") if "[" in text else text
    (tmp_path / "pyproject.toml").write_text(f"[tool.wsgi-gauntlet.thresholds]\n{within}\n")
    with pytest.raises(ConfigurationError) as raised:
        read(tmp_path / "pyproject.toml")
    assert why in str(raised.value)


def test_one_threshold_may_be_lifted_for_a_scenario() -> None:
    assert broken({"slowdown": 2, "classroom": {"slowdown": math.inf}}, BAD) == []


def test_the_judgement_is_made_anew() -> None:
    once = apply_thresholds({"goodput": 0.99}, BAD)
    assert once.broken
    assert apply_thresholds({"goodput": 0.1}, once).broken == ()
    assert apply_thresholds({"goodput": 0.99}, once) is once


SCENARIOS = [each.id for each in registry.scenarios()]


def unchecked(table: dict[str, Any], cell: ScenarioResult) -> dict[str, tuple[bool, str]]:
    checked = parse({"thresholds": table}, "here").thresholds
    found = apply_thresholds(checked, cell)
    assert not found.broken
    return {each.threshold: (each.required, each.message.partition(": ")[2]) for each in found.unchecked}


@pytest.mark.parametrize(
    ("grade", "reason", "required"),
    [
        (Grade.INVALID, "the cell is invalid", True),
        (Grade.INCONCLUSIVE, "the cell is inconclusive", True),
        (Grade.ERROR, "the cell has an error", True),
        (Grade.UNSUPPORTED, "the cell is unsupported", False),
    ],
)
def test_a_figure_that_does_not_count_is_named(grade: Grade, reason: str, required: bool) -> None:
    cell = ScenarioResult("c", "classroom", grade, goodput=1.0)
    assert unchecked({"goodput": 0.99}, cell) == {"goodput": (required, reason)}
    assert unchecked({"classroom": {"goodput": 0.99}}, cell) == {"goodput": (True, reason)}
    # What was lifted is not asked.
    assert unchecked({"goodput": 0, "slowdown": math.inf}, cell) == {}


def test_a_figure_that_the_scenario_has_not_is_missed_only_where_the_user_names_the_scenario() -> None:
    cell = ScenarioResult("waitress", "churn", Grade.MEASURED, goodput=1.0)
    assert unchecked({"rate": 10, "p99": 1, "goodput": 0.9}, cell) == {}
    reason = (True, "the scenario has no such figure")
    assert unchecked({"churn": {"rate": 10, "p99": 1}}, cell) == {"rate": reason, "p99": reason}
    assert unchecked({"servers": {"waitress": {"rate": 10}}}, cell) == {}


def test_a_lower_bound_proves_what_it_can() -> None:
    during = Phase("during", 0, 5, 100, {}, 1.0, p99=5.0, censored=True)
    slow = ScenarioResult("a", "b", Grade.DEGRADED, phases=(during,), slowdown=9.0, slowdown_censored=True)
    assert (
        broken({"p99": 4, "slowdown": 8}, slow)
        == ["p99: p99 5 s is above 4 s", "slowdown: slowdown 9 is above 8"][::-1]
    )
    assert unchecked({"p99": 6, "slowdown": 10}, slow) == {
        "slowdown": (True, "only a lower bound was measured, 9"),
        "p99": (True, "only a lower bound was measured, 5 s"),
    }
    bound = Metric("capacity", "capacity", 1100.0, "requests/s", censored=True)
    capacity = ScenarioResult("waitress", "capacity", Grade.MEASURED, metrics=(bound,))
    assert unchecked({"rate": 5000}, capacity) == {"rate": (True, "only a lower bound was measured, 1.1e+03/s")}
    assert apply_thresholds({"rate": 1000}, capacity).met == ("rate",)


def test_what_is_met_is_named() -> None:
    found = apply_thresholds({"goodput": 0.1, "slowdown": 2, "collapse": 1, "p99": 1}, BAD)
    assert (found.met, [each.threshold for each in found.broken]) == (("goodput", "collapse"), ["slowdown"])
    # A server that never collapsed has no N*.
    assert apply_thresholds({"collapse": 64}, ScenarioResult("a", "b", Grade.UNAFFECTED)).met == ("collapse",)


def test_an_option_counts_before_the_table_of_the_same_place() -> None:
    table = {"p99": 1.0, "churn": {"p99": 2.0}, "servers": {"waitress": {"p99": 3.0}}}
    options = parse_options(["p99=4", "churn::p99=5", "gunicorn:gthread[threads=4]::slow-headers::rate=6"], SCENARIOS)

    def asked(server: str, scenario: str, name: str) -> tuple[float, str]:
        found = thresholds_for(table, server, scenario, options)[name]
        return found.limit, found.table

    assert asked("gunicorn:sync", "large", "p99") == (4.0, "--threshold p99")
    assert asked("gunicorn:sync", "churn", "p99") == (5.0, "--threshold churn::p99")
    assert asked("waitress", "churn", "p99") == (3.0, "thresholds.servers.waitress")
    place = "--threshold gunicorn:gthread[threads=4]::slow-headers::rate"
    assert asked("gunicorn:gthread[threads=4]", "slow-headers/byte", "rate") == (6.0, place)
    assert thresholds_for(table, "gunicorn:gthread", "slow-headers/byte", options).keys() == {"p99"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("p99", "write [SERVER::][SCENARIO::]NAME=VALUE, for example p99=0.5"),
        ("a::b::c::p99=1", "write [SERVER::][SCENARIO::]NAME=VALUE"),
        ("::p99=1", "write [SERVER::][SCENARIO::]NAME=VALUE"),
        ("p9=1", "no threshold is named 'p9' (did you mean p99?); the names are goodput, slowdown"),
        ("p99=fast", "the value must be a number that is not negative"),
        ("p99=nan", "the value must be a number that is not negative"),
        ("p99=-1", "the value must be a number that is not negative"),
        ("waitress::clasroom::p99=1", "no scenario has the id 'clasroom' (did you mean classroom?)"),
        ("p99=1\x1b[31m", "the value must be a number"),
    ],
)
def test_a_wrong_option_is_one_line(text: str, says: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        parse_options([text], SCENARIOS)
    assert says in str(raised.value)
    assert str(raised.value).startswith("--threshold ")
    assert str(raised.value).isprintable()


def test_an_option_is_given_once() -> None:
    with pytest.raises(ConfigurationError, match="given twice"):
        parse_options(["p99=1", "p99=2"], SCENARIOS)


def test_an_option_for_what_the_run_does_not_have_is_an_error() -> None:
    servers, scenarios = ["gunicorn:gthread[threads=4]", "target (127.0.0.1:8000)"], ["classroom", "slow-headers/byte"]
    for fine in (
        "p99=1",
        "slow-headers::p99=1",
        "gunicorn::p99=1",
        "gunicorn:gthread::classroom::p99=1",
        "target::p99=1",
    ):
        require_measured(parse_options([fine], SCENARIOS), servers, scenarios)
    for wrong, says in (
        ("gunicron::p99=1", "no scenario or server of this run has the name gunicron (did you mean gunicorn"),
        ("clasroom::p99=1", "no scenario or server of this run has the name clasroom (did you mean classroom?)"),
        ("waitress::p99=1", "its servers are gunicorn:gthread[threads=4], target"),
        ("capacity::rate=1", "this run does not measure capacity; name it with --scenario"),
        ("gunicorn::capacity::rate=1", "this run does not measure capacity"),
    ):
        with pytest.raises(ConfigurationError) as raised:
            require_measured(parse_options([wrong], SCENARIOS), servers, scenarios)
        assert says in str(raised.value)


def test_tables_for_other_cells_are_named() -> None:
    table = {
        "p99": 1,
        "capacity": {"rate": 1, "p99": 2},
        "servers": {"waitress": {"churn": {"p99": 1}}, "mine": {"p99": 1}},
    }
    assert describe_unmeasured(table, ["mine"], ["churn"]) == (
        "not checked, because this run does not measure it: thresholds.capacity, thresholds.servers.waitress.churn"
    )
    assert describe_unmeasured(table, ["mine", "waitress"], ["churn", "capacity"]) == ""
