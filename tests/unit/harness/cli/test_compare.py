"""The options of `compare`, before anything is started."""

from __future__ import annotations

import sys

import pytest
from click.testing import CliRunner

from wsgi_gauntlet.harness.cli.commands import compare as command_module
from wsgi_gauntlet.harness.cli.commands.compare import compare_options, repeat_command
from wsgi_gauntlet.harness.cli.main import cli
from wsgi_gauntlet.harness.comparison import default_scenario
from wsgi_gauntlet.harness.comparison.limits import MAX_ROUNDS, RoundLimits
from wsgi_gauntlet.harness.errors import ConfigurationError


def arguments(*words: str) -> command_module.CompareArguments:
    """Return the parsed options."""
    found: list[command_module.CompareArguments] = []

    def keep(given: command_module.CompareArguments) -> None:
        found.append(given)
        sys.exit(0)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command_module, "compare_options", keep)
        done = CliRunner().invoke(cli, ["compare", *words])
    assert done.exit_code == 0, done.output
    return found[0]


def test_the_constants_of_the_help_are_those_of_the_comparison() -> None:
    assert tuple(default_scenario.METRICS) == command_module.METRIC_IDS
    assert command_module.MAX_ROUNDS == MAX_ROUNDS


def test_the_help_describes_everything() -> None:
    text = CliRunner().invoke(cli, ["compare", "--help"]).output
    for words in ("--rounds", "--budget", "--until-decided", "--fail-on", "--seed", "--resume", "130  interrupted"):
        assert words in text


@pytest.mark.parametrize(
    ("words", "limits"),
    [
        ((), RoundLimits(budget=600)),
        (("--budget", "10m"), RoundLimits(budget=600)),
        (("--rounds", "7"), RoundLimits(rounds=8)),
        (("--rounds", "12"), RoundLimits(rounds=12)),
    ],
)
def test_the_limits(words: tuple[str, ...], limits: RoundLimits) -> None:
    found = compare_options(arguments("gunicorn", "waitress", *words))
    assert found.limits == limits
    assert found.threshold == 0.05


def test_the_command_is_repeated_without_its_limits() -> None:
    words = ("gunicorn@23.0.0", "gunicorn[workers=2]", "--metric", "p99", "--threshold", "2.5", "--app", "B=shop:app")
    given = arguments(*words, "--seed", "4", "--rounds", "6", "--resume")
    assert repeat_command(given) == (
        "wsgi-gauntlet compare gunicorn@23.0.0 'gunicorn[workers=2]' --metric p99 --app B=shop:app --threshold 2.5"
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("gunicorn", "waitress", "--rounds", "6", "--budget", "5m"), "--rounds and --budget cannot be combined"),
        (("gunicorn", "waitress", "--scenario", "capacity", "--metric", "p50"), "--scenario and --metric"),
        (("gunicorn", "waitress", "--set", "clients=5"), "--set requires --scenario"),
        (("gunicorn", "waitress", "--budget", "soon"), "--budget soon"),
        (("gunicorn",), "compare takes 2 to 8 servers"),
        ((), "compare takes 2 to 8 servers"),
        (("gunicorn", "waitress", "--app-path", "/shop"), "--app-path needs --app"),
    ],
)
def test_wrong_options_are_rejected(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        compare_options(arguments(*words))
