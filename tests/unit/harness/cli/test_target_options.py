"""--target and --token of the commands that can use a server that somebody else started."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from wsgi_gauntlet.harness.cli.main import cli
from wsgi_gauntlet.harness.errors import ConfigurationError, TargetRefused

URL = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run folder of the user must not change a message."""
    monkeypatch.chdir(tmp_path)


def error(*words: str) -> str:
    found = CliRunner().invoke(cli, words).exception
    assert isinstance(found, ConfigurationError | TargetRefused)
    return str(found)


@pytest.mark.parametrize("words", [("check",), ("load",), ("replay", "http/host/missing")])
def test_a_target_needs_a_token(words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WSGI_GAUNTLET_TOKEN", raising=False)
    assert "--target requires a token" in error(*words, "--target", URL)


@pytest.mark.parametrize("words", [("check", "gunicorn"), ("load", "gunicorn"), ("replay", "gunicorn", "http/host")])
def test_a_token_needs_a_target(words: tuple[str, ...]) -> None:
    assert error(*words, "--token", "x") == "--token requires --target: name the remote server"


@pytest.mark.parametrize("words", [("check", "gunicorn"), ("load", "gunicorn"), ("replay", "gunicorn", "http/host")])
def test_a_target_is_no_other_server(words: tuple[str, ...]) -> None:
    assert "--target and SERVER cannot be combined" in error(*words, "--target", URL, "--token", "x")


@pytest.mark.parametrize("words", [("check",), ("load",), ("replay", "http/host/missing")])
@pytest.mark.parametrize("option", [("--app", "shop:app"), ("--command", "{port}"), ("--config", "x.conf")])
def test_a_target_runs_already(words: tuple[str, ...], option: tuple[str, str]) -> None:
    message = error(*words, "--target", URL, "--token", "x", *option)
    assert message == f"{option[0]} cannot be combined with --target: the remote server already runs"


def test_a_target_is_not_reached_over_tls() -> None:
    assert "without TLS" in error("check", "--target", "https://127.0.0.1:9", "--token", "x")


def test_replay_needs_a_case() -> None:
    done = CliRunner().invoke(cli, ["replay", "gunicorn"], standalone_mode=True)
    assert done.exit_code == 2
    assert "Missing argument 'CASE'" in done.output
