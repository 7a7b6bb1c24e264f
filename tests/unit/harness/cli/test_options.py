"""The options of the commands, their help and their errors, without a server."""

import io
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from wsgi_gauntlet import __version__
from wsgi_gauntlet.harness.cli.main import cli, configure_output_encoding
from wsgi_gauntlet.harness.cli.options import OLD_NAMES
from wsgi_gauntlet.harness.errors import ConfigurationError


def commands() -> list[tuple[str, click.Option]]:
    return [
        (name, option)
        for name, command in cli.commands.items()
        for option in command.get_params(click.Context(command, parent=click.Context(cli, **cli.context_settings)))
        if isinstance(option, click.Option) and not option.is_flag
    ]


def ended(*arguments: str) -> str:
    done = CliRunner().invoke(cli, arguments, standalone_mode=False)
    assert isinstance(done.exception, click.ClickException), done.output
    assert done.exception.exit_code == 2
    return done.exception.format_message()


@pytest.mark.parametrize(("name", "option"), commands(), ids=lambda each: getattr(each, "name", each))
def test_no_option_takes_an_empty_value(name: str, option: click.Option) -> None:
    for empty in ("", "  "):
        assert (
            ended(name, "x", "y", option.opts[0], empty)
            == f"{option.opts[0]} is empty; give it a value or leave it out"
        )


@pytest.mark.parametrize(("name", "option"), commands(), ids=lambda each: getattr(each, "name", each))
def test_an_option_of_one_value_is_not_given_twice(name: str, option: click.Option) -> None:
    if not option.multiple:
        said = ended(name, "x", "y", option.opts[0], "1", f"{option.opts[0]}=1")
        assert said == f"{option.opts[0]} is given twice; it takes one value"


@pytest.mark.parametrize("arguments", [("check", ""), ("report", ""), ("explain", " "), ("history", ""), ("cases", "")])
def test_no_argument_is_empty(arguments: tuple[str, ...]) -> None:
    assert "is empty" in ended(*arguments)


@pytest.mark.parametrize("where", ["~", "~/out", "~someone/out"])
def test_a_tilde_that_no_shell_replaced_is_no_folder(where: str) -> None:
    assert "the shell did not replace the ~" in ended("check", "gunicorn", "--out", where)


def test_without_a_word_there_is_help() -> None:
    done = CliRunner().invoke(cli, [])
    assert done.exit_code == 0
    assert done.stdout.startswith("Usage:")
    assert "Commands:" in done.stdout


def test_every_character_is_printed_in_every_encoding(monkeypatch: pytest.MonkeyPatch) -> None:
    raw, other = io.BytesIO(), io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(other, encoding="latin-1"))
    configure_output_encoding()
    click.echo("“a” … → caf\xe9 \u4e2d \U0001f600 \udce9", file=sys.stdout)
    assert raw.getvalue() == b"'a' ... -> caf\\xe9 \\u4e2d \\U0001f600 \\udce9\n"
    click.echo("caf\xe9 \u4e2d", file=sys.stderr)
    assert other.getvalue() == b"caf\xe9 \\u4e2d\n"


@pytest.mark.parametrize("option", ["--duration", "--background-rate"])
def test_a_number_is_one(option: str) -> None:
    assert f"{option} takes a number; nan is not a number" in ended("load", "gunicorn", option, "nan")


@pytest.mark.parametrize(("new", "old"), OLD_NAMES.items())
def test_an_old_name_works_and_is_not_shown(new: str, old: str) -> None:
    with_option = [command for command in cli.commands.values() if any(new in each.opts for each in command.params)]
    assert with_option
    for command in with_option:
        words = {"replay": ["x", "y"], "recommend": []}.get(str(command.name), ["x"])
        value = "5" if new in ("--slow-clients", "--background-rate") else "/5"
        found = [command.make_context("c", [*words, name, value]).params for name in (new, old)]
        assert found[0] == found[1]
        shown = CliRunner().invoke(cli, [str(command.name), "--help"]).stdout
        assert f"{new} " in shown
        assert f"{old} " not in shown


def test_only_new_names_are_suggested() -> None:
    said = ended("load", "x", "--rat", "5")
    assert "--background-rate" in said
    assert "--rate" not in said
    assert "--path" not in said
    assert "--slow-clients is given twice" in ended("load", "x", "--clients", "5", "--slow-clients", "5")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--set", "baseline=1", "--set", "baseline=2"),
        ("--set", "disconnect-wait=1", "--set", "disconnect_wait=2"),
        ("--set", "clients=1", "--slow-clients", "2"),
        ("--set", "rate=1", "--rate", "2"),
    ],
)
def test_a_parameter_is_not_given_twice(arguments: tuple[str, ...]) -> None:
    done = CliRunner().invoke(cli, ["load", "x", *arguments])
    assert isinstance(done.exception, ConfigurationError)
    assert "is given twice" in str(done.exception)


@pytest.mark.parametrize(
    ("id_", "says"),
    [
        ("claims", "claims is a family of 6 scenarios; name one scenario: claims/development, "),
        ("throughputt", "no case or scenario has the id 'throughputt' (did you mean throughput"),
        ("exact-dct", "no case or scenario has the id 'exact-dct' (did you mean pep3333/environ/exact-dict?)"),
        ("sizes", "pep3333/input/sizes (2 of them) or http/headers/sizes (4 of them); write one of them"),
        ("http/framing", "is a family of"),
    ],
)
def test_explain_names_scenarios_too(id_: str, says: str) -> None:
    assert says in str(CliRunner().invoke(cli, ["explain", id_]).exception)


def test_no_line_of_help_is_cut_off_or_too_wide() -> None:
    groups = [(name, each) for name, each in cli.commands.items() if isinstance(each, click.Group)]
    subcommands = [[name, each] for name, group in groups for each in group.commands]
    for arguments in ([], *([name] for name in cli.commands), *subcommands):
        shown = CliRunner().invoke(cli, [*arguments, "--help"], env={"COLUMNS": "80"}).stdout
        assert "..." not in shown.replace("[SERVER]...", "").replace("SERVER...", "").replace("RUN...", "").replace(
            "[ARGS]...", ""
        )
        assert max(map(len, shown.splitlines())) <= 80


def test_the_version_is_that_of_the_package() -> None:
    done = CliRunner().invoke(cli, ["--version"])
    assert done.stdout == f"wsgi-gauntlet, version {__version__}\n"


def test_an_adapter_file_that_ends_the_program_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "ends.py").write_text("raise SystemExit(3)")
    done = CliRunner().invoke(cli, ["check", str(tmp_path / "ends.py"), "--out", str(tmp_path / "out")])
    assert "does not import: SystemExit: 3" in str(done.exception)


def test_a_folder_that_is_gone_is_one_line(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    program = "from wsgi_gauntlet.harness.cli.main import main; main()"
    command = f"cd {gone} && rmdir {gone} && exec {sys.executable} -P -c '{program}' check wsgiref"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("wsgi-gauntlet: the current folder cannot be read")
