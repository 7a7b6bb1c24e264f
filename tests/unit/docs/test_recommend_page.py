"""docs/recommend.md names the options of `recommend`, with their defaults."""

from __future__ import annotations

import re
from pathlib import Path

import click

from wsgi_gauntlet.harness.cli.main import cli

PAGE = (Path(__file__).parents[3] / "docs" / "recommend.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `(--[a-z0-9-]+)[ `][^|]*\| [^|]+ \|(?: ([^|]+) \|)?$", re.MULTILINE)


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
