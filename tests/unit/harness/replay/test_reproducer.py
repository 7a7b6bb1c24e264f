"""What a cell says, as files and commands for somebody else."""

import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from wsgi_gauntlet.harness.conformance.runner import apply_setup
from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.model import (
    AppEvent,
    CaseResult,
    ConnectionEvent,
    ConnectionEventKind,
    Evidence,
    Level,
    Setup,
    Verdict,
)
from wsgi_gauntlet.harness.replay.netcat_script import SendMode
from wsgi_gauntlet.harness.replay.reproducer import Reproducer, StartedServer, document, reproducer
from wsgi_gauntlet.harness.replay.runner import write
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.temp_dirs import reference_app_sources

THERE = Address(port=45678)
CELL = CaseResult(
    server="gunicorn",
    case="http/framing/odd",
    level=Level.MUST,
    tags=(),
    verdict=Verdict.FAIL,
    expected="one answer",
    actual="two\nrm -rf \x1b[2J",
    evidence=Evidence(
        wire=(
            ConnectionEvent(1.0, 1, ConnectionEventKind.OPENED),
            ConnectionEvent(1.0, 1, ConnectionEventKind.SENT, b"GET /x HTTP/1.1\r\nHost: 127.0.0.1:45678\r\n\r\n"),
        ),
        app=(AppEvent(1.1, "called", 1, 1, detail={"path": "/reads", "query": "do=read"}),),
    ),
)


def made(server: str, setup: Setup | None = None, there: Address = THERE, app: str = "") -> Reproducer:
    plan = planning.plan(server)
    plan = replace(plan, app=app or plan.app)
    return reproduced(apply_setup(plan, setup or Setup()), there)


def reproduced(plan: Plan, there: Address = THERE, cell: CaseResult = CELL, distribution: str = "") -> Reproducer:
    started = StartedServer(plan, there, "9.9")
    return reproducer(cell, started, SendMode(), reference_app_sources(), distribution=distribution)


def test_an_app_a_server_and_requests() -> None:
    result = made("gunicorn")
    assert list(result.files) == ["app.py"]
    assert "def reads(call):" in result.files["app.py"]
    assert result.server.startswith("PYTHONPATH=. python3 -m gunicorn --bind 127.0.0.1:8000 ")
    assert result.server.endswith(" app:application\n")
    assert result.requests.endswith(
        "| nc -w 3 127.0.0.1 8000\n\n# Expected: one answer\n# Here, gunicorn 9.9: two rm -rf \\x1b[2J\n"
    )
    for name in ("app.py", "printf 'GET /x", "--- the server", "stderr"):
        assert name in document(result)


@pytest.mark.parametrize("server", ["werkzeug", "wsgiref", "waitress", "gunicorn:gthread", "flask", "uwsgi"])
def test_nothing_of_this_machine_is_in_it(server: str) -> None:
    result = made(server)
    everything = document(result)
    for own in (sys.executable, str(Path.home()), "gauntlet_apps.", "45678"):
        assert own not in result.server
        assert own not in result.requests
    assert "app:application" in everything


def test_a_version_says_how_it_is_had() -> None:
    wanted = "# In an environment of its own: python3 -m pip install gunicorn==9.9 'setuptools<81'\n"
    result = reproduced(replace(planning.plan("gunicorn"), version="9.9"))
    assert result.server.startswith(wanted)


def test_an_app_of_a_framework_says_how_that_is_had() -> None:
    plan = replace(planning.plan("gunicorn"), app="gauntlet_apps.frameworks.django_app:application")
    result = reproduced(plan, distribution="Django")
    assert result.server.startswith("# Needs: python3 -m pip install Django\nPYTHONPATH=. python3 -m gunicorn ")
    assert result.files["app.py"].startswith(
        '"""The code that http/framing/odd uses from wsgi-gauntlet\'s app for Django; serve it as app:application."""\n'
    )
    plain = made("gunicorn")
    assert "Needs: " not in plain.server
    assert "wsgi-gauntlet's test app;" in plain.files["app.py"]


def test_a_flask_app_is_one() -> None:
    assert "from flask import Flask" in made("flask").files["app.py"]


def test_a_front_and_the_server_behind_it() -> None:
    result = made("nginx+gunicorn")
    first, last = result.server.splitlines()
    assert "gunicorn --bind 127.0.0.1:8001" in first
    assert first.endswith("&")
    assert "nginx" in last
    assert "listen 127.0.0.1:8000" in result.files["nginx.conf"]
    assert "proxy_pass http://127.0.0.1:8001" in result.files["nginx.conf"]


def test_what_the_case_sets_up_is_in_the_command() -> None:
    result = made("gunicorn:gthread", Setup(mount="/app", environment=(("A", "b c"),), threads=3, workers=2))
    for each in ("SCRIPT_NAME=/app ", "A='b c' ", "--threads 3", "--workers 2"):
        assert each in result.server


def test_a_unix_socket_and_tls() -> None:
    unix = made("gunicorn", Setup(unix=True), Address(path="/somewhere/http.sock"))
    assert "--bind unix:http.sock" in unix.server
    assert "nc -w 3 -U http.sock" in unix.requests
    secure = made("gunicorn", Setup(tls=True), Address(port=45678, tls=True))
    assert secure.server.startswith("openssl req -x509 ")
    assert "--certfile certificate.pem --keyfile key.pem" in secure.server
    assert "openssl s_client -quiet -connect 127.0.0.1:8000" in secure.requests


def test_a_user_s_own_app_is_named_and_not_cut_out() -> None:
    plan = planning.plan("gunicorn", app="shop:site")
    result = reproduced(plan, cell=msgspec.structs.replace(CELL, case="own-app/page/length"))
    assert result.files == {}
    assert result.server.endswith(" shop:site\n")


def test_a_case_about_the_server_needs_no_app_of_the_user_s() -> None:
    result = made("gunicorn", app="shop:site")
    assert "test app" in result.files["app.py"]
    assert result.server.endswith(" app:application\n")
    assert "shop" not in result.server


def test_without_a_socket_there_is_none() -> None:
    result = made("gunicorn", there=Address(pipe_socket="/x"))
    assert "without a socket" in result.why_not


def test_it_can_be_written(tmp_path: Path) -> None:
    result = made("wsgiref")
    files = write(result, tmp_path / "new" / "one")
    assert sorted(each.name for each in files) == ["app.py", "requests.sh", "serve.py", "server.sh"]
    assert (tmp_path / "new" / "one" / "requests.sh").read_text() == result.requests
    assert write(Reproducer(why_not="no"), tmp_path / "other") == []
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="is a file; name a folder with --write"):
        write(result, tmp_path / "file")


def test_a_command_of_the_user_s_own() -> None:
    plan: Plan = planning.plan("mine", custom={"mine": "{python} -m mine --port {port} {app}"})
    result = reproduced(plan)
    assert result.server == "PYTHONPATH=. python3 -m mine --port 8000 app:application\n"
