"""docs/own-app.md describes every option for the user app, and its examples are valid."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from wsgi_gauntlet.harness import config
from wsgi_gauntlet.harness.cli.options import AppSetupArguments
from wsgi_gauntlet.harness.server import adapter_registry, fresh_copy
from wsgi_gauntlet.harness.server.app_name import parse_app_name
from wsgi_gauntlet.harness.server.app_preparation import COMMAND_TIMEOUT_SECONDS
from wsgi_gauntlet.harness.server.app_setup import MIN_SECRET_CHARACTERS, MIN_SECRET_DIGITS
from wsgi_gauntlet.harness.server.env_file import parse_env_file

TEXT = (Path(__file__).parents[3] / "docs" / "own-app.md").read_text(encoding="utf-8")


def test_every_option_has_a_row() -> None:
    rows = set(re.findall(r"^\| `(--[a-z-]+)", TEXT, re.MULTILINE))
    assert rows == {"--app", "--python", *(f"--{each.name.replace('_', '-')}" for each in fields(AppSetupArguments))}


@pytest.mark.parametrize("name", re.findall(r"^\| `'?(\w+[\w.]*:[^`']+)'?` \|", TEXT, re.MULTILINE))
def test_the_names_are_valid(name: str) -> None:
    assert parse_app_name(name).module.startswith("shop")


def test_the_variables_are_valid() -> None:
    (block,) = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
    assert parse_env_file(block, "x", {"HOME": "/home/me"}) == {
        "DEBUG": "0",
        "NAME": 'in quotes: \n, \t, ", \\ and $ are escapes',
        "SECRET": r"$ and \ are letters here",
        "MEDIA": "/home/me/media",
        "REGION": "eu",
    }


def test_the_table_of_pyproject_is_valid() -> None:
    (block,) = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)
    assert set(tomllib.loads(block)["tool"]["wsgi-gauntlet"]["app"]) == set(config.APP_KEYS)
    found = config.parse(tomllib.loads(block)["tool"]["wsgi-gauntlet"], "x").app_setup
    assert found.static == ("/static=shop/static",)


def test_the_numbers_are_those_of_the_program() -> None:
    assert COMMAND_TIMEOUT_SECONDS == 600
    assert (MIN_SECRET_CHARACTERS, MIN_SECRET_DIGITS) == (6, 8)
    assert f"{fresh_copy.MAX_COPY_BYTES >> 20} MB and {fresh_copy.MAX_COPY_ENTRIES:,} files" in TEXT


def test_the_servers_that_send_files_are_listed() -> None:
    able = {each.name for each in adapter_registry.adapters().values() if each.maps_static_files}
    rows = [line for line in TEXT.splitlines() if line.startswith(("| `nginx`", "| `uwsgi`"))]
    assert {name for line in rows for name in re.findall(r"`([a-z_]+)`", line)} == able
