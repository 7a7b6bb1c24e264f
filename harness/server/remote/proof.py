"""The proof that a server which somebody else started may be loaded, and the only way to an address off this machine.

    we   GET {mount}/proof?c=<32 random bytes, hex>
    it   200   wsgi-gauntlet proof <HMAC-SHA256 of the challenge under the token, hex>

The token itself never travels. An answer from before is of no use, an echo is none, and a redirect is not followed. No
option turns this off. It does not show what stands between: a proxy in front of the reference app is loaded with it.
"""

from __future__ import annotations

import dataclasses
import errno
import hmac
import os
import re
import secrets
import socket
from dataclasses import dataclass, field
from typing import Any

import trio

from wsgi_gauntlet.harness.errors import TargetRefused
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.admission import AdmissionControl
from wsgi_gauntlet.harness.http.http_connection import HttpConnection
from wsgi_gauntlet.harness.http.parser import Response
from wsgi_gauntlet.harness.server.remote.target import Target

RESPONSE_TIMEOUT = 5.0
"""Seconds in which a target must prove itself; nobody loads it yet."""

MAX_ADDRESSES = 8
"""Addresses of one name that are asked at most."""

_PROOF = re.compile(rb"wsgi-gauntlet proof ([0-9a-f]{64})\n?")
_WRONG_PATH_BODY = b"this is the reference app of wsgi-gauntlet"
_NO_TOKEN_BODY = b"wsgi-gauntlet proof refused: GAUNTLET_TOKEN is not set"


@dataclass(frozen=True)
class VerifiedAddress(Address):
    """The address of a target that proved itself. Made in this module alone; `named` is what requests call the host."""

    named: str = ""
    guard: AdmissionControl | None = field(default=None, compare=False, repr=False)
    """Who watches it while it is loaded, see guard.py; None before and after."""

    @property
    def authority(self) -> str:
        """What belongs into the Host header."""
        return self.named or super().authority


class NoResponse(TargetRefused):
    """The target took the connection or the question and answered nothing in time."""


class Unreachable(TargetRefused):
    """Nobody takes a connection there."""


def address_fields(address: Address) -> dict[str, Any]:
    """Return the fields of `address` for another process of this run, without who watches it here."""
    return {each.name: getattr(address, each.name) for each in dataclasses.fields(address) if each.name != "guard"}


def address_from_fields(address: dict[str, Any]) -> Address:
    """Return the address whose fields another process of this run has told, after it was proved there."""
    return VerifiedAddress(**address) if "named" in address else Address(**address)


def require_token(token: str) -> str:
    """Return `token`. Raises TargetRefused where there is none."""
    if not token:
        raise TargetRefused(
            "a server that somebody else started is loaded only if it proves that it serves the reference app with "
            "your token: give that with --token or in GAUNTLET_TOKEN"
        )
    return token


async def resolve_and_verify(target: Target, token: str) -> VerifiedAddress:
    """Return the first address of `target` that proves itself; its name is resolved this once and never again.

    Raises TargetRefused with the reason, of each address where there are several; OutOfResources.
    """
    require_token(token)
    reasons: list[tuple[Address, str]] = []
    for address in await _addresses(target):
        try:
            return await verify(address, target, token)
        except TargetRefused as refused:
            reasons.append((address, str(refused)))
    if len({reason for _, reason in reasons}) == 1:
        raise TargetRefused(f"{target}: {reasons[0][1]}")
    reason_list = "; ".join(f"{address.host}: {reason}" for address, reason in reasons)
    raise TargetRefused(f"{target}: none of its addresses proved itself ({reason_list})")


async def verify(address: Address, target: Target, token: str) -> VerifiedAddress:
    """Return `address` as one that may be loaded, once it has proved itself. Raises TargetRefused with the reason."""
    named = VerifiedAddress(address.host, address.port, address.path, named=target.authority)
    challenge = secrets.token_hex(32)
    check_proof(await send_get(named, f"{target.mount}/proof?c={challenge}"), challenge, token)
    return named


def expected_proof(challenge: str, token: str) -> str:
    """Return what proves knowledge of `token` (see suites/testapp/behaviours/proof.py, the other end)."""
    return hmac.new(os.fsencode(token), b"wsgi-gauntlet proof " + challenge.encode("ascii"), "sha256").hexdigest()


def check_proof(response: Response, challenge: str, token: str) -> None:
    """Raise TargetRefused, with what came instead, unless `answer` proves knowledge of `token`."""
    if response.status is not None and 300 <= response.status < 400:
        to = next((value for name, value in response.headers if name.lower() == b"location"), b"")
        where = f" to {to[:200].decode('latin-1')!a}" if to else ""
        raise TargetRefused(
            f"it answers with a redirect{where} ({response.status}), which is not followed: name that server"
        )
    if response.status == 403 and response.body.startswith(_NO_TOKEN_BODY):
        raise TargetRefused("it serves the reference app without a token: start it with GAUNTLET_TOKEN set to yours")
    if response.status == 404 and response.body.startswith(_WRONG_PATH_BODY):
        raise TargetRefused("it is the reference app, but not below this path: write the prefix that leads to it")
    found = _PROOF.fullmatch(response.body) if response.status == 200 and response.complete else None
    if found is None:
        received = f"{response.describe()} {response.body[:40]!r}" if response.body else response.describe()
        raise TargetRefused(
            f"it is not the reference app ({received} came where the proof should): deploy "
            "wsgi_gauntlet.suites.testapp.standalone:application there, or what `wsgi-gauntlet target-app` prints"
        )
    if not hmac.compare_digest(found[1], expected_proof(challenge, token).encode("ascii")):
        raise TargetRefused("it serves the reference app with another token than yours")


async def send_get(address: Address, path: str) -> Response:
    """Return what `address` answers to GET `path`. Raises Silent, Unreachable; OutOfResources."""
    request = f"GET {path} HTTP/1.1\r\nHost: {address.authority}\r\nAccept: */*\r\nConnection: close\r\n\r\n"
    try:
        with trio.fail_after(RESPONSE_TIMEOUT):
            connection = await HttpConnection.open(address)
            try:
                return await connection.send_request(request.encode("ascii"))
            finally:
                connection.close()
    except trio.TooSlowError:
        raise NoResponse(f"it did not answer within {RESPONSE_TIMEOUT:g} s") from None
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        # A Unix socket whose queue is full says EAGAIN: somebody listens there.
        kind = NoResponse if error.errno == errno.EAGAIN else Unreachable
        raise kind(f"it cannot be reached: {reason}") from None


async def _addresses(target: Target) -> list[Address]:
    if target.path:
        return [Address(path=target.path)]
    try:
        with trio.fail_after(RESPONSE_TIMEOUT):
            found = await trio.socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except trio.TooSlowError:
        raise TargetRefused(f"{target}: looking up {target.host} took more than {RESPONSE_TIMEOUT:g} s") from None
    except (OSError, UnicodeError) as error:
        raise TargetRefused(f"{target}: {target.host} is the name of no host ({error})") from None
    hosts = dict.fromkeys(str(place[4][0]) for place in found)
    return [Address(host=each, port=target.port) for each in hosts][:MAX_ADDRESSES]
