"""Which settings a server is started with so that its time-outs can be seen."""

import pytest

from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.adapter import Settings
from wsgi_gauntlet.suites.load.slow_clients.short_timeouts import with_short_timeouts


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("gunicorn:sync", Settings(timeout=2, workers=14)),
        ("gunicorn:gthread", Settings(timeout=2, threads=14)),  # its keep-alive is 2 by default
        ("gunicorn:sync[timeout=5]", Settings(timeout=5, workers=14)),
        ("gunicorn:sync[workers=3]", Settings(timeout=2, workers=3)),
        ("waitress", Settings(keep_alive=2, threads=14)),
        ("werkzeug:single", Settings()),
        ("uwsgi", Settings(threads=14)),  # harakiri is off by default
        ("uwsgi:http", Settings(threads=14)),  # and its router has no option for its own time
        ("m0serve", Settings(timeout=2, keep_alive=2, threads=14)),  # for bodies alone
        ("tornado:threads", Settings(keep_alive=2, threads=14)),  # its time for bodies is off by default
        ("nginx+gunicorn:sync", Settings(timeout=2, keep_alive=2)),
        ("nginx+uwsgi", Settings(timeout=2, keep_alive=2)),
    ],
)
def test_what_can_be_set_is(name: str, settings: Settings) -> None:
    plan = planning.plan(name)
    found = with_short_timeouts(plan, 2, 14)
    assert found.settings == settings
    assert found.upstream == plan.upstream
    assert found.name == name


def test_time_outs_that_are_short_enough_stay() -> None:
    assert with_short_timeouts(planning.plan("waitress"), 86_400, 14).settings == Settings(threads=14)
