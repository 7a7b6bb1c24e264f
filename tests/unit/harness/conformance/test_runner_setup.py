"""What a case's setup makes of a server's plan, and of a chain's two halves."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest

from wsgi_gauntlet.harness.conformance.runner import apply_setup
from wsgi_gauntlet.harness.errors import Unsupported
from wsgi_gauntlet.harness.model import Setup
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.remote import remote_server
from wsgi_gauntlet.harness.server.remote.proof import VerifiedAddress
from wsgi_gauntlet.harness.server.remote.target import parse_target

DEPLOYED = (("THE_APP_CONFIGURATION", "x"),)


def plan(name: str) -> Plan:
    return planning.plan(name, python=sys.executable)


def behind(plan: Plan) -> Plan:
    assert plan.upstream is not None
    return plan.upstream


def test_a_plain_setup_changes_nothing() -> None:
    for name in ("gunicorn[tls,workers=2]", "nginx[tls]+gunicorn[tls]"):
        assert apply_setup(plan(name), Setup()) == plan(name)


def test_a_server_gets_all_of_it() -> None:
    made = apply_setup(plan("gunicorn"), Setup(tls=True, deployed=DEPLOYED, mount="/x", workers=3))
    assert made.settings == replace(made.settings, tls=True, deployed=DEPLOYED, mount="/x", workers=3)


def test_tls_ends_at_the_front_and_variables_are_for_the_server_behind() -> None:
    made = apply_setup(plan("nginx+gunicorn"), Setup(tls=True, deployed=DEPLOYED, mount="/x"))
    assert (made.settings.tls, made.settings.deployed, made.settings.mount) == (True, (), "/x")
    server = behind(made).settings
    assert (server.tls, server.deployed, server.mount) == (False, DEPLOYED, "/x")


def test_tls_behind_the_front_stays_where_the_user_asked_for_it() -> None:
    made = apply_setup(plan("nginx+gunicorn[tls]"), Setup(tls=True))
    assert (made.settings.tls, behind(made).settings.tls) == (True, True)


def test_a_server_gets_the_address() -> None:
    assert apply_setup(plan("gunicorn"), Setup(host="127.0.0.1")).host == "127.0.0.1"


def test_an_address_that_the_machine_has_not_is_unsupported() -> None:
    with pytest.raises(Unsupported, match=r"no address 192\.0\.2\.1"):
        apply_setup(plan("gunicorn"), Setup(host="192.0.2.1"))


def test_a_front_keeps_its_address() -> None:
    with pytest.raises(Unsupported, match="without the proxy"):
        apply_setup(plan("nginx+gunicorn"), Setup(host="::1"))


def test_a_front_is_reached_over_tcp() -> None:
    with pytest.raises(Unsupported, match="over TCP"):
        apply_setup(plan("nginx+gunicorn"), Setup(unix=True))


@pytest.mark.parametrize(
    ("setup", "need"),
    [
        (Setup(threads=4, tls=True), "4 thread(s) in each worker, TLS with the certificate of the harness"),
        (Setup(workers=2), "2 worker(s)"),
        (Setup(mount="/x"), "the app mounted at /x"),
        (Setup(unix=True), "a Unix socket"),
        (Setup(host="::1"), "the address ::1"),
        (Setup(environment=DEPLOYED), "variables in the environment of its process"),
        (Setup(deployed=DEPLOYED), "variables that its configuration puts into environ"),
        (Setup(app="gauntlet_apps.frameworks.flask_app:application"), "frameworks.flask_app in place of the test app"),
    ],
)
def test_a_target_stays_as_it_runs(setup: Setup, need: str) -> None:
    target = remote_server.target_plan(parse_target("http://127.0.0.1:1"), VerifiedAddress("127.0.0.1", 1), "token")
    assert apply_setup(target, Setup()) == target
    assert apply_setup(target, Setup(alone=True)) == target
    with pytest.raises(Unsupported) as raised:
        apply_setup(target, setup)
    assert str(raised.value) == f"somebody else started this server, and the case needs {need}"
