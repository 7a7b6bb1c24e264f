"""Connections of healthy users, beside thousands of others."""

import os
import resource
import socket

import trio

from wsgi_gauntlet.harness.http.http_connection import HttpConnection, has_input
from wsgi_gauntlet.harness.load.clients.connection_budget import reserve_connections

from ....helpers.socket_servers import always, serving

HIGH = 1500
"""Above FD_SETSIZE, 1,024, which is all that select() knows of."""


async def test_what_there_is_to_read_is_seen_on_a_high_descriptor_too() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    reserve_connections(HIGH)
    low, other = socket.socketpair()
    try:
        with trio.socket.fromfd(os.dup2(low.fileno(), HIGH), low.family, low.type) as high:
            assert not has_input(high)
            other.send(b"x")
            assert has_input(high)
            assert await high.recv(1) == b"x"
            assert not has_input(high)
            other.close()
            assert has_input(high)
    finally:
        low.close()
        os.close(HIGH)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_the_response_to_head_has_no_body_to_wait_for() -> None:
    with serving(always(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")) as address, trio.fail_after(60):
        connection = await HttpConnection.open(address)
        try:
            response = await connection.send_request(b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        finally:
            connection.close()
    assert (response.complete, response.status, response.body) == (True, 200, b"")
