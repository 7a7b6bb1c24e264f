"""After a restart the users expect what the server answers now, and not what it answered before."""

from __future__ import annotations

import socket
from typing import cast

import pytest
import trio

from wsgi_gauntlet.harness.errors import PageError
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load.clients.healthy_users import HealthyUsers, PageView
from wsgi_gauntlet.harness.load.clients.slow_clients import SlowClients
from wsgi_gauntlet.harness.load.context import ScenarioContext
from wsgi_gauntlet.harness.load.experiments.traffic_timeline import TrafficTimeline
from wsgi_gauntlet.harness.load.parameters import Parameters
from wsgi_gauntlet.harness.load.workload import UserAppPage, Workload
from wsgi_gauntlet.harness.model import Outcome
from wsgi_gauntlet.harness.server.server_under_test import ServerUnderTest

from .....helpers.socket_servers import answer, requests, serving


class Server:
    """A server that does not respond until its restart. Then each page is `after`."""

    def __init__(self, after: bytes) -> None:
        self.after = after
        self.restarted = False
        self.address = Address("127.0.0.1", 1)

    def behave(self, conn: socket.socket, _number: int) -> None:
        for _ in requests(conn):
            conn.sendall(answer(self.after if self.restarted else b""))

    async def restart(self) -> None:
        self.restarted = True


class Context:
    """What the timeline needs of its scenario. It learns `page` again, or raises PageError without one."""

    started_here = True

    def __init__(self, page: UserAppPage | None) -> None:
        self.page = page
        self.learned = 0

    async def workload(self, _running: object, *, learn_again: bool) -> Workload:
        assert learn_again
        self.learned += 1
        if self.page is None:
            raise PageError("/ returns 500")
        return self.page


class NoSlowClients:
    address: Address

    def release(self) -> None:
        """Do nothing."""


OLD, NEW = UserAppPage("/", 200, b"start 1", 7), UserAppPage("/", 200, b"start 2", 7)


@pytest.mark.parametrize(
    ("after", "learned_page", "learned", "expected"),
    [(OLD, NEW, 0, OLD), (NEW, NEW, 1, NEW), (NEW, None, 1, OLD)],
    ids=["the same page", "another page", "a page that cannot be learned"],
)
async def test_a_page_that_a_restart_changes_is_learned_again(
    after: UserAppPage, learned_page: UserAppPage | None, learned: int, expected: UserAppPage
) -> None:
    assert after.body is not None
    server, context, slow_clients = Server(after.body), Context(learned_page), NoSlowClients()
    with serving(server.behave) as address:
        server.address = address
        users = HealthyUsers(Address("127.0.0.1", 1), PageView(0, 0, 0), workload=OLD)
        traffic = TrafficTimeline(
            cast("ScenarioContext[Parameters]", context),
            cast("ServerUnderTest", server),
            users,
            cast("SlowClients", slow_clients),
            1.0,
            OLD,
            lambda _fraction, _activity: None,
        )
        with trio.fail_after(60):
            await traffic.restore_service(patience=0.05)
        assert context.learned == learned
        assert traffic.workload is expected
        assert slow_clients.address == users.address == address
        if expected is after:
            assert await users._attempt_page(0, keep=False) is Outcome.OK
