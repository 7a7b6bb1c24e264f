"""The list of commands in --help, which imports none of them."""

from __future__ import annotations

import subprocess
import sys

import click
import pytest

from wsgi_gauntlet.harness.cli.group import Group, LazyCommands
from wsgi_gauntlet.harness.cli.main import cli

LIST = """
import sys
from wsgi_gauntlet.harness.cli.main import main
try:
    main()
finally:
    print([name for name in sys.modules if ".cli.commands." in name or name in ("trio", "msgspec", "httpx")])
"""


@pytest.mark.parametrize("name", cli.commands)
def test_the_list_says_what_the_command_says_of_itself(name: str) -> None:
    assert isinstance(cli.commands, LazyCommands)
    found = cli.commands[name]
    assert found.name == name
    assert found.get_short_help_str(limit=1000) == cli.commands.short_help(name, limit=1000)


@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_it_looks_like_the_list_of_click(width: int) -> None:
    context = click.Context(cli, info_name="wsgi-gauntlet", terminal_width=width)
    eager = click.HelpFormatter(width=width)
    Group("wsgi-gauntlet", commands=dict(cli.commands)).format_commands(context, eager)
    lazy = click.HelpFormatter(width=width)
    cli.format_commands(context, lazy)
    assert lazy.getvalue() == eager.getvalue() != ""


@pytest.mark.parametrize("arguments", [[], ["--help"], ["--version"], ["nothing"]])
def test_it_imports_no_command(arguments: list[str]) -> None:
    done = subprocess.run([sys.executable, "-c", LIST, *arguments], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "[]", done.stdout + done.stderr


def test_a_command_imports_no_other_command() -> None:
    done = subprocess.run(
        [sys.executable, "-c", LIST, "cases", "nothing/at-all"], capture_output=True, text=True, check=False
    )
    imported = done.stdout.splitlines()[-1]
    assert "cli.commands.listing" in imported
    assert "cli.commands.compare" not in imported


def test_a_command_can_be_added_and_taken_away() -> None:
    commands = LazyCommands({})
    commands["other"] = click.Command("other", help="Do something.")
    assert (list(commands), len(commands), commands.short_help("other", 80)) == (["other"], 1, "Do something.")
    del commands["other"]
    assert "other" not in commands
