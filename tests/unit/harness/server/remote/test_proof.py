"""Who may be loaded: only who answers the challenge with the token. Whatever could be mistaken for that is here."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

from wsgi_gauntlet.harness.errors import OutOfResources, TargetRefused
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load.context import require_loopback_or_verified
from wsgi_gauntlet.harness.server.remote import proof
from wsgi_gauntlet.harness.server.remote.proof import (
    NoResponse,
    VerifiedAddress,
    address_fields,
    address_from_fields,
    expected_proof,
    resolve_and_verify,
    verify,
)
from wsgi_gauntlet.harness.server.remote.target import Target
from wsgi_gauntlet.suites.testapp import standalone

from .....helpers.testapp_client import FakeServer, environ

TOKEN = "sesam-öffne-dich"

Answer = Callable[[bytes], bytes]


def ok(body: bytes, status: bytes = b"200 OK", more: bytes = b"") -> bytes:
    return b"HTTP/1.1 %b\r\n%bContent-Length: %d\r\n\r\n%b" % (status, more, len(body), body)


def right(head: bytes, token: str = TOKEN) -> bytes:
    found = re.search(rb"/proof\?c=([0-9a-f]{64}) ", head)
    assert found
    return ok(b"wsgi-gauntlet proof %b\n" % expected_proof(found[1].decode(), token).encode())


@asynccontextmanager
async def answering(answer: Answer, host: str = "127.0.0.1") -> AsyncIterator[Target]:
    async def serve(stream: trio.SocketStream) -> None:
        async with stream:
            head = b""
            while b"\r\n\r\n" not in head:
                piece = await stream.receive_some(65536)
                if not piece:
                    return
                head += piece
            await stream.send_all(answer(head))

    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host=host)
        nursery.start_soon(trio.serve_listeners, serve, listeners)
        yield Target(host, listeners[0].socket.getsockname()[1])
        nursery.cancel_scope.cancel()


async def why(answer: Answer, token: str = TOKEN) -> str:
    async with answering(answer) as target:
        with pytest.raises(TargetRefused) as raised:
            await resolve_and_verify(target, token)
    assert "\n" not in str(raised.value)
    assert token not in str(raised.value)
    return str(raised.value)


async def test_who_knows_the_token_is_proven() -> None:
    async with answering(right) as target:
        address = await resolve_and_verify(target, TOKEN)
    assert address == VerifiedAddress("127.0.0.1", target.port, named=f"127.0.0.1:{target.port}")


async def test_a_name_is_resolved_once_and_stands_in_the_host_header() -> None:
    heads: list[bytes] = []

    def answer(head: bytes) -> bytes:
        heads.append(head)
        return right(head)

    async with answering(answer) as target:
        named = Target("localhost", target.port)
        address = await resolve_and_verify(named, TOKEN)
        assert address.host == "127.0.0.1"
        await verify(address, named, TOKEN)
    assert all(b"\r\nHost: localhost:%d\r\n" % target.port in head for head in heads)
    assert address.authority == f"localhost:{target.port}"


async def test_each_challenge_is_new() -> None:
    heads: list[bytes] = []
    first: list[bytes] = []

    def replay(head: bytes) -> bytes:
        heads.append(head)
        first.append(right(head))
        return first[0]

    async with answering(replay) as target:
        await resolve_and_verify(target, TOKEN)
        with pytest.raises(TargetRefused, match="another token"):
            await resolve_and_verify(target, TOKEN)
    assert heads[0] != heads[1]


async def test_the_token_never_travels() -> None:
    heads: list[bytes] = []

    def answer(head: bytes) -> bytes:
        heads.append(head)
        return ok(b"")

    await why(answer, "plain-token")
    assert b"plain-token" not in heads[0]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda head: right(head, "other"), "another token than yours"),
        (lambda head: ok(head), "not the test app"),
        (lambda head: head, "not the test app"),
        (lambda head: ok(head.split()[1]), "not the test app"),
        (lambda _: ok(TOKEN.encode()), "not the test app"),
        (lambda _: ok(b"wsgi-gauntlet proof " + b"0" * 64), "another token than yours"),
        (lambda head: right(head).replace(b"200 OK", b"500 Oops"), "not the test app"),
        (lambda head: right(head).replace(b"200 OK", b"302 Found\r\nLocation: http://x/"), "redirect to 'http://x/'"),
        (lambda _: ok(b"", b"301 Moved"), r"redirect \(301\)"),
        (lambda head: right(head)[:-5], "not the test app"),
        (lambda head: right(head).replace(b"proof ", b"proof  "), "not the test app"),
        (lambda head: ok(b"<p>" + right(head).partition(b"\r\n\r\n")[2]), "not the test app"),
        (lambda _: ok(b"wsgi-gauntlet proof refused: WSGI_GAUNTLET_TOKEN is not set\n", b"403 No"), "without a token"),
        (lambda _: ok(b"this is the reference app of wsgi-gauntlet; ...", b"404 No"), "not below this path"),
        (lambda _: b"SSH-2.0-x\r\n", "not the test app"),
        (lambda _: b"", "not the test app"),
        (lambda _: ok(b"\x00\n\x1b[31m\r\n"), "not the test app"),
    ],
)
async def test_everything_else_is_refused(answer: Answer, reason: str) -> None:
    assert re.search(reason, await why(answer))


async def test_a_server_that_says_nothing_is_distinguished(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "RESPONSE_TIMEOUT", 0.05)
    listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listeners[0].socket.getsockname()[1]
    with pytest.raises(NoResponse, match=r"did not respond within 0\.05 s"):
        await verify(Address(port=port), Target("127.0.0.1", port), TOKEN)
    await listeners[0].aclose()
    with pytest.raises(TargetRefused, match="Connection refused"):
        await resolve_and_verify(Target("127.0.0.1", port), TOKEN)


async def test_no_such_host_and_no_such_socket(tmp_path: Path) -> None:
    with pytest.raises(TargetRefused, match="No such file"):
        await resolve_and_verify(Target(path=str(tmp_path / "x.sock")), TOKEN)
    with pytest.raises(TargetRefused, match="no host has the name"):
        await resolve_and_verify(Target("x" * 70 + ".invalid", 80), TOKEN)


async def test_a_name_that_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(*_a: object, **_k: object) -> None:
        await trio.sleep_forever()

    monkeypatch.setattr(trio.socket, "getaddrinfo", never)
    monkeypatch.setattr(proof, "RESPONSE_TIMEOUT", 0.01)
    with pytest.raises(TargetRefused, match=r"the look-up of box\.example took"):
        await resolve_and_verify(Target("box.example", 80), TOKEN)


async def test_without_a_token_nobody_is_asked() -> None:
    with pytest.raises(TargetRefused, match="WSGI_GAUNTLET_TOKEN"):
        await resolve_and_verify(Target("127.0.0.1", 1), "")


async def test_of_several_addresses_the_first_that_proves_itself_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    async with answering(right) as target:

        async def resolved(*_a: object, **_k: object) -> list[tuple[object, ...]]:
            hosts = ("127.0.0.9", "127.0.0.1", "127.0.0.8")
            return [(2, 1, 6, "", (host, target.port)) for host in (*hosts, *hosts)]

        monkeypatch.setattr(trio.socket, "getaddrinfo", resolved)
        named = Target("box.example", target.port)
        address = await resolve_and_verify(named, TOKEN)
        assert address.host == "127.0.0.1"
        with pytest.raises(TargetRefused, match=r"127\.0\.0\.9: it cannot be reached.*127\.0\.0\.1: .*another token"):
            await resolve_and_verify(named, "other")


async def test_our_own_shortage_is_not_the_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    async def exhausted(_address: Address) -> None:
        raise OutOfResources("no more open files")

    monkeypatch.setattr("wsgi_gauntlet.harness.server.remote.proof.HttpConnection.open", exhausted)
    with pytest.raises(OutOfResources):
        await resolve_and_verify(Target("127.0.0.1", 1), TOKEN)


# ---------------------------------------------------------------------- who makes such an address


def test_only_the_proof_makes_an_address_that_may_leave_this_machine() -> None:
    root = Path(__file__).parents[5]
    makers = [
        path.name
        for room in ("harness", "suites", "servers", "reports")
        for path in (root / room).rglob("*.py")
        if re.search(r"\bVerifiedAddress\(", re.sub(r"class VerifiedAddress\(", "", path.read_text()))
    ]
    assert makers == ["proof.py"]


def test_an_address_of_another_machine_needs_the_proof() -> None:
    with pytest.raises(TargetRefused):
        require_loopback_or_verified(Address("192.0.2.1", 80))
    require_loopback_or_verified(VerifiedAddress("192.0.2.1", 80))


def test_another_process_of_the_run_gets_all_fields() -> None:
    for address in (VerifiedAddress("192.0.2.1", 80, named="x:80"), Address("127.0.0.1", 80)):
        assert address_from_fields(address_fields(address)) == address


# ---------------------------------------------------------------------- the app's end


def served(path: str) -> tuple[str, bytes]:
    server = FakeServer()
    body = b"".join(standalone.application(environ(path), server.start_response))
    return server.status, body


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WSGI_GAUNTLET_TOKEN", TOKEN)


@pytest.mark.usefixtures("token")
def test_the_app_signs_a_challenge_and_nothing_else() -> None:
    challenge = "0f" * 32
    assert served(f"/proof?c={challenge}") == (
        "200 OK",
        f"wsgi-gauntlet proof {expected_proof(challenge, TOKEN)}\n".encode(),
    )
    for other in ("", "x", challenge[:-1], challenge + "0", challenge.upper()):
        assert served(f"/proof?c={other}")[0] == "400 Bad Request"


@pytest.mark.usefixtures("token")
def test_the_deployed_app_has_what_load_asks_for_and_nothing_else() -> None:
    assert served("/page?n=a&size=4") == ("200 OK", b"a\nws")
    assert served("/sink")[0] == "200 OK"
    for path in ("/", "/nonce", "/echo", "/exit", "/page-x", "*", ""):
        assert served(path)[0] == "404 Not Found"


def test_without_a_token_it_serves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WSGI_GAUNTLET_TOKEN", raising=False)
    for path in ("/page", "/sink", f"/proof?c={'0f' * 32}"):
        assert served(path)[0] == "403 Forbidden"
