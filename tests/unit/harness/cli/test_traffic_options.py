"""The option --traffic: what it needs, and what it says of a file."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner

from wsgi_gauntlet.harness.cli.main import cli
from wsgi_gauntlet.harness.cli.traffic_options import HarArguments, read_traffic_option
from wsgi_gauntlet.harness.errors import ConfigurationError

TRAFFIC = """
[[request]]
path = "/"
"""


@dataclass(frozen=True)
class Arguments:
    traffic: Path | None = None
    har: HarArguments = field(default_factory=HarArguments)
    app_path: str | None = None


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "shop.toml"
    path.write_text(TRAFFIC)
    return path


def test_what_a_har_file_drops_is_printed_without_control_characters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    request = {
        "method": "GET",
        "url": "http://shop.test/",
        "headers": [{"name": "X-Api-Key\x1b[31m", "value": "secret"}, {"name": "Authorization", "value": "secret"}],
    }
    response = {"status": 200, "headers": [], "content": {"mimeType": "text/html", "text": "hello"}}
    entry = {"startedDateTime": "2026-11-29T10:00:00.000Z", "time": 1, "request": request, "response": response}
    path = tmp_path / "shop.har"
    path.write_text(json.dumps({"log": {"version": "1.2", "entries": [entry]}}))
    assert read_traffic_option(Arguments(path), "shop:app") is not None
    shown = capsys.readouterr().err
    assert "note: " in shown
    assert "Authorization" in shown
    assert "secret" not in shown
    assert "\x1b" not in shown


def test_a_traffic_file_of_an_app(file: Path) -> None:
    traffic = read_traffic_option(Arguments(file), "shop:app")
    assert traffic is not None
    assert traffic.sequences[0].steps[0].target == "/"
    assert read_traffic_option(Arguments(), None) is None


@pytest.mark.parametrize(
    ("given", "app", "message"),
    [
        ({"keep_secrets": True}, "shop:app", "--keep-secrets needs --traffic"),
        ({"traffic": True}, None, "--traffic needs --app"),
        ({"traffic": True, "app_path": "/x"}, "shop:app", "--traffic and --app-path cannot be combined"),
    ],
)
def test_options_that_do_not_go_together(given: dict[str, object], app: str | None, message: str, file: Path) -> None:
    arguments = Arguments(
        file if given.get("traffic") else None,
        HarArguments(keep_secrets=bool(given.get("keep_secrets"))),
        given.get("app_path"),  # type: ignore[arg-type]
    )
    with pytest.raises(ConfigurationError, match=message):
        read_traffic_option(arguments, app)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["load", "waitress", "--traffic", "FILE"], "--traffic needs --app"),
        (["compare", "waitress", "cheroot", "--traffic", "FILE"], "--traffic needs --app"),
        (
            ["compare", "waitress", "cheroot", "gunicorn", "--app", "B=shop:app", "--traffic", "FILE"],
            "--traffic needs an app of yours on every server: name that of A, C with --app",
        ),
        (["load", "waitress", "--app", "shop:app", "--traffic", "no-such.toml"], "no-such.toml"),
        (["load", "waitress", "--keep-secrets"], "--keep-secrets needs --traffic"),
        (["recommend", "--app", "shop:app", "--site", "https://a"], "--site needs --traffic"),
        (
            ["compare", "waitress", "cheroot", "--app", "shop:app", "--traffic", "FILE", "--keep-secrets"],
            "--keep-secrets is for HAR files",
        ),
        (["traffic", "check", "FILE", "--app", "shop:app", "--site", "https://a"], "--site is for HAR files"),
        (["traffic", "convert", "FILE", "--site", "https://a"], "it is no HAR file"),
    ],
)
def test_commands_end_with_one_line(
    command: list[str], message: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(file.parent)
    done = CliRunner().invoke(cli, [str(file) if each == "FILE" else each for each in command])
    assert done.exit_code == 2 or isinstance(done.exception, ConfigurationError)
    assert message in f"{done.output}{done.exception}"
    assert not list(file.parent.glob("gauntlet-out*"))


def test_the_command_to_repeat_has_the_options() -> None:
    assert HarArguments(keep_secrets=True, site="https://a").words() == ["--keep-secrets", "--site", "https://a"]
    assert HarArguments().words() == []
