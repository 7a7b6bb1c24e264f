"""The options of the outputs are made from the outputs: nothing else names them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.cli.main import cli
from wsgi_gauntlet.harness.cli.options import output_options
from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.store.output_format import Output

from ....helpers.sample_results import build

COMMANDS = ("run", "check", "load", "report", "history")


@pytest.fixture
def finished_run(tmp_path: Path) -> Path:
    """Return the results.json of a run."""
    path = tmp_path / "results.json"
    path.write_text(registry.outputs()["json"].render(build(loads=False)))
    return path


def report(*arguments: object) -> tuple[int, str]:
    """Return the exit code and what `report` prints on stdout."""
    done = CliRunner().invoke(cli, ["report", *map(str, arguments)])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_each_output_has_one_option_in_each_command(name: str) -> None:
    command = cli.commands[name]
    shown = [
        option
        for each in command.get_params(click.Context(command, parent=click.Context(cli, **cli.context_settings)))
        for option in each.opts
    ]
    for output in registry.outputs().values():
        assert shown.count(output.option) == bool(output.option_help), output.name
    assert shown.count("--public") == 1
    assert shown[-1] == "--help"


def test_these_outputs_have_options() -> None:
    assert {each.name for each in registry.outputs().values() if each.option_help} == {
        "json",
        "junit",
        "markdown",
        "csv",
        "badge",
        "annotations",
    }


def test_an_output_that_exists_on_request_only_can_be_requested() -> None:
    assert all(each.option_help for each in registry.outputs().values() if each.on_request_only)


def test_report_writes_what_is_asked_for(finished_run: Path, tmp_path: Path) -> None:
    files = {name: tmp_path / f"my.{name}" for name in ("csv", "badge", "junit", "markdown")}
    words = [word for name, path in files.items() for word in (f"--{name}", path)]
    code, shown = report(finished_run, "--out", tmp_path / "out", *words, "--annotations")
    assert code == 0
    for name, path in files.items():
        assert path.read_text() == registry.outputs()[name].render(registry.load_results(finished_run)), name
    assert shown.startswith("::error title=")
    assert not (tmp_path / "out" / "annotations.txt").exists()
    assert not (tmp_path / "out" / "cells.csv").exists()


def test_two_outputs_are_not_printed_into_each_other(finished_run: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(
        cli,
        ["report", str(finished_run), "--out", str(tmp_path / "out"), "--json", "--annotations"],
        standalone_mode=False,
    )
    assert isinstance(done.exception, click.UsageError)
    assert str(done.exception) in (
        "--json and --annotations cannot be combined: both are printed on stdout; choose one",
        "--annotations and --json cannot be combined: both are printed on stdout; choose one",
    )
    assert not (tmp_path / "out").exists()


def test_public_reaches_every_output(finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document = json.loads(finished_run.read_text())
    document["conformance"][0]["actual"] = document["conformance"][1]["actual"] = f"{tmp_path}/home/secret.py"
    document["conformance"][0]["verdict"] = document["conformance"][1]["verdict"] = "fail"
    finished_run.write_text(json.dumps(document))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    files = {name: tmp_path / f"my.{name}" for name in ("csv", "junit", "markdown")}
    words = [word for name, path in files.items() for word in (f"--{name}", path)]
    for public in ([], ["--public"]):
        out = tmp_path / f"out-{len(public)}"
        _, shown = report(finished_run, "--out", out, *words, "--json", *public)
        written = [path.read_text() for path in (*files.values(), out / "results.json")]
        for each in (*written, shown):
            assert ("/home/secret.py" in each) is not bool(public)
            assert ("~/secret.py" in each) is bool(public)


def test_an_output_of_another_package_does_not_hide_an_option(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = Output("mine-too", "x.txt", lambda _: "", on_request_only=True, option_help="Write x.")
    monkeypatch.setattr(registry, "outputs", lambda: {"mine-too": mine})
    (option, public) = output_options()
    assert (option.opts, option.name) == (["--mine-too"], "output_mine_too")
    assert public.opts == ["--public"]
    for name in ("out", "public", "help"):
        made = Output(name, "x", lambda _: "", option_help="x")
        monkeypatch.setattr(registry, "outputs", lambda made=made: {made.name: made})
        with pytest.raises(ConfigurationError, match=f"the output {name} has the name of an option"):
            output_options(["--out"])


@pytest.mark.parametrize("name", ["html", "markdown"])
def test_an_output_of_every_run_can_import_its_writer_before_the_end(name: str, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(registry.outputs()["json"].render(build()))
    program = (
        "import sys; from wsgi_gauntlet.harness import registry\n"
        "results, output = registry.load_results(registry.Path(sys.argv[1])), registry.outputs()[sys.argv[2]]\n"
        "output.prepare(); before = set(sys.modules); output.render(results)\n"
        "late = {each for each in set(sys.modules) - before if each.startswith(('wsgi_', 'numpy.', 'jinja2'))}\n"
        "sys.exit(f'imported only while it wrote: {late}' if late else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program, path, name], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
