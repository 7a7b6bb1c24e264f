"""Who listens at an address: another server is another socket."""

from __future__ import annotations

import socket
import struct
from pathlib import Path

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server.remote.listeners import listeners, parse_listeners


def at(port: int) -> Address:
    return Address("127.0.0.1", port)


def test_the_next_server_on_a_port_is_another() -> None:
    with socket.create_server(("127.0.0.1", 0)) as first:
        port = first.getsockname()[1]
        before = listeners(at(port))
        assert before == listeners(at(port))
        assert len(before) == 1
    assert listeners(at(port)) == frozenset()
    with socket.create_server(("127.0.0.1", port)):
        assert len(listeners(at(port))) == 1
        assert listeners(at(port)) != before


def test_one_that_listens_everywhere_is_seen_too() -> None:
    with socket.create_server(("0.0.0.0", 0)) as server:
        assert listeners(at(server.getsockname()[1]))


def test_the_next_server_on_a_unix_socket_is_another(tmp_path: Path) -> None:
    path = tmp_path / "s"
    seen = []
    for _ in range(2):
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
            seen.append(listeners(Address(path=str(path))))
        path.unlink()
    assert seen[0] != seen[1]
    assert listeners(Address(path=str(path))) == frozenset()


def test_nobody_sees_who_listens_on_other_machines() -> None:
    assert listeners(Address("192.0.2.1", 80)) == frozenset()


def test_a_dump_ends_with_any_other_message_and_no_garbage_breaks_it() -> None:
    body = struct.pack("=BBBB", 2, 10, 0, 0) + struct.pack("!H", 8000) + bytes(62) + struct.pack("=L", 77)
    one = struct.pack("=LHHLL", 16 + len(body), 20, 2, 1, 0) + body
    done = struct.pack("=LHHLL", 20, 3, 2, 1, 0) + bytes(4)
    assert parse_listeners(one + one) == ([(8000, 77), (8000, 77)], False)
    assert parse_listeners(one + done) == ([(8000, 77)], True)
    assert parse_listeners(one[:40]) == ([], True)
    assert parse_listeners(struct.pack("=LHHLL", 0, 20, 0, 0, 0)) == ([], True)
    assert parse_listeners(b"") == ([], False)
