"""The environment of servers: nothing of it changes what they do."""

from __future__ import annotations

import pytest

from wsgi_gauntlet.harness.server.process.environment import server_environment


@pytest.mark.parametrize(
    "name",
    [
        "COVERAGE_PROCESS_START",
        "EVENTLET_HUB",
        "FLASK_DEBUG",
        "WSGI_GAUNTLET_EVENTS",
        "GEVENT_RESOLVER",
        "GUNICORN_CMD_ARGS",
        "HTTPS_PROXY",
        "LISTEN_FDS",
        "PORT",
        "PYTHONSTARTUP",
        "PYTHONWARNINGS",
        "SCRIPT_NAME",
        "UWSGI_PROCESSES",
        "WEB_CONCURRENCY",
        "WERKZEUG_RUN_MAIN",
        "http_proxy",
    ],
)
def test_variables_that_change_servers_are_left_out(name: str) -> None:
    assert name not in server_environment({name: "x"}, path=[], temporary="/t", added={})


def test_the_rest_of_the_users_environment_stays() -> None:
    kept = {"HOME": "/home/u", "PATH": "/bin", "LANG": "C.UTF-8", "TZ": "UTC", "LD_LIBRARY_PATH": "/l"}
    assert kept.items() <= server_environment(kept, path=[], temporary="/t", added={}).items()


def test_paths_are_set_whatever_they_were_and_what_is_added_wins() -> None:
    made = server_environment(
        {"PYTHONPATH": "/mine", "TMPDIR": "/big", "A": "1"},
        path=["/a", "/b"],
        temporary="/t",
        added={"A": "2", "WSGI_GAUNTLET_NONCE": "n"},
    )
    assert made == {
        "A": "2",
        "WSGI_GAUNTLET_NONCE": "n",
        "PYTHONPATH": "/a:/b",
        "PYTHONUNBUFFERED": "1",
        "TMPDIR": "/t",
    }
