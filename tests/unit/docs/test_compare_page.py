"""docs/compare.md lists every default figure and every option, and its commands are valid."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from wsgi_gauntlet.harness.cli.commands import compare as command_module
from wsgi_gauntlet.harness.cli.commands.compare import CompareArguments, compare, compare_options
from wsgi_gauntlet.harness.cli.main import cli
from wsgi_gauntlet.harness.comparison import default_scenario
from wsgi_gauntlet.harness.comparison.limits import MAX_INVALID_IN_A_ROW
from wsgi_gauntlet.harness.comparison.run import CompareOptions
from wsgi_gauntlet.harness.stats.early_stop import FEWEST_ROUNDS, MOST_LOOKS

DOCUMENT = Path(__file__).parents[3] / "docs" / "compare.md"
TEXT = DOCUMENT.read_text(encoding="utf-8")
COMMANDS = re.findall(r"^\$ (wsgi-gauntlet compare .*)$", TEXT, re.MULTILINE)
SELF_EXPLAINING = {"--help", "--out", "--json", "--markdown", "--command"}


def test_every_figure_is_listed() -> None:
    rows = [f"| `{name}` | {meaning} |" for name, meaning in default_scenario.METRICS.items()]
    table = "\n".join(["| figure | what |", "|---|---|", *rows])
    assert table in TEXT, f"docs/compare.md must contain this table:\n{table}"


def test_every_option_is_described() -> None:
    options = {name for each in compare.params if isinstance(each, click.Option) for name in each.opts}
    assert {each for each in options - SELF_EXPLAINING if each not in TEXT} == set()


def test_the_numbers_are_those_of_the_program() -> None:
    assert (FEWEST_ROUNDS, MOST_LOOKS, MAX_INVALID_IN_A_ROW) == (6, 10, 4)
    parameters = default_scenario.PARAMETERS
    assert (parameters.closed_loop, parameters.open_loop, parameters.slow_clients) == (0.6, 2.0, 3.0)
    assert default_scenario.CONNECTIONS == (8, 64)


@pytest.mark.parametrize("line", COMMANDS)
def test_the_commands_are_valid(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[CompareOptions] = []

    def keep(given: CompareArguments) -> None:
        found.append(compare_options(given))
        sys.exit(0)

    monkeypatch.setattr(command_module, "compare_options", keep)
    done = CliRunner().invoke(cli, shlex.split(line, comments=True)[1:])
    assert done.exit_code == 0, done.output
    assert len(found[0].candidates) >= 2
    assert found[0].limits.rounds or found[0].limits.budget
