"""Which servers a statement is about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from wsgi_gauntlet.harness import planning
from wsgi_gauntlet.harness.adapter import Found
from wsgi_gauntlet.harness.catalog import Scenario, pairings
from wsgi_gauntlet.harness.launching.plan import Plan
from wsgi_gauntlet.suites.load.folklore import about


def plan(name: str) -> Plan:
    return replace(planning.plan(name), found=Found(version="1", executable="/bin/true"))


@pytest.mark.parametrize(
    ("rule", "name", "why"),
    [
        (about.not_for_nginx, "waitress", ""),
        (about.not_for_nginx, "waitress[tls]", "https"),
        (about.not_for_nginx, "nginx+waitress", "name it alone"),
        (about.not_for_nginx, "werkzeug:in-process", "no socket"),
        (about.not_uwsgi, "uwsgi", ""),
        (about.not_uwsgi, "gunicorn", "about uWSGI"),
        (about.not_development, "flask", ""),
        (about.not_development, "werkzeug:single", ""),
        (about.not_development, "gunicorn", "for development"),
        (about.not_prefork, "gunicorn:gthread", ""),
        (about.not_prefork, "uwsgi", ""),
        (about.not_prefork, "waitress", "no number of workers to set"),
        (about.not_prefork, "nginx+gunicorn", "name it alone"),
    ],
)
def test_what_a_statement_is_about(rule: Callable[[Plan], str], name: str, why: str) -> None:
    said = rule(plan(name))
    assert (why in said) if why else not said


def test_servers_that_it_is_not_for_are_left_out_unless_there_are_no_others() -> None:
    async def run(_arena: object) -> None: ...

    found = Scenario("folklore/x", "", "", run, {}, {}, unfit=about.not_uwsgi)  # type: ignore[arg-type]
    for_all = Scenario("steady", "", "", run, {}, {})  # type: ignore[arg-type]
    uwsgi, waitress = plan("uwsgi"), plan("waitress")
    told = [(server.name, each.id) for server, each in pairings([found, for_all], [uwsgi, waitress])]
    assert told == [("uwsgi", "folklore/x"), ("uwsgi", "steady"), ("waitress", "steady")]
    assert [server.name for server, _ in pairings([found], [waitress])] == ["waitress"]
