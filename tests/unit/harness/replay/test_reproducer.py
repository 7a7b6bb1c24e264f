"""What a cell says, as files and commands for somebody else."""

import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from wsgi_gauntlet.harness.conformance.runner import apply_setup
from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.segmentation import Segmentation
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
from wsgi_gauntlet.harness.replay.reproducer import Reproducer, document, reproducer
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
    return reproducer(
        CELL, apply_setup(plan, setup or Setup()), there, Segmentation.WHOLE, reference_app_sources(), version="9.9"
    )


def test_an_app_a_server_and_requests() -> None:
    told = made("gunicorn")
    assert list(told.files) == ["app.py"]
    assert "def reads(call):" in told.files["app.py"]
    assert told.server.startswith("PYTHONPATH=. python3 -m gunicorn --bind 127.0.0.1:8000 ")
    assert told.server.endswith(" app:application\n")
    assert told.requests.endswith(
        "| nc -w 3 127.0.0.1 8000\n\n# Expected: one answer\n# Here, gunicorn 9.9: two rm -rf \\x1b[2J\n"
    )
    for name in ("app.py", "printf 'GET /x", "--- the server", "stderr"):
        assert name in document(told)


@pytest.mark.parametrize("server", ["werkzeug", "wsgiref", "waitress", "gunicorn:gthread", "flask", "uwsgi"])
def test_nothing_of_this_machine_is_in_it(server: str) -> None:
    told = made(server)
    everything = document(told)
    for own in (sys.executable, str(Path.home()), "gauntlet_apps.", "45678"):
        assert own not in told.server
        assert own not in told.requests
    assert "app:application" in everything


def test_a_version_says_how_it_is_had() -> None:
    wanted = "# In an environment of its own: python3 -m pip install gunicorn==9.9 'setuptools<81'\n"
    told = reproducer(
        CELL, replace(planning.plan("gunicorn"), version="9.9"), THERE, Segmentation.WHOLE, reference_app_sources()
    )
    assert told.server.startswith(wanted)


def test_an_app_of_a_framework_says_how_that_is_had() -> None:
    plan = replace(planning.plan("gunicorn"), app="gauntlet_apps.frameworks.django_app:application")
    told = reproducer(CELL, plan, THERE, Segmentation.WHOLE, reference_app_sources(), needs="Django")
    assert told.server.startswith("# Needs: python3 -m pip install Django\nPYTHONPATH=. python3 -m gunicorn ")
    assert told.files["app.py"].startswith(
        '"""What http/framing/odd uses of wsgi-gauntlet\'s app for Django; serve it as app:application."""\n'
    )
    plain = made("gunicorn")
    assert "Needs: " not in plain.server
    assert "wsgi-gauntlet's reference app;" in plain.files["app.py"]


def test_a_flask_app_is_one() -> None:
    assert "from flask import Flask" in made("flask").files["app.py"]


def test_a_front_and_the_server_behind_it() -> None:
    told = made("nginx+gunicorn")
    first, last = told.server.splitlines()
    assert "gunicorn --bind 127.0.0.1:8001" in first
    assert first.endswith("&")
    assert "nginx" in last
    assert "listen 127.0.0.1:8000" in told.files["nginx.conf"]
    assert "proxy_pass http://127.0.0.1:8001" in told.files["nginx.conf"]


def test_what_the_case_sets_up_is_in_the_command() -> None:
    told = made("gunicorn:gthread", Setup(mount="/app", environment=(("A", "b c"),), threads=3, workers=2))
    for each in ("SCRIPT_NAME=/app ", "A='b c' ", "--threads 3", "--workers 2"):
        assert each in told.server


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
    told = reproducer(
        msgspec.structs.replace(CELL, case="own-app/page/length"),
        plan,
        THERE,
        Segmentation.WHOLE,
        reference_app_sources(),
    )
    assert told.files == {}
    assert told.server.endswith(" shop:site\n")


def test_a_case_about_the_server_needs_no_app_of_the_user_s() -> None:
    told = made("gunicorn", app="shop:site")
    assert "reference app" in told.files["app.py"]
    assert told.server.endswith(" app:application\n")
    assert "shop" not in told.server


def test_without_a_socket_there_is_none() -> None:
    told = made("gunicorn", there=Address(pipe_socket="/x"))
    assert "without a socket" in told.why_not


def test_it_can_be_written(tmp_path: Path) -> None:
    told = made("wsgiref")
    files = write(told, tmp_path / "new" / "one")
    assert sorted(each.name for each in files) == ["app.py", "requests.sh", "serve.py", "server.sh"]
    assert (tmp_path / "new" / "one" / "requests.sh").read_text() == told.requests
    assert write(Reproducer(why_not="no"), tmp_path / "other") == []
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="is a file; name a folder with --write"):
        write(told, tmp_path / "file")


def test_a_command_of_the_user_s_own() -> None:
    plan: Plan = planning.plan("mine", custom={"mine": "{python} -m mine --port {port} {app}"})
    told = reproducer(CELL, plan, THERE, Segmentation.WHOLE, reference_app_sources())
    assert told.server == "PYTHONPATH=. python3 -m mine --port 8000 app:application\n"
