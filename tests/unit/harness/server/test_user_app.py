"""The user's own app behind the control paths: plans, and the paths that go where."""

from __future__ import annotations

from pathlib import Path

from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.instance import start_timeout
from wsgi_gauntlet.harness.server.user_app import (
    CONTROL_PREFIX,
    USER_APP_FOLDER_VARIABLE,
    USER_APP_HEADER,
    USER_APP_IN_CHECKS,
    USER_APP_UNDER_LOAD,
    USER_APP_VARIABLE,
    control_prefix,
    plan_with_control_paths,
    plan_with_reference_app,
    user_app_of,
    without_user_app,
)
from wsgi_gauntlet.suites.testapp.core import user_app_loader as app_side


def test_both_sides_have_the_same_words() -> None:
    assert (app_side.CONTROL_PREFIX, app_side.USER_APP_VARIABLE, app_side.USER_APP_FOLDER_VARIABLE) == (
        CONTROL_PREFIX,
        USER_APP_VARIABLE,
        USER_APP_FOLDER_VARIABLE,
    )
    source = Path(app_side.__file__).with_name("user_app_choice.py").read_text(encoding="utf-8")
    assert f'ASKED = "HTTP_{USER_APP_HEADER.upper().replace("-", "_")}"' in source


def test_a_plan_of_the_users_app_serves_it_behind_control() -> None:
    plan = plan_with_control_paths(planning.plan("waitress", app="shop:app"))
    assert plan.app == USER_APP_UNDER_LOAD
    assert plan.environment == {USER_APP_VARIABLE: "shop:app"}
    assert control_prefix(plan.app) == CONTROL_PREFIX
    assert user_app_of(plan) == "shop:app"
    assert plan_with_control_paths(plan) == plan


def test_behind_a_front_it_is_the_server_that_serves_it() -> None:
    plan = plan_with_control_paths(planning.plan("nginx+waitress", app="shop:app"))
    assert plan.upstream is not None
    assert (plan.app, plan.upstream.app) == (USER_APP_UNDER_LOAD, USER_APP_UNDER_LOAD)
    assert plan.upstream.environment == {USER_APP_VARIABLE: "shop:app"}


def test_the_reference_app_stays_as_it_is() -> None:
    plan = planning.plan("waitress")
    assert plan_with_control_paths(plan) is plan
    assert control_prefix(plan.app) == user_app_of(plan) == ""


def test_a_plan_of_the_users_app_serves_it_beside_the_reference_app() -> None:
    plan = plan_with_reference_app(planning.plan("nginx+waitress", app="shop:app"))
    assert plan.upstream is not None
    assert (plan.app, plan.upstream.app, plan.upstream.environment) == (
        USER_APP_IN_CHECKS,
        USER_APP_IN_CHECKS,
        {USER_APP_VARIABLE: "shop:app"},
    )
    assert (control_prefix(plan.app), user_app_of(plan)) == ("", "shop:app")
    assert plan_with_reference_app(plan) == plan


def test_without_it_nothing_of_the_users_app_is_left() -> None:
    plan = planning.plan("nginx+waitress", app="shop:app", app_path=Path("/shop"))
    for each in (plan, plan_with_reference_app(plan), plan_with_control_paths(plan)):
        assert without_user_app(each) == planning.plan("nginx+waitress")


def test_a_server_with_the_users_app_has_longer_to_start() -> None:
    own, reference = planning.plan("nginx+waitress", app="shop:app"), planning.plan("nginx+waitress")
    assert (
        start_timeout(plan_with_reference_app(own))
        == start_timeout(plan_with_control_paths(own))
        > start_timeout(reference)
    )
