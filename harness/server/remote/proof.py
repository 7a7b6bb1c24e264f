"""The proof that a remote server may be loaded. There is no other way to an address off this machine.

    harness   GET {mount}/proof?c=<32 random bytes, hex>
    target    200   wsgi-gauntlet proof <HMAC-SHA256 of the challenge under the token, hex>

The token itself is never sent. An old response or an echo is no proof, and redirects are not followed. No option turns
this off. The proof says nothing about other programs on the way: a proxy in front of the test app is loaded too.
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

import msgspec
import trio

from wsgi_gauntlet.harness.errors import TargetRefused
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.admission import AdmissionControl
from wsgi_gauntlet.harness.http.http_connection import HttpConnection
from wsgi_gauntlet.harness.http.parser import Response
from wsgi_gauntlet.harness.http.request import get_request
from wsgi_gauntlet.harness.server.remote.target import Target

RESPONSE_TIMEOUT = 5.0
"""Seconds in which a target must prove itself; there is no load yet."""

MAX_ADDRESSES = 8
"""Addresses of one name that are tried at most."""

_PROOF = re.compile(rb"wsgi-gauntlet proof ([0-9a-f]{64})\n?")
_WRONG_PATH_BODIES = (b"this is the test app of wsgi-gauntlet", b"this is the reference app of wsgi-gauntlet")
_NO_TOKEN_BODIES = (
    b"wsgi-gauntlet proof refused: WSGI_GAUNTLET_TOKEN is not set",
    b"wsgi-gauntlet proof refused: GAUNTLET_TOKEN is not set",
)
"""The second text of each comes from test apps of older versions, which may still be deployed."""


@dataclass(frozen=True)
class VerifiedAddress(Address):
    """The address of a target that proved itself. Only this module makes it; `named` is the Host of the user."""

    named: str = ""
    guard: AdmissionControl | None = field(default=None, compare=False, repr=False)
    """The watcher while the target is loaded, see guard.py; None before and after."""

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        return self.named or super().authority


class NoResponse(TargetRefused):
    """The target accepted the connection or the request and did not respond in time."""


class Unreachable(TargetRefused):
    """Nobody accepts a connection there."""


AddressField = str | int | bool | None
"""The type of a field of an address in a message."""


def address_fields(address: Address) -> dict[str, AddressField]:
    """Return the fields of `address` for another process of this run, without its watcher."""
    return {each.name: getattr(address, each.name) for each in dataclasses.fields(address) if each.name != "guard"}


def address_from_fields(fields: dict[str, AddressField]) -> Address:
    """Return the address with the fields from another process of this run, which verified it."""
    plain = msgspec.convert(fields, Address)
    return VerifiedAddress(**vars(plain), named=str(fields["named"])) if "named" in fields else plain


def require_token(token: str) -> str:
    """Return `token`. Raises TargetRefused if it is empty."""
    if not token:
        raise TargetRefused(
            "--target requires a token: the server must prove that it serves the test app with your token. Set --token "
            "or WSGI_GAUNTLET_TOKEN"
        )
    return token


async def resolve_and_verify(target: Target, token: str) -> VerifiedAddress:
    """Return the first address of `target` that proves itself. Its name is resolved only this once.

    Raises TargetRefused with the reason of each address, and OutOfResources.
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
    raise TargetRefused(f"{target}: no address of it proved itself ({reason_list})")


async def verify(address: Address, target: Target, token: str) -> VerifiedAddress:
    """Return `address` as one that may be loaded, after its proof. Raises TargetRefused with the reason."""
    named = VerifiedAddress(address.host, address.port, address.path, named=target.authority)
    challenge = secrets.token_hex(32)
    check_proof(await send_get(named, f"{target.mount}/proof?c={challenge}"), challenge, token)
    return named


def expected_proof(challenge: str, token: str) -> str:
    """Return the proof for `challenge` (suites/testapp/behaviours/proof.py is the other end)."""
    return hmac.new(os.fsencode(token), b"wsgi-gauntlet proof " + challenge.encode("ascii"), "sha256").hexdigest()


def check_proof(response: Response, challenge: str, token: str) -> None:
    """Raise TargetRefused, with what came instead, unless `response` proves knowledge of `token`."""
    if response.status is not None and 300 <= response.status < 400:
        to = next((value for name, value in response.headers if name.lower() == b"location"), b"")
        where = f" to {to[:200].decode('latin-1')!a}" if to else ""
        raise TargetRefused(
            f"its response is a redirect{where} ({response.status}), which is not followed: name that server"
        )
    if response.status == 403 and response.body.startswith(_NO_TOKEN_BODIES):
        raise TargetRefused("it serves the test app without a token: start it with WSGI_GAUNTLET_TOKEN set to yours")
    if response.status == 404 and response.body.startswith(_WRONG_PATH_BODIES):
        raise TargetRefused("it is the test app, but not below this path: add the prefix of the app to --target")
    found = _PROOF.fullmatch(response.body) if response.status == 200 and response.complete else None
    if found is None:
        received = f"{response.describe()} {response.body[:40]!r}" if response.body else response.describe()
        raise TargetRefused(
            f"it is not the test app ({received} came instead of the proof): deploy wsgi_gauntlet.target:application "
            "there, or the file that `wsgi-gauntlet target-app` prints"
        )
    if not hmac.compare_digest(found[1], expected_proof(challenge, token).encode("ascii")):
        raise TargetRefused("it serves the test app with another token than yours")


async def send_get(address: Address, path: str) -> Response:
    """Return the response of `address` to GET `path`. Raises NoResponse, Unreachable, OutOfResources."""
    request = get_request(address, path, "Accept: */*", "Connection: close")
    try:
        with trio.fail_after(RESPONSE_TIMEOUT):
            connection = await HttpConnection.open(address)
            try:
                return await connection.send_request(request)
            finally:
                connection.close()
    except trio.TooSlowError:
        raise NoResponse(f"it did not respond within {RESPONSE_TIMEOUT:g} s") from None
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        # A Unix socket with a full queue reports EAGAIN: somebody listens there.
        kind = NoResponse if error.errno == errno.EAGAIN else Unreachable
        raise kind(f"it cannot be reached: {reason}") from None


async def _addresses(target: Target) -> list[Address]:
    if target.path:
        return [Address(path=target.path)]
    try:
        with trio.fail_after(RESPONSE_TIMEOUT):
            found = await trio.socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except trio.TooSlowError:
        raise TargetRefused(f"{target}: the look-up of {target.host} took more than {RESPONSE_TIMEOUT:g} s") from None
    except (OSError, UnicodeError) as error:
        raise TargetRefused(f"{target}: no host has the name {target.host} ({error})") from None
    hosts = dict.fromkeys(str(place[4][0]) for place in found)
    return [Address(host=each, port=target.port) for each in hosts][:MAX_ADDRESSES]
