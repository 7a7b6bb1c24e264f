"""The page that healthy users and generators request, and its correct response; traffic_workload.py has several pages.

A page of the test app begins with a nonce, so that a response to another request is detected. A user app has one page,
whose correct response is learned before the measurement.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, overload

import msgspec
import trio

from wsgi_gauntlet.harness.errors import PageError, ServerError, Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.http_connection import HttpConnection, page_outcome, page_request
from wsgi_gauntlet.harness.http.parser import Response
from wsgi_gauntlet.harness.load.traffic_workload import SEE_CHECK, TrafficWorkload
from wsgi_gauntlet.harness.load.unexpected_response import UnexpectedResponse
from wsgi_gauntlet.harness.load.verified_traffic import VerifiedTraffic
from wsgi_gauntlet.harness.model import Outcome

RESPONSE_TIMEOUT_SECONDS = 10.0
"""Seconds in which a server must answer a single request while it is idle."""

CROSS_TALK_NOT_DETECTABLE = (
    "whether a response belongs to another request: all requests are the same, and so are their responses"
)
"""The check that a generator cannot do on a page without a mark."""

RECHECK_DELAY_SECONDS = 1.1
"""Seconds before the last request while a page is learned, so that a clock of the page that shows seconds changes."""


class Workload(Protocol):
    """The requests of a scenario and their correct responses. `nonce` and `size` apply to pages of the test app."""

    @property
    def has_requested_size(self) -> bool:
        """Whether the response has the requested size."""

    @property
    def conditions(self) -> Mapping[str, object]:
        """The conditions that a reader of the figures must know."""

    def request(self, address: Address, nonce: str, size: int, *, keep: bool) -> bytes:
        """Return the bytes of a request."""

    def outcome(self, response: Response, nonce: str, size: int) -> Outcome:
        """Return whether `response` is correct."""


@dataclass(frozen=True)
class ReferencePage:
    """A page of the test app, whose paths begin with `mount`."""

    mount: str = ""
    has_requested_size: bool = True
    conditions: Mapping[str, object] = field(default_factory=dict)

    def request(self, address: Address, nonce: str, size: int, *, keep: bool) -> bytes:
        """Return the request for a page of `size` bytes that begins with `nonce`."""
        return page_request(address, self.mount, nonce, size, keep=keep)

    def outcome(self, response: Response, nonce: str, size: int) -> Outcome:
        """Return whether the response is this page."""
        return page_outcome(response, nonce, size)


@dataclass(frozen=True)
class UserAppPage:
    """A page of the user app. `body` is None if it differs each time; then only status and completeness are checked.

    Of a very long response `body` is only the beginning; `length` is always complete.
    """

    target: str
    status: int = 200
    body: bytes | None = None
    length: int = 0
    has_requested_size: bool = False

    @property
    def caveat(self) -> str:
        """What a reader must know of the page, '' for nothing."""
        if not 300 <= self.status < 400:
            return ""
        return (
            f"{self.target} returns {self.status}, a redirect, which users do not follow: the figures are those of the "
            "redirect alone; --app-path names the page behind it, and --traffic follows redirects"
        )

    @property
    def conditions(self) -> Mapping[str, object]:
        """The page and its correct response."""
        checked = f"{self.length} bytes compared" if self.body is not None else "body differs each time, not compared"
        return {"page": self.target, "correct response": f"{self.status}, complete, {checked}"}

    def contains(self, text: bytes) -> bool:
        """Say whether the body that is compared contains `text`."""
        return self.body is not None and text in self.body

    def request(self, address: Address, nonce: str, size: int, *, keep: bool) -> bytes:  # noqa: ARG002 - one page
        """Return the request for the page, as a browser sends it."""
        return (
            f"GET {self.target} HTTP/1.1\r\nHost: {address.authority}\r\nUser-Agent: wsgi-gauntlet\r\n"
            f"Accept: */*\r\nConnection: {'keep-alive' if keep else 'close'}\r\n\r\n"
        ).encode("ascii")

    def outcome(self, response: Response, nonce: str, size: int) -> Outcome:  # noqa: ARG002 - one page
        """Return whether the response is the one that was learned."""
        if response.status != self.status or not response.complete:
            return Outcome.ERROR
        same = self.body is None or (response.length == self.length and response.body == self.body)
        return Outcome.OK if same else Outcome.WRONG


class VerifiedRequest(msgspec.Struct, frozen=True, tag=True):
    """The request that a generator repeats, and the status and body of its only correct response.

    A `mark` is part of the request and of the body; the generator replaces it in each request (request_marks.py).
    """

    request: bytes
    body: bytes
    status: int = 200
    mark: bytes = b""

    @property
    def limitations(self) -> Mapping[str, object]:
        """The conditions that name what cannot be checked."""
        return {} if self.mark else {"not checked": CROSS_TALK_NOT_DETECTABLE}


VerifiedPage = VerifiedRequest | VerifiedTraffic
"""What a generator can send: one page again and again, or the visits of users."""


@overload
async def verify_request(
    address: Address, workload: ReferencePage | UserAppPage, nonce: str, size: int, *, keep: bool = True
) -> VerifiedRequest: ...


@overload
async def verify_request(
    address: Address, workload: Workload, nonce: str, size: int, *, keep: bool = True
) -> VerifiedPage: ...


async def verify_request(
    address: Address, workload: Workload, nonce: str, size: int, *, keep: bool = True
) -> VerifiedPage:
    """Send the request of a generator once, and return it with its response. `keep` requests keep-alive.

    Of traffic this is the first request of a visit; the others were learned. Raises UnexpectedResponse if the response
    is not correct, Unsupported if responses cannot be compared.
    """
    if isinstance(workload, UserAppPage) and workload.body is None:
        raise Unsupported(
            f"a generator compares responses byte for byte, but those of {workload.target} differ each time: use "
            "another page with --app-path"
        )
    request = workload.request(address, nonce, size, keep=keep)
    received = "no response"
    with trio.move_on_after(RESPONSE_TIMEOUT_SECONDS):
        try:
            response = await _fetch(address, request)
        except OSError as error:
            received = f"no response but {error}"
        else:
            if response.length > len(response.body) and not isinstance(workload, TrafficWorkload):
                raise Unsupported(
                    f"a response of {response.length} bytes is too long for a generator to compare: use a smaller page"
                )
            if workload.outcome(response, nonce, size) is Outcome.OK:
                if isinstance(workload, TrafficWorkload):
                    return workload.verified(keep=keep)
                mark = nonce.encode("ascii") if workload.has_requested_size else b""
                return VerifiedRequest(
                    request, response.body, response.status or 200, mark if mark in response.body else b""
                )
            received = response.describe()
    page = f"a page of {size} bytes" if workload.has_requested_size else str(workload.conditions.get("page"))
    more = "`wsgi-gauntlet check` shows more"
    if isinstance(workload, TrafficWorkload):
        page, more = f"{workload.probe_name} of {workload.source}", SEE_CHECK
    raise UnexpectedResponse(
        f"The server did not answer one request for {page} correctly within {RESPONSE_TIMEOUT_SECONDS:g} s: it sent "
        f"{received}. The speed of wrong responses means nothing; {more}."
    )


async def learn_expected_response(address: Address, target: str) -> UserAppPage:
    """Request `target` three times, the last time a second later, and return the page with its correct response.

    Raises PageError if a response is neither 2xx nor 3xx, or incomplete; ServerError if none arrives in time; OSError.
    """
    responses: list[Response] = []
    for wait in (0.0, 0.0, RECHECK_DELAY_SECONDS):
        await trio.sleep(wait)
        with trio.move_on_after(RESPONSE_TIMEOUT_SECONDS) as limit:
            request = UserAppPage(target).request(address, "", 0, keep=False)
            responses.append(await _fetch(address, request))
        if limit.cancelled_caught:
            raise ServerError(
                f"{target} was not answered within {RESPONSE_TIMEOUT_SECONDS:g} s: use a faster page with --app-path"
            )
        _require_usable(responses[-1], target)
    first = responses[0]
    if any(each.status != first.status for each in responses):
        statuses = ", ".join(str(each.status) for each in responses)
        raise PageError(
            f"{target} returns the statuses {statuses} in turn: use a page with a constant status with --app-path"
        )
    same = all(each.length == first.length and each.body == first.body for each in responses)
    return UserAppPage(target, first.status or 200, first.body if same else None, first.length)


def _require_usable(response: Response, target: str) -> None:
    if response.status is None or not 200 <= response.status < 400:
        hint = "; the app may reject requests for this host" if response.status == 400 else ""
        returned = str(response.status) if response.status is not None else response.describe()
        raise PageError(f"{target} returns {returned}: use another page with --app-path{hint}")
    if not response.complete:
        raise PageError(
            f"{target} returns an incomplete response, {response.describe()}: use another page with --app-path"
        )


async def _fetch(address: Address, request: bytes) -> Response:
    connection = await HttpConnection.open(address)
    try:
        return await connection.send_request(request)
    finally:
        connection.close()
