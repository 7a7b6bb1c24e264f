"""`traffic check` and `traffic convert`: mistakes are one line with exit code 2, and the output is escaped."""

from __future__ import annotations

import io
import re
import sys
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner
from rich.console import Console

from tests.helpers.har_files import PASSWORD, chrome
from wsgi_gauntlet.harness.cli.commands import traffic as command_module
from wsgi_gauntlet.harness.cli.main import cli, main
from wsgi_gauntlet.harness.errors import ConfigurationError, NotInstalled, UsageError
from wsgi_gauntlet.harness.server.adapter import Installation
from wsgi_gauntlet.harness.traffic import toml_file
from wsgi_gauntlet.harness.traffic.check import CheckedSequence, CheckedStep, TrafficCheck
from wsgi_gauntlet.harness.traffic.compiled import compile_step
from wsgi_gauntlet.harness.traffic.expected import learn
from wsgi_gauntlet.harness.traffic.model import Step
from wsgi_gauntlet.harness.traffic.player import PlayedRequest
from wsgi_gauntlet.harness.traffic.visit import Fault, StepOutcome
from wsgi_gauntlet.reports.terminal.traffic import print_check

DOCUMENT = Path(__file__).parents[4] / "docs" / "traffic.md"


def test_a_recording_is_converted(tmp_path: Path) -> None:
    har = tmp_path / "shop.har"
    har.write_bytes(chrome())
    done = CliRunner().invoke(cli, ["traffic", "convert", str(har)])
    assert done.exit_code == 0
    assert "note: POST /login: field password is dropped" in done.stderr
    assert PASSWORD not in done.output
    written = toml_file.parse(done.stdout, "shop.toml", lambda _: b"")
    assert len(written.sequences[0].steps) == 4
    assert done.stdout.startswith("# Traffic of shop.har\n")
    kept = CliRunner().invoke(cli, ["traffic", "convert", str(har), "--keep-secrets"])
    assert PASSWORD in kept.stdout


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        (None, ["convert", "FILE"], "FILE: No such file or directory; name a file that can be read"),
        ("[[request]]\npath = '/'", ["convert", "FILE"], "FILE: it is no HAR file; export one"),
        ("{}", ["convert", "FILE"], "FILE: it is no HAR file"),
        (None, ["check", "FILE", "--app", "shop:app"], "FILE: No such file"),
        ("[[request]]", ["check", "FILE", "--app", "shop:app"], "FILE, request 1: it has no path"),
        ("[values]\nu = 'u.csv'", ["check", "FILE", "--app", "shop:app"], "u.csv: No such file"),
        ("\xff", ["check", "FILE", "--app", "shop:app"], "FILE, line 1: it is not UTF-8"),
        ("{}", ["check", "FILE", "--app", "shop:app"], "FILE: it is no HAR file"),
        ("[[request]]\npath = '/'", ["check", "FILE", "tuna", "--app", "shop:app"], "no server is named 'tuna'"),
        ("[[request]]\npath = '/'", ["check", "FILE", "wsgiref", "--app", "shop"], "write module:callable"),
        ("[[request]]\npath = '/'", ["check", "FILE"], "traffic check needs --app: name the app"),
    ],
)
def test_mistakes(content: str | None, arguments: list[str], message: str, tmp_path: Path) -> None:
    file = tmp_path / "traffic"
    if content is not None:
        file.write_bytes(content.encode("latin-1"))
    filled = [each.replace("FILE", str(file)) for each in arguments]
    done = CliRunner().invoke(cli, ["traffic", *filled], standalone_mode=False)
    error = done.exception
    assert error is not None
    assert message.replace("FILE", str(file)) in str(error)
    assert "\n" not in str(error)
    assert getattr(error, "exit_code", 2) == 2


def test_a_mistake_in_a_hostile_file_is_one_line_without_control_characters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "shop.toml"
    file.write_text('[[request]]\npath = "/"\nname = "a\\nb\\u001b[2J"\nbody = { path = "x\\u001b[31m\\u202e" }\n')
    monkeypatch.setattr(sys, "argv", ["wsgi-gauntlet", "traffic", "check", str(file), "--app", "shop:app"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    shown = capsys.readouterr().err
    assert "request 1 (a b" in shown
    assert shown.count("\n") == 1
    assert not set(shown) & set("\x1b\u202e")


def test_no_server_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "wsgi_gauntlet.harness.server.planning.missing", lambda _plan: Installation(why="no", get="pip install it")
    )
    with pytest.raises(NotInstalled, match="no server for production is installed"):
        command_module._first_installed("python3")
    assert issubclass(NotInstalled, UsageError)


def played(outcome: StepOutcome, target: str = "/", status: int | None = 200, name: str = "step") -> PlayedRequest:
    return PlayedRequest(compile_step(Step(name, "GET", "/")), "GET", target, outcome, status, 10, b"x" * 10, 0.0123)


def printed(*steps: CheckedStep, notes: tuple[str, ...] = (), columns: int = 80) -> str:
    out = io.StringIO()
    check = TrafficCheck("gunicorn:gthread", "23.0", (CheckedSequence("visit\x1b[2J", 2, steps),))
    print_check(check, notes, console=Console(file=out, width=columns, highlight=False))
    return out.getvalue()


OK = CheckedStep((played(StepOutcome(ok=True, next="step")),), "", learn([b"x" * 10] * 2))


def test_the_output_of_correct_responses() -> None:
    redirect = played(StepOutcome(ok=True, next="redirect"), "/old", 302)
    last = played(StepOutcome(ok=True, next="end", captured=(("token", "abc"),)), "/new")
    text = printed(OK, CheckedStep((redirect, last), "", learn([b"x" * 10] * 2)), notes=("header Cookie dropped",))
    assert text.startswith("note: header Cookie dropped\nserver: gunicorn:gthread 23.0\n")
    assert re.search(r"^✓ GET / +200 +10 bytes +12 ms$", text, re.MULTILINE)
    assert re.search(r"^→ GET /old +302 ", text, re.MULTILINE)
    assert "  token = abc (captured)\n" in text
    assert "  compared: the whole body\n" in text
    assert text.endswith("All 2 requests got a correct response, in two visits each.\n")


def test_the_output_of_one_correct_response() -> None:
    assert printed(OK).endswith("\nThe request got a correct response, in two visits.\n")


def test_the_output_of_wrong_responses() -> None:
    wrong = CheckedStep(
        (played(StepOutcome(ok=False, next="end", reason="status 500 in place of 200", fault=Fault.STATUS), "/", 500),),
        "",
        None,
        "; the server's log: KeyError: 'x'",
    )
    second = CheckedStep((played(StepOutcome(ok=True, next="end")),), "status 409 in place of 200", None)
    text = printed(OK, wrong, second)
    assert "  wrong: status 500 in place of 200; the server's log: KeyError: 'x'\n" in text
    assert "  wrong in a second visit: status 409 in place of 200\n" in text
    assert "use a value list" in text
    assert text.endswith("2 of 3 requests got a wrong response.\n")


@pytest.mark.parametrize("columns", [40, 80])
def test_hostile_texts_do_nothing_and_lines_fit(columns: int) -> None:
    evil = "\x1b[2J\r\u202e\n" + "x" * 200
    outcome = StepOutcome(ok=False, next="end", reason=evil, fault=Fault.BODY, captured=((f"n{evil}", evil),))
    text = printed(CheckedStep((played(outcome, f"/{evil}", None),), "", None), notes=(evil,), columns=columns)
    assert not set(text) & set("\x1b\r\u202e")
    assert max(len(each) for each in text.splitlines()) <= columns


def test_the_example_of_the_document_is_valid() -> None:
    blocks = re.findall(r"```toml\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    for each in blocks:
        tomllib.loads(each)
        found = toml_file.parse(each, "docs", lambda _: b"name,password\nanna,x\n")
        assert [sequence.weight for sequence in found.sequences] == [1, 5]


def test_the_document_names_every_key() -> None:
    text = DOCUMENT.read_text(encoding="utf-8")
    keys = {*toml_file.STEP_KEYS, *toml_file.CAPTURE_KEYS}
    assert {each for each in keys if not re.search(rf"`{each}`|\b{each} = ", text)} == set()


def test_configuration_errors_are_usage_errors() -> None:
    assert issubclass(ConfigurationError, UsageError)
