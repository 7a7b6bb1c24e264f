"""docs/tox-nox.md: its files are read as tox and nox read them, and each command in them is one of this program."""

from __future__ import annotations

import ast
import configparser
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pytest

from wsgi_gauntlet.harness.cli.main import cli
from wsgi_gauntlet.harness.server import name as naming

PAGE = (Path(__file__).parents[3] / "docs" / "tox-nox.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"^```(?:ini|python)\n# (\S+)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
ENVIRONMENT = "testenv:wsgi-{gunicorn,waitress}"


def parsed(words: list[str]) -> dict[str, Any]:
    """Return the options of a command line of this program; fail where one of them is unknown."""
    assert words[:2] == ["wsgi-gauntlet", "check"]
    command = cli.commands["check"]
    return command.make_context("check", words[2:], parent=click.Context(cli, **cli.context_settings)).params


def test_the_page_has_both_files() -> None:
    assert list(FILES) == ["tox.ini", "noxfile.py"]


def test_the_environment_of_tox_checks_each_server() -> None:
    file = configparser.ConfigParser(interpolation=None)
    file.read_string(FILES["tox.ini"])
    assert file["tox"]["env_list"] == "py, wsgi-{gunicorn,waitress}"
    section = file[ENVIRONMENT]
    settings = dict(re.findall(r"^(\w+): SERVER = (.*)$", section["set_env"].strip(), re.MULTILINE))
    assert settings.keys() == {"gunicorn", "waitress"}
    assert {line.partition(": ")[0] for line in section["deps"].split("\n") if ":" in line} == settings.keys()
    for factor, server in settings.items():
        assert naming.parse(server).server.adapter == factor
        line = section["commands"].strip().replace("{env:SERVER}", server).replace("{env_tmp_dir}", "tmp")
        found = parsed(line.replace("{posargs}", "-x").split())
        assert (found["servers"], found["app"], found["exitfirst"]) == ((server,), "shop.wsgi:application", True)


class Session:
    """What the session of nox is asked for."""

    posargs = ("-x",)

    def __init__(self) -> None:
        self.installed: list[str] = []
        self.ran: list[list[str]] = []

    def install(self, *packages: str) -> None:
        self.installed += packages

    def run(self, *words: str) -> None:
        self.ran.append(list(words))

    def create_tmp(self) -> str:
        return "tmp"


@pytest.fixture
def sessions(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The names of noxfile.py, run with a nox that only remembers what is parametrized."""
    nox = ModuleType("nox")

    def parametrize(name: str, values: list[str]) -> Callable[[Any], Any]:
        def decorate(function: Any) -> Any:
            function.parameters = (name, values)
            return function

        return decorate

    nox.__dict__.update(session=lambda function: function, parametrize=parametrize)
    monkeypatch.setitem(sys.modules, "nox", nox)
    space: dict[str, Any] = {}
    exec(compile(ast.parse(FILES["noxfile.py"]), "noxfile.py", "exec"), space)
    return space


def test_the_session_of_nox_checks_each_server(sessions: dict[str, Any]) -> None:
    name, servers = sessions["wsgi"].parameters
    assert (name, len(servers)) == ("server", 2)
    for server in servers:
        session = Session()
        sessions["wsgi"](session, server)
        assert session.installed == ["wsgi-gauntlet", sessions["SERVERS"][server], "."]
        (words,) = session.ran
        found = parsed(words)
        assert (found["servers"], found["app"], found["exitfirst"]) == ((server,), "shop.wsgi:application", True)
        assert sessions["SERVERS"][server].startswith(naming.parse(server).server.adapter)
