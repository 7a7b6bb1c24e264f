"""The user's own app behind the control paths: plans, and the paths that go where."""

from __future__ import annotations

from pathlib import Path

from wsgi_gauntlet.harness import planning
from wsgi_gauntlet.harness.launch import patience
from wsgi_gauntlet.harness.launching.ownapp import (
    BESIDE,
    CONTROL,
    FOLDER,
    HEADER,
    OWN,
    VARIABLE,
    behind_control,
    beside_reference,
    control,
    own_app,
    without_own,
)
from wsgi_gauntlet.suites.apps import control as app_side


def test_both_sides_have_the_same_words() -> None:
    assert (app_side.CONTROL, app_side.VARIABLE, app_side.FOLDER) == (CONTROL, VARIABLE, FOLDER)
    source = Path(app_side.__file__).with_name("user_app_header.py").read_text(encoding="utf-8")
    assert f'ASKED = "HTTP_{HEADER.upper().replace("-", "_")}"' in source


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


def test_a_plan_of_the_users_app_serves_it_beside_the_reference_app() -> None:
    plan = beside_reference(planning.plan("nginx+waitress", app="shop:app"))
    assert plan.upstream is not None
    assert (plan.app, plan.upstream.app, plan.upstream.environment) == (BESIDE, BESIDE, {VARIABLE: "shop:app"})
    assert (control(plan.app), own_app(plan)) == ("", "shop:app")
    assert beside_reference(plan) == plan


def test_without_it_nothing_of_the_users_app_is_left() -> None:
    plan = planning.plan("nginx+waitress", app="shop:app", app_path=Path("/shop"))
    for each in (plan, beside_reference(plan), behind_control(plan)):
        assert without_own(each) == planning.plan("nginx+waitress")


def test_a_server_with_the_users_app_has_longer_to_start() -> None:
    own, reference = planning.plan("nginx+waitress", app="shop:app"), planning.plan("nginx+waitress")
    assert patience(beside_reference(own)) == patience(behind_control(own)) > patience(reference)
