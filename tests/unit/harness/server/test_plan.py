"""Plans: their launches before the start, and the reasons why an adapter cannot start them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.errors import NotInstalled, Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server import planning
from wsgi_gauntlet.harness.server.adapter import Installation, Protocol, start_command
from wsgi_gauntlet.harness.server.remote.proof import VerifiedAddress
from wsgi_gauntlet.harness.server.remote.remote_server import target_plan
from wsgi_gauntlet.harness.server.remote.target import Target


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("waitress", ""),
        ("waitress[tls]", "waitress speaks no TLS of its own"),
        ("gunicorn:sync[threads=4]", "gunicorn's sync worker has one thread"),
        ("nginx+waitress[tls]", "waitress speaks no TLS of its own"),
        ("nginx[threads=2]+waitress", "nginx has no option for threads"),
        ("nginx:uwsgi_pass+waitress", "waitress does not speak uwsgi"),
        ("wsgiref:in-process[tls]", "wsgiref:in-process has no socket, so it has no TLS"),
        ("wsgiref:in-process[unix]", "wsgiref:in-process has no socket, so it has no Unix socket"),
        ("nginx+wsgiref:in-process", "no socket that the proxy could connect to"),
        ("meinheld", "meinheld cannot be started: its last version"),
    ],
)
def test_the_reason_names_the_missing_option(name: str, reason: str) -> None:
    found = planning.plan(name).unsupported_reason()
    assert reason in found
    assert bool(found) == bool(reason)


def test_launches_have_neither_port_nor_folder_before_the_start() -> None:
    (server, behind), (proxy, front) = planning.plan("nginx:unix+waitress").planned_launches()
    assert (server.name, proxy.name) == ("waitress", "nginx")
    assert behind.address == front.upstream == Address(path="http.sock")
    assert (front.address.port, front.folder, front.upstream_protocol) == (0, Path(), Protocol.HTTP)


def test_an_adapter_of_an_older_version_may_still_raise_in_command() -> None:
    from wsgi_gauntlet.adapters import Adapter, Command, Launch, reject_unsupported

    class Old(Adapter):
        name = title = "old"

        def command(self, launch: Launch) -> Command:
            reject_unsupported("old", backlog=launch.settings.backlog)
            return Command(("old",))

    plan = replace(planning.plan("waitress"), adapter=Old())
    assert not plan.unsupported_reason()
    with_backlog = replace(plan, settings=replace(plan.settings, backlog=9))
    assert with_backlog.unsupported_reason() == "old has no option for backlog"
    with pytest.raises(Unsupported, match="old has no option for backlog"):
        start_command(*with_backlog.planned_launches()[0])


def test_a_target_has_no_command() -> None:
    plan = target_plan(Target("127.0.0.1", 8000), VerifiedAddress(port=8000), "token")
    with pytest.raises(Unsupported, match="target cannot be started: somebody else starts it"):
        start_command(plan.adapter, plan.launch(Address(port=8000)))


def test_a_server_that_is_not_installed_is_not_started() -> None:
    plan = replace(planning.plan("waitress"), found=Installation(why="it is missing", get="get it"))
    with pytest.raises(NotInstalled, match="waitress: it is missing; get it with: get it"):
        plan.require_installed()
