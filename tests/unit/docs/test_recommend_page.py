"""docs/recommend.md names the options of `recommend`, with their defaults, and its commands are valid."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from wsgi_gauntlet.harness.cli.commands.recommend import RecommendArguments, search_options
from wsgi_gauntlet.harness.cli.main import cli
from wsgi_gauntlet.harness.cli.options import command
from wsgi_gauntlet.harness.server.app_name import parse_app_name
from wsgi_gauntlet.harness.server.app_setup_resolver import resolve_app_setup

from ...helpers.example_projects import copy_project, documented_commands, words_of

PAGE = (Path(__file__).parents[3] / "docs" / "recommend.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(--[a-z0-9-]+)[ `][^|]*\| [^|]+ \|(?: ([^|]+) \|)?$", re.MULTILINE)

PEAKS = {"flask_board": 40, "django_notes": 10, "pyramid_todo": 40}
"""The peak of each example in requests per second."""


def options() -> dict[str, click.Option]:
    """Return the options of `recommend` that its help lists."""
    found = cli.get_command(click.Context(cli), "recommend")
    assert found is not None
    return {
        name: each for each in found.params if isinstance(each, click.Option) and not each.hidden for name in each.opts
    }


def test_each_option_of_the_tables_is_one_of_recommend() -> None:
    names = [name for name, _ in ROW.findall(PAGE)]
    assert len(names) >= 12
    assert set(names) <= set(options())


def test_the_defaults_of_the_table_are_those_of_the_command() -> None:
    defaults = {name: default for name, default in ROW.findall(PAGE) if default}
    known = options()
    assert str(known["--users"].default) == defaults["--users"]
    assert str(known["--p99"].default) == defaults["--p99"].replace(" ", "")
    assert str(known["--budget"].default) == defaults["--budget"].replace(" minutes", "m")
    assert "[any]" in (known["--memory"].help or "")
    assert defaults["--memory"] == "any"


@pytest.mark.parametrize("name", PEAKS)
def test_the_command_of_a_project_is_valid_in_its_folder(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = copy_project(name, tmp_path.resolve())
    monkeypatch.chdir(project)
    given: list[RecommendArguments] = []

    def keep(arguments: RecommendArguments) -> None:
        given.append(arguments)

    words = words_of(documented_commands(name), "recommend")
    CliRunner().invoke(command(RecommendArguments)(keep), words, standalone_mode=False, catch_exceptions=False)
    options = search_options(given[0])
    assert (options.peak, options.common.python) == (PEAKS[name], ".venv/bin/python")
    assert options.common.load_options.traffic is not None
    module = project.joinpath(*parse_app_name(options.common.app).module.split("."))
    assert module.with_suffix(".py").is_file() or (module / "__init__.py").is_file()
    found = resolve_app_setup(options.common.app_setup, options.common.app, project)
    assert found.left_out == ()
    assert found.setup.fresh_copy == project
    assert all(each.folder.is_dir() for each in found.setup.static)
    assert found.setup.before or found.setup.variables
