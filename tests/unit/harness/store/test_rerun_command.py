"""Commands that reports print for the user to paste."""

import shlex
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from wsgi_gauntlet.harness.cli.main import cli
from wsgi_gauntlet.harness.server.adapter import pip_install_command
from wsgi_gauntlet.harness.store import rerun_command

COMMAND = "{python} -m mine --bind '{host}:{port}' $x {app}"


def test_what_is_printed_is_what_was_called_in_words_of_a_shell() -> None:
    given = rerun_command.options(python="/my env/bin/python", app="shop:make()", command=COMMAND, page="/a?b=c d")
    words = shlex.split(rerun_command.replay("custom[workers=2]", "http/tls/x", given))
    assert words[:4] == ["wsgi-gauntlet", "replay", "custom[workers=2]", "http/tls/x"]
    assert words[4:] == [
        "--python",
        "/my env/bin/python",
        "--app",
        "shop:make()",
        "--app-path",
        "/a?b=c d",
        "--command",
        COMMAND,
    ]
    known = {name for each in cli.commands["replay"].params for name in each.opts}
    assert set(words[4::2]) <= known
    assert rerun_command.given({rerun_command.OPTIONS_KEY: given}) == given


def test_what_is_as_by_default_is_left_out() -> None:
    assert rerun_command.options(python=sys.executable, app="", command="") == []
    assert rerun_command.given({}) == []


def test_what_gets_a_server_is_quoted() -> None:
    command = pip_install_command("/my env/python", "uvicorn[standard]", "setuptools<81")
    assert shlex.split(command) == ["/my env/python", "-m", "pip", "install", "uvicorn[standard]", "setuptools<81"]
    listed = CliRunner().invoke(cli, ["servers", "--json"]).stdout
    assert "'gunicorn<" not in listed


@pytest.mark.parametrize(
    "made", ["tools/wsgi-gauntlet/uv-receipt.toml", "venvs/x/pipx_metadata.json", "archive-v0/x/y"]
)
def test_nothing_is_installed_into_a_tools_own_environment(tmp_path: Path, made: str) -> None:
    (tmp_path / made).parent.mkdir(parents=True)
    (tmp_path / made).touch()
    command = pip_install_command(str((tmp_path / made).parent / "bin" / "python"), "setuptools<81")
    assert command == (
        "python3 -m venv servers && servers/bin/pip install 'setuptools<81', then --python servers/bin/python"
    )


def test_a_command_beside_another_name_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli, ["check", "waitress", "--command", COMMAND])
    assert "--command describes the server named custom, but the servers are waitress" in str(done.exception)


def test_uv_installs_into_its_environments_without_pip(tmp_path: Path) -> None:
    python = str(tmp_path / "bin" / "python")
    (tmp_path / "pyvenv.cfg").write_text("home = /usr/bin\nuv = 0.9.7\n")
    assert pip_install_command(python, "waitress") == f"uv pip install --python {python} waitress"
    (tmp_path / "lib" / "python3.11" / "site-packages" / "pip").mkdir(parents=True)
    (tmp_path / "lib" / "python3.11" / "site-packages" / "pip" / "__init__.py").write_text("")
    assert pip_install_command(python, "waitress") == f"{python} -m pip install waitress"


def test_a_target_is_named_by_its_option_alone() -> None:
    given = ["--target", "http://127.0.0.1:8000"]
    command = rerun_command.replay("target (127.0.0.1:8000)", "http/host/missing", given)
    assert command == "wsgi-gauntlet replay http/host/missing --target http://127.0.0.1:8000"
