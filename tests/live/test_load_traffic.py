"""`--traffic` in scenarios: a Flask app with a login on real servers, and an app that mixes up its users."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from wsgi_gauntlet.harness import session
from wsgi_gauntlet.harness.config import Configuration
from wsgi_gauntlet.harness.errors import PageError
from wsgi_gauntlet.harness.events import ignore_event
from wsgi_gauntlet.harness.load import runner, traffic_workload
from wsgi_gauntlet.harness.model import Grade, Outcome, ScenarioResult
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.traffic.model import Capture, FormBody, Sequence, Step, Traffic, ValueList

from ..helpers.requirements import installed, module
from ..helpers.scenario_runs import attempts, require_right_answers

pytestmark = pytest.mark.live

SHOP = """
import secrets
import time

from flask import Flask, redirect, request, session

app = Flask(__name__)
app.secret_key = "for tests"
last = ""

@app.before_request
def wait():
    time.sleep(0.01)  # in place of a closed loop that computes all the time

@app.get("/login")
def form():
    session["csrf"] = secrets.token_hex(8)
    return f'<html><form><input name="csrf" value="{session["csrf"]}"></form></html>'

@app.post("/login")
def login():
    global last
    if request.form["csrf"] != session["csrf"]:
        return "wrong token", 403
    last = session["name"] = request.form["name"]
    return redirect("/basket")

@app.get("/basket")
def basket(): return f"<html><h1>Basket of {session['name']}</h1></html>"

@app.get("/mixed")
def mixed(): return f"<html><h1>Basket of {last}</h1></html>"
"""

USERS = ValueList("user", ("name",), tuple((f"user-{number:03d}",) for number in range(100)))


def traffic(page: str = "/basket") -> Traffic:
    steps = (
        Step("form", "GET", "/login", captures=(Capture("csrf", 'name="csrf" value="([^"]*)"'),)),
        Step("login", "POST", "/login", body=FormBody((("name", "${user.name}"), ("csrf", "${csrf}"))), follow=True),
        Step("basket", "GET", page, contains=("Basket of ${user.name}",)),
    )
    return Traffic((Sequence("buy", steps),), (USERS,), "/home/me/shop.toml")


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    module("flask")
    with TemporaryDirectory(prefix="g-") as name:
        (Path(name) / "shop.py").write_text(SHOP)
        monkeypatch.chdir(name)
        monkeypatch.setattr(traffic_workload, "RELEARN_DELAY_SECONDS", 0.05)
        yield Path(name)


def measured(folder: Path, server: str, scenario: str, requests: Traffic, **options: float) -> ScenarioResult:
    installed(planning.plan(server))
    call = session.RunOptions(
        servers=(server,),
        scenarios=(scenario,),
        app="shop:app",
        out=folder / "out",
        load_options=runner.LoadOptions(
            clients=2, duration=0.5, traffic=requests, other_parameters={k: str(v) for k, v in options.items()}
        ),
    )
    results, _, code = session.run(call, Configuration(), ignore_event)
    (cell,) = results.load
    assert code in (0, 1, 2, 3), cell.note
    assert results.environment["traffic"] == "shop.toml"
    return cell


@pytest.mark.parametrize("server", ["waitress", "gunicorn:sync", "nginx+gunicorn:gthread"])
def test_a_closed_loop_of_visits(folder: Path, server: str) -> None:
    cell = measured(folder, server, "throughput", traffic())
    assert cell.grade in (Grade.MEASURED, Grade.INVALID)
    require_right_answers(cell)
    assert [each.name for each in cell.traffic] == ["buy: form", "buy: login", "buy: basket"]
    assert all(each.ok and each.p99 and not each.failed for each in cell.traffic)
    assert cell.conditions["traffic"] == "shop.toml: 3 requests in 1 sequence"
    assert "not checked" not in cell.conditions


def test_users_of_an_app_that_mixes_them_up_get_wrong_pages(folder: Path) -> None:
    for _ in attempts():  # on a busy machine the two users may not meet
        cell = measured(folder, "waitress", "throughput", traffic("/mixed"))
        wrong = sum(each.outcomes[Outcome.WRONG] for each in cell.phases)
        if wrong:
            break
    assert wrong
    assert any("buy: basket: the page of another user: it has user.name 'user-" in each for each in cell.caveats)
    assert [each.name for each in cell.traffic if each.failed] == ["buy: basket"]


def test_healthy_users_visit_among_slow_clients(folder: Path) -> None:
    cell = measured(
        folder, "waitress", "slow-headers/byte", traffic(), baseline=0.5, recovery=1, budget=1, disconnect_wait=0.1
    )
    baseline = next(each for each in cell.phases if each.name == "baseline")
    assert baseline.outcomes[Outcome.OK] == baseline.scheduled > 0
    assert cell.conditions["traffic"] == "shop.toml: 3 requests in 1 sequence"


def test_traffic_that_the_app_rejects_ends_the_run_with_its_step(folder: Path) -> None:
    with pytest.raises(PageError, match=r"buy: basket: status 404 .*`wsgi-gauntlet traffic check` shows each request"):
        measured(folder, "waitress", "throughput", traffic("/no-such-page"))
