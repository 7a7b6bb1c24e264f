"""Decide to which servers a claim applies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from wsgi_gauntlet.harness.load.catalog import Scenario, server_scenario_pairs
from wsgi_gauntlet.harness.load.parameters import Parameters
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.adapter import Installation
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.suites.load.claims import applicability


def plan(name: str) -> Plan:
    return replace(planning.plan(name), found=Installation(version="1", executable="/bin/true"))


@pytest.mark.parametrize(
    ("rule", "name", "why"),
    [
        (applicability.reason_not_proxyable, "waitress", ""),
        (applicability.reason_not_proxyable, "waitress[tls]", "https"),
        (applicability.reason_not_proxyable, "nginx+waitress", "name it alone"),
        (applicability.reason_not_proxyable, "werkzeug:in-process", "no socket"),
        (applicability.reason_not_uwsgi, "uwsgi", ""),
        (applicability.reason_not_uwsgi, "gunicorn", "about uWSGI"),
        (applicability.reason_not_development_server, "flask", ""),
        (applicability.reason_not_development_server, "werkzeug:single", ""),
        (applicability.reason_not_development_server, "gunicorn", "development server"),
        (applicability.reason_not_prefork, "gunicorn:gthread", ""),
        (applicability.reason_not_prefork, "uwsgi", ""),
        (applicability.reason_not_prefork, "waitress", "number of its workers cannot be set"),
        (applicability.reason_not_prefork, "nginx+gunicorn", "name it alone"),
    ],
)
def test_a_claim_applies_to_some_servers(rule: Callable[[Plan], str], name: str, why: str) -> None:
    reason = rule(plan(name))
    assert (why in reason) if why else not reason


def test_unsuitable_servers_are_left_out_unless_there_are_no_others() -> None:
    async def run(_ctx: object) -> None: ...

    values = (Parameters(), Parameters())
    found = Scenario("claims/x", "", "", run, *values, unsuitable_reason=applicability.reason_not_uwsgi)  # type: ignore[arg-type]
    for_all = Scenario("steady", "", "", run, *values)  # type: ignore[arg-type]
    uwsgi, waitress = plan("uwsgi"), plan("waitress")
    pairs = [(server.name, each.id) for server, each in server_scenario_pairs([found, for_all], [uwsgi, waitress])]
    assert pairs == [("uwsgi", "claims/x"), ("uwsgi", "steady"), ("waitress", "steady")]
    assert [server.name for server, _ in server_scenario_pairs([found], [waitress])] == ["waitress"]
