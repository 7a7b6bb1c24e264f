"""Plans made of plans."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.load.experiments import comparison_plans
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.adapter import Installation, Settings
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.user_app import USER_APP_UNDER_LOAD

HERE = Installation(version="1", executable="/bin/true")


def plan(name: str) -> Plan:
    found = replace(planning.plan(name), found=HERE)
    return found if found.upstream is None else replace(found, upstream=replace(found.upstream, found=HERE))


@pytest.fixture
def everything_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "missing", lambda _plan: Installation())


@pytest.mark.usefixtures("everything_here")
def test_behind_a_front_the_server_is_what_it_was() -> None:
    served = replace(plan("gunicorn:sync[workers=2,unix]"), environment={"X": "1"}, host="::1")
    chain = comparison_plans.behind_front(served, "nginx:unix[static]")
    assert chain.name == "nginx:unix[static]+gunicorn:sync[workers=2,unix]"
    assert (chain.adapter.name, chain.variant, chain.settings.features) == ("nginx", "unix", frozenset({"static"}))
    assert chain.upstream is not None
    assert chain.upstream.settings.workers == 2
    assert not chain.upstream.unix
    assert (chain.environment, chain.host) == ({"X": "1"}, "::1")


def test_a_missing_front_is_an_error_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "missing", lambda _plan: Installation(why="no nginx", get="get nginx"))
    with pytest.raises(Unsupported, match=r"this scenario needs .*: no nginx; get it with: get nginx"):
        comparison_plans.behind_front(plan("waitress"), "nginx")


@pytest.mark.usefixtures("everything_here")
def test_the_same_app_is_flasks_where_flask_serves_it() -> None:
    assert comparison_plans.other_server(plan("werkzeug"), "waitress").app == planning.plan("werkzeug").app
    assert (
        comparison_plans.other_server(plan("flask"), "waitress").app
        == "gauntlet_apps.frameworks.flask_catch_all:application"
    )
    assert (
        comparison_plans.other_server(replace(plan("flask"), app=USER_APP_UNDER_LOAD), "waitress").app
        == "gauntlet_apps.user_app_flask:application"
    )


def test_another_server_that_nobody_knows_is_unsupported() -> None:
    with pytest.raises(Unsupported, match="no server is named 'nowhere'"):
        comparison_plans.other_server(plan("flask"), "nowhere")


def test_workers_are_a_setting() -> None:
    assert comparison_plans.with_workers(plan("gunicorn"), 4).settings == Settings(workers=4)
