"""The user's own app behind the control paths: plans, and the paths that go where."""

from __future__ import annotations

from wsgi_gauntlet.harness import planning
from wsgi_gauntlet.harness.launching.ownapp import CONTROL, OWN, VARIABLE, behind_control, control, own_app
from wsgi_gauntlet.suites.apps import control as app_side


def test_both_sides_have_the_same_words() -> None:
    assert (app_side.CONTROL, app_side.VARIABLE) == (CONTROL, VARIABLE)


def test_a_plan_of_the_users_app_serves_it_behind_control() -> None:
    plan = behind_control(planning.plan("waitress", app="shop:app"))
    assert plan.app == OWN
    assert plan.environment == {VARIABLE: "shop:app"}
    assert control(plan.app) == CONTROL
    assert own_app(plan) == "shop:app"
    assert behind_control(plan) == plan


def test_behind_a_front_it_is_the_server_that_serves_it() -> None:
    plan = behind_control(planning.plan("nginx+waitress", app="shop:app"))
    assert plan.upstream is not None
    assert (plan.app, plan.upstream.app) == (OWN, OWN)
    assert plan.upstream.environment == {VARIABLE: "shop:app"}


def test_the_reference_app_stays_as_it_is() -> None:
    plan = planning.plan("waitress")
    assert behind_control(plan) is plan
    assert control(plan.app) == own_app(plan) == ""
