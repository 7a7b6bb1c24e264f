"""Which clients the server has read, from lines of /proc/net/tcp and from a real connection."""

from __future__ import annotations

import socket

from wsgi_gauntlet.harness.load.probes.read_requests import parse_read_clients, read_clients

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"


def line(here: int, there: int, unread: int, inode: int) -> str:
    return f"   1: 0100007F:{here:04X} 0100007F:{there:04X} 01 00000000:{unread:08X} 00:00000000 0 0 0 {inode} 1 0"


def test_a_request_is_read_if_it_is_accepted_and_nothing_is_left() -> None:
    lines = [
        HEAD,
        line(80, 5001, 0, 7),
        line(80, 5002, 10, 7),  # bytes wait
        line(80, 5003, 0, 0),  # nobody accepted it
        line(5004, 80, 0, 7),  # the client's end
        line(81, 5005, 0, 7),  # another server
        line(80, 0, 0, 7),  # the listener
        "garbage",
    ]
    assert parse_read_clients(lines, 80) == {5001}


def test_a_real_connection_is_read_only_after_its_bytes_are() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client:
            client.sendall(b"x")
            own = client.getsockname()[1]
            assert read_clients(port, [own]) == set()
            accepted, _ = listener.accept()
            with accepted:
                accepted.recv(1, socket.MSG_PEEK)
                assert read_clients(port, [own]) == set()
                accepted.recv(1)
                assert read_clients(port, [own]) == {own}
                assert read_clients(port, []) == set()
