"""What --resume compares: nothing in clear, and each input by its content."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from wsgi_gauntlet.harness import run_inputs
from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.model import SCHEMA
from wsgi_gauntlet.harness.run_inputs import request_inputs, require_same_inputs, server_inputs
from wsgi_gauntlet.harness.server.app_setup import AppSetup
from wsgi_gauntlet.harness.server.static_mapping import StaticMapping
from wsgi_gauntlet.harness.server.user_app import REFERENCE_APP
from wsgi_gauntlet.harness.store import journal
from wsgi_gauntlet.harness.store.journal import Journal, StartLine
from wsgi_gauntlet.harness.traffic.model import Sequence, Step, Traffic, ValueList

from ...helpers.journal_text import journal_text

SETUP = AppSetup(
    import_folders=(Path("/shop/src"),),
    variables={"SECRET_KEY": "hunter2-hunter2", "DEBUG": "0"},
    before="migrate --password hunter2-hunter2",
    after="drop",
    fresh_copy=Path("/shop"),
    static=(StaticMapping("/static", Path("/shop/static")),),
)
TRAFFIC = Traffic(
    (Sequence("visit", (Step("home", "GET", "/", headers=(("Authorization", "hunter2-hunter2"),)),)),),
    (ValueList("users", ("name",), (("anna",),)),),
    "shop.toml",
)


def inputs(python: str = sys.executable, app: str = "shop:app", setup: AppSetup = SETUP, page: str = "/",
           traffic: Traffic | None = TRAFFIC) -> dict[str, str]:  # fmt: skip
    return {**server_inputs(python, app, setup), **request_inputs(page, traffic)}


def keep(folder: Path, kept: dict[str, str]) -> None:
    with Journal.open(folder) as book:
        book.write(StartLine(SCHEMA, {}, {}, {}, kept))


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        (inputs(python="/opt/other/python3"), "--python"),
        (inputs(app="shop:other"), "--app"),
        (inputs(page="/cart"), "--app-path"),
        (inputs(setup=replace(SETUP, import_folders=())), "--app-dir"),
        (inputs(setup=replace(SETUP, variables={**SETUP.variables, "DEBUG": "1"})), "the content of --env-file"),
        (inputs(setup=replace(SETUP, variables={})), "the content of --env-file"),
        (inputs(setup=replace(SETUP, python_path=(Path("/lib"),))), "the content of --env-file"),
        (inputs(setup=replace(SETUP, command_variables={"FLASK_APP": "shop"})), "the content of --env-file"),
        (inputs(setup=replace(SETUP, before="")), "--before"),
        (inputs(setup=replace(SETUP, after="", before="x")), "--before, --after"),
        (inputs(setup=replace(SETUP, fresh_copy=None)), "--fresh-copy"),
        (inputs(setup=replace(SETUP, static=())), "--static"),
        (inputs(traffic=None), "the content of --traffic"),
        (
            inputs(traffic=msgspec.structs.replace(TRAFFIC, values=(ValueList("users", ("name",), (("ben",),)),))),
            "the content of --traffic",
        ),
    ],
)
def test_each_changed_input_is_named_in_one_line(tmp_path: Path, changed: dict[str, str], named: str) -> None:
    keep(tmp_path / "out", inputs())
    with Journal.open(tmp_path / "out", resume=True) as book, pytest.raises(ConfigurationError) as raised:
        require_same_inputs(book, changed)
    text = str(raised.value)
    assert f"had another value for {named};" in text
    assert "\n" not in text
    assert "hunter2" not in text


def test_a_user_app_in_another_folder_is_another_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(tmp_path / "out", inputs())
    test_app = server_inputs(sys.executable, REFERENCE_APP, AppSetup())
    monkeypatch.chdir(tmp_path)
    with (
        Journal.open(tmp_path / "out", resume=True) as book,
        pytest.raises(ConfigurationError, match="had another value for the current folder;"),
    ):
        require_same_inputs(book, inputs())
    assert server_inputs(sys.executable, REFERENCE_APP, AppSetup()) == test_app


def test_the_same_inputs_are_accepted_under_other_names_and_orders(tmp_path: Path) -> None:
    keep(tmp_path / "out", inputs())
    setup = replace(SETUP, variables=dict(sorted(SETUP.variables.items())))
    with Journal.open(tmp_path / "out", resume=True) as book:
        require_same_inputs(book, inputs(setup=setup, traffic=msgspec.structs.replace(TRAFFIC, source="copy.toml")))


def test_an_interpreter_that_was_made_again_from_another_python_is_another_one(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.symlink_to("/usr/bin/python3.12")
    before = inputs(python=str(python))
    python.unlink()
    python.symlink_to("/usr/bin/python3.13")
    assert before["--python"] != inputs(python=str(python))["--python"]


def test_the_journal_has_no_value_in_clear(tmp_path: Path) -> None:
    keep(tmp_path / "out", inputs())
    text = journal_text(tmp_path / "out")
    assert "--env-file" in text
    assert "hunter2" not in text
    assert "SECRET_KEY" not in text


def test_a_run_without_fingerprints_is_resumed_as_before(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "out") as book:
        book.write(StartLine(SCHEMA, {}, {}, {}))
    path = tmp_path / "out" / journal.JOURNAL_FILENAME
    path.write_text('{"line":"run","schema":2,"environment":{},"cases":{},"scenarios":{}}\n')
    with Journal.open(tmp_path / "out", resume=True) as book:
        require_same_inputs(book, inputs())


def test_names_that_are_not_utf_8_have_fingerprints() -> None:
    odd = run_inputs.server_inputs("/opt/\udcff/python", "shop:app", AppSetup(before="\ud800"))
    assert len(set(odd.values())) > 1
