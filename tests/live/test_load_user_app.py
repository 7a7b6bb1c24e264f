"""The user's own app under load, behind the control paths, on servers that find an app in different ways."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from wsgi_gauntlet.harness import registry, session
from wsgi_gauntlet.harness.config import Configuration
from wsgi_gauntlet.harness.errors import ConfigurationError, PageError
from wsgi_gauntlet.harness.events import ignore_event
from wsgi_gauntlet.harness.load import runner
from wsgi_gauntlet.harness.load import workload as workload_module
from wsgi_gauntlet.harness.model import Grade, ScenarioResult
from wsgi_gauntlet.harness.server import instance, planning
from wsgi_gauntlet.harness.server.user_app import CONTROL_PREFIX, plan_with_control_paths

from ..helpers.preloaded_program import run_preloaded
from ..helpers.requirements import installed, module
from ..helpers.scenario_runs import make_context, require_right_answers

pytestmark = pytest.mark.live

SHOP = """
import itertools
import time

from flask import Flask, redirect

app = Flask(__name__)
count = itertools.count()

@app.before_request
def wait(): time.sleep(0.02)

@app.route("/")
def home(): return "<h1>shop</h1>"

@app.route("/counter")
def counter(): return f"visit {next(count):06d}"

@app.route("/old")
def old(): return redirect("/")

@app.route("/broken")
def broken(): raise ValueError

@app.route("/moody")
def moody(): return ("", 204) if next(count) % 2 else "here"

def create_app(): return app

def plain(environ, start_response):
    assert not environ["PATH_INFO"].startswith("/gauntlet-control")
    time.sleep(0.02)
    body = environ["PATH_INFO"].encode() + b"?" + environ["QUERY_STRING"].encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""
"""It waits, so that a closed loop does not compute all the time."""


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    module("flask")
    with TemporaryDirectory(prefix="g-") as name:
        (Path(name) / "shop.py").write_text(SHOP)
        monkeypatch.chdir(name)
        monkeypatch.setattr(workload_module, "RECHECK_DELAY_SECONDS", 0.05)
        yield Path(name)


def measured(folder: Path, server: str, app: str, page: str = "/") -> ScenarioResult:
    installed(planning.plan(server))
    call = session.RunOptions(
        servers=(server,),
        scenarios=("throughput",),
        app=app,
        out=folder / "out",
        load_options=runner.LoadOptions(clients=2, duration=0.5, page=page),
    )
    results, _, code = session.run(call, Configuration(), ignore_event)
    (cell,) = results.load
    assert code in (0, 2, 3), cell.note  # 2 is a run in which nothing could be judged
    return cell


@pytest.mark.parametrize("server", ["waitress", "flask", "werkzeug", "gunicorn:gthread", "nginx+uwsgi"])
def test_servers_serve_it_and_users_ask_for_it(folder: Path, server: str) -> None:
    cell = measured(folder, server, "shop:app")
    assert cell.grade in (Grade.MEASURED, Grade.INVALID)
    require_right_answers(cell)
    assert cell.conditions["app"] == "shop:app"
    assert cell.conditions["correct response"] == "200, complete, 13 bytes compared"


@pytest.mark.parametrize(
    ("app", "page", "right"),
    [
        ("shop:plain", "/a/b?c=d", "200, complete, 8 bytes compared"),
        ("shop:create_app()", "/", "200, complete, 13 bytes compared"),
        ("shop:app", "/old", "302, complete, 189 bytes compared"),
        ("shop:app.wsgi_app", "/", "200, complete, 13 bytes compared"),
    ],
)
def test_healthy_users_know_the_right_answer(folder: Path, app: str, page: str, right: str) -> None:
    cell = measured(folder, "waitress", app, page)
    require_right_answers(cell)
    assert (cell.conditions["page"], cell.conditions["correct response"]) == (page, right)


async def test_users_of_a_page_that_differs_each_time_among_slow_clients(folder: Path) -> None:
    plan = installed(planning.plan("waitress", app="shop:app", app_path=folder))
    scenario = registry.scenario("slow-headers/byte")
    short = {"clients": 2, "baseline": 0.5, "duration": 0.5, "recovery": 1, "budget": 1, "disconnect_wait": 0.1}
    doings: list[str] = []
    ctx = make_context(
        scenario, plan, folder, short, progress=lambda _fraction, doing: doings.append(doing), page="/counter"
    )
    cell = await scenario.run(ctx)
    assert cell.goodput is not None
    assert cell.goodput > 0.5
    assert cell.conditions["correct response"] == "200, complete, body differs each time, not compared"
    progress = re.compile(r"during: 2 slow clients, [\d.]+ % answered, p99 (≥ )?[\d.]+ m?s")
    assert any(map(progress.match, doings)), "\n".join(doings)


def test_what_differs_each_time_is_not_compared_at_speed(folder: Path) -> None:
    cell = measured(folder, "waitress", "shop:app", "/counter")
    assert cell.grade is Grade.UNSUPPORTED
    assert "differ each time" in cell.note


@pytest.mark.parametrize(
    ("page", "why"),
    [("/nope", "/nope returns 404"), ("/broken", "/broken returns 500"), ("/moody", "in turn")],
)
def test_an_app_that_answers_with_an_error_is_no_page_to_measure(folder: Path, page: str, why: str) -> None:
    with pytest.raises(PageError, match=why) as raised:
        measured(folder, "waitress", "shop:app", page)
    assert "--app-path" in str(raised.value)
    assert raised.value.exit_code == 2
    assert (folder / "out" / "report.html").exists()


def test_an_app_that_does_not_import_is_an_error_before_anything_starts(folder: Path) -> None:
    for app in ("shop:nope", "nope:app", "shop", "shop:nope()"):
        with pytest.raises(ConfigurationError, match="--app"):
            measured(folder, "waitress", app)


async def test_the_control_paths_are_where_the_harness_looks(folder: Path) -> None:
    plan = plan_with_control_paths(planning.plan("waitress", app="shop:plain", app_path=folder))
    async with instance.running(plan, scratch=folder, logs=folder, observe=False) as running:
        assert running.reference_app_path == CONTROL_PREFIX
        workload = await make_context("classroom", plan, folder, page="/x").workload(running)
    assert workload.conditions["page"] == "/x"


FILES = """
import time

MENU = open("menu.txt").read()

def app(environ, start_response):
    time.sleep(0.02)
    body = (MENU + open("menu.txt").read()).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


@pytest.mark.parametrize("server", ["waitress", "werkzeug", "gunicorn:gthread", "uwsgi"])
def test_an_app_opens_the_files_beside_it_and_nothing_else_comes_to_lie_there(folder: Path, server: str) -> None:
    (folder / "files.py").write_text(FILES)
    (folder / "menu.txt").write_text("soup\n")
    (folder / "gunicorn.conf.py").write_text("raise SystemExit('read')\n")
    before = {each.name for each in folder.iterdir()} | {"__pycache__", "out"}
    cell = measured(folder, server, "files:app")
    assert cell.conditions["correct response"] == "200, complete, 10 bytes compared"
    assert {each.name for each in folder.iterdir()} <= before


def test_an_app_is_found_by_the_user_s_pythonpath(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "src").mkdir()
    (folder / "shop.py").rename(folder / "src" / "stall.py")
    monkeypatch.setenv("PYTHONPATH", "src")
    assert measured(folder, "waitress", "stall:app").conditions["app"] == "stall:app"


def test_an_app_is_found_where_a_command_goes(folder: Path) -> None:
    installed(planning.plan("gunicorn"))
    (folder / "inner").mkdir()
    (folder / "shop.py").rename(folder / "inner" / "stall.py")
    call = session.RunOptions(
        command="{python} -m gunicorn --chdir inner --bind {host}:{port} {app}",
        scenarios=("throughput",),
        app="stall:app",
        out=folder / "out",
        load_options=runner.LoadOptions(clients=2, duration=0.5),
    )
    results, _, _ = session.run(call, Configuration(), ignore_event)
    assert results.load[0].conditions["correct response"] == "200, complete, 13 bytes compared"


def test_the_error_of_an_app_has_the_end_of_its_traceback(folder: Path) -> None:
    with pytest.raises(PageError, match=r"/broken returns 500: .*the server's log: .*shop.py.* \| ValueError"):
        measured(folder, "waitress", "shop:app", "/broken")


def test_a_page_without_a_response_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workload_module, "RESPONSE_TIMEOUT_SECONDS", 0.2)
    (folder / "slow.py").write_text("import time\ndef app(environ, start_response): time.sleep(60)\n")
    installed(planning.plan("waitress"))
    call = session.RunOptions(servers=("waitress",), scenarios=("throughput",), app="slow:app", out=folder / "out")
    results, _, code = session.run(call, Configuration(), ignore_event)
    assert code == 4
    assert results.servers["waitress"].why == "/ was not answered within 0.2 s: use a faster page with --app-path"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--app", "shop:app", "--path", "x"), "is not a path"),
        (("--app", "shop:app", "--path", "/a b"), "is not a path"),
        (("--app", "shop:app", "--path", "/a#b"), "is not a path"),
        (("--app", "shop:app", "--path", "/ä"), "percent-encode"),
        (("--app", "shop:app", "--app-path", f"{CONTROL_PREFIX}/page"), "belong to the harness"),
        (("--app-path", "/x"), "needs --app"),
    ],
)
def test_a_path_that_cannot_be_is_one_line(folder: Path, words: tuple[str, ...], why: str) -> None:
    done = run_preloaded(("load", "waitress", *words), folder, os.environ)
    assert done.returncode == 2
    assert why in done.stderr
    assert len(done.stderr.splitlines()) == 1
