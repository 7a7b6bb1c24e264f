"""What a user asks of figures under load, and which cells break it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from wsgi_gauntlet.harness.config import parse, read
from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.load.thresholds import apply_thresholds, thresholds_for
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
        return {name: limit for name, (limit, _) in thresholds_for(table, server, scenario).items()}

    assert asked("waitress", "churn") == {"goodput": 0.99, "p99": 1.0}
    assert asked("waitress", "slow-headers/line") == {"goodput": 0.9, "p99": 0.7}
    assert asked("waitress", "slow-headers/byte") == {"goodput": 0.9, "p99": 0.6}
    assert asked("gunicorn:sync", "slow-headers/byte") == {"goodput": 0.8, "p99": 0.6}
    for server in ("gunicorn:gthread", "gunicorn:gthread[workers=4]", "gunicorn:gthread@25.1.0"):
        assert asked(server, "slow-headers/byte") == {"goodput": 0.8, "p99": 0.5, "rate": 10}
    assert asked("nginx+gunicorn:gthread", "churn") == {"goodput": 0.99, "p99": 1.0}
    _, where = thresholds_for(table, "gunicorn:gthread", "slow-headers/byte")["p99"]
    assert where == 'thresholds.servers."gunicorn:gthread".slow-headers'


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
