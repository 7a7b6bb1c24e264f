"""The options for the user app, which several commands share."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TypeVar

import click
import pytest
from click.testing import CliRunner

from wsgi_gauntlet.harness import session
from wsgi_gauntlet.harness.cli.commands.compare import CompareArguments, compare_options, repeat_command
from wsgi_gauntlet.harness.cli.commands.load import LoadArguments
from wsgi_gauntlet.harness.cli.execute import run_options
from wsgi_gauntlet.harness.cli.main import cli
from wsgi_gauntlet.harness.cli.options import command
from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.server.app_setup import AppSetup, AppSetupOptions

WORDS = ("--app-dir", "src", "--env-file", ".env", "--before", "make db", "--after", "make clean", "--fresh-copy", ".",
         "--static", "/static=made", "--static", "/media=m")  # fmt: skip
SETUP = AppSetupOptions(Path("src"), Path(".env"), "make db", "make clean", Path(), ("/static=made", "/media=m"))


T = TypeVar("T")


def parsed(kind: type[T], *words: str) -> T:
    found: list[T] = []

    def keep(given: T) -> None:
        found.append(given)

    CliRunner().invoke(command(kind)(keep), words, standalone_mode=False, catch_exceptions=False)
    return found[0]


@pytest.mark.parametrize("name", ["check", "run", "load", "compare", "replay", "recommend"])
def test_the_commands_have_the_same_options(name: str) -> None:
    context = click.Context(cli, **cli.context_settings)
    shown = {each for one in cli.commands[name].get_params(context) for each in one.opts}
    assert {"--app", *(each for each in WORDS if each.startswith("--"))} <= shown
    text = CliRunner().invoke(cli, [name, "--help"]).output
    assert text.index("--app ") < text.index("--app-dir") < text.index("--static")


def test_a_run_gets_them() -> None:
    options = run_options(parsed(LoadArguments, "waitress", "--app", "shop:app", *WORDS))
    assert options.app_setup == SETUP
    assert run_options(parsed(LoadArguments, "waitress")).app_setup == AppSetupOptions()


def test_a_comparison_gets_them_and_repeats_them() -> None:
    arguments = parsed(CompareArguments, "a", "b", "--app", "B=shop:app", *WORDS)
    assert compare_options(arguments).common.app_setup == SETUP
    assert shlex.join(WORDS) in repeat_command(arguments)
    with pytest.raises(ConfigurationError, match="--app-dir requires --app"):
        compare_options(parsed(CompareArguments, "a", "b", *WORDS))


def test_the_commands_of_a_report_have_them() -> None:
    found = session.environment(session.RunOptions(app="shop:app", app_setup=SETUP), AppSetup())
    assert found["options"] == ["--app", "shop:app", *WORDS]


def test_the_commands_of_a_report_have_no_value_of_the_env_file() -> None:
    options = AppSetupOptions(before="db --password hunter22")
    setup = AppSetup(variables={"PASSWORD": "hunter22"})
    found = session.environment(session.RunOptions(app="shop:app", app_setup=options), setup)
    assert found["options"] == ["--app", "shop:app", "--before", "db --password (value of PASSWORD)"]


def test_a_target_already_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WSGI_GAUNTLET_TOKEN", "x" * 20)
    done = CliRunner().invoke(cli, ["load", "--target", "http://127.0.0.1:1", "--before", "true"])
    assert isinstance(done.exception, ConfigurationError)
    assert str(done.exception) == "--before cannot be combined with --target: the remote server already runs"
