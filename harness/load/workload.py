"""What healthy users ask for, and which answer is right.

Of the reference app it is a page that begins with a number used once, so that an answer meant for somebody else shows.
Of an app of the user's own it is one page, whose right answer is learned before anything is measured.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import trio

from wsgi_gauntlet.harness.errors import ConfigurationError, PageError, ServerError, Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.http_connection import HttpConnection, page_outcome, page_request
from wsgi_gauntlet.harness.http.parser import Response
from wsgi_gauntlet.harness.model import Outcome
from wsgi_gauntlet.harness.server.user_app import CONTROL_PREFIX

RESPONSE_TIMEOUT_SECONDS = 10.0
"""Seconds in which a server must answer a single request when nobody else asks."""

CROSS_TALK_NOT_DETECTABLE = (
    "whether an answer was meant for another request: all requests are the same, and so are their answers"
)
"""What a lane cannot see of a page without a mark."""

RECHECK_DELAY_SECONDS = 1.1
"""Seconds before a page is asked for the last time while it is learned: a clock in it that shows seconds has moved."""

_REQUEST_TARGET = re.compile(r"/[!-\"$-~]*")
"""A path with or without a query, as it stands in a request: visible ASCII, no fragment."""


class Workload(Protocol):
    """What is asked. `nonce` and `size` are for pages that are made to order."""

    @property
    def has_requested_size(self) -> bool:
        """Say whether the answer has the size that is asked for."""

    @property
    def conditions(self) -> Mapping[str, object]:
        """What a reader of the figures must know of it."""

    def request(self, address: Address, nonce: str, size: int, *, keep: bool) -> bytes:
        """Return the bytes to send."""

    def outcome(self, response: Response, nonce: str, size: int) -> Outcome:
        """Say whether `answer` is right."""


@dataclass(frozen=True)
class ReferencePage:
    """A page of the reference app, whose paths begin with `mount`."""

    mount: str = ""
    has_requested_size: bool = True
    conditions: Mapping[str, object] = field(default_factory=dict)

    def request(self, address: Address, nonce: str, size: int, *, keep: bool) -> bytes:
        """Ask for a page of `size` bytes that begins with `nonce`."""
        return page_request(address, self.mount, nonce, size, keep=keep)

    def outcome(self, response: Response, nonce: str, size: int) -> Outcome:
        """Say whether it is that page."""
        return page_outcome(response, nonce, size)


@dataclass(frozen=True)
class UserAppPage:
    """A page of the user's app. `body` is None where it is not the same each time: then status and completeness count.

    Of a very long answer `body` is the beginning, and `length` tells of all of it.
    """

    target: str
    status: int = 200
    body: bytes | None = None
    length: int = 0
    has_requested_size: bool = False

    @property
    def conditions(self) -> Mapping[str, object]:
        """Say which page it is and what was held to be right."""
        checked = f"{self.length} bytes compared" if self.body is not None else "body differs each time, not compared"
        return {"page": self.target, "right answer": f"{self.status}, complete, {checked}"}

    def request(self, address: Address, nonce: str, size: int, *, keep: bool) -> bytes:  # noqa: ARG002 - one page
        """Ask for the page as a browser does."""
        return (
            f"GET {self.target} HTTP/1.1\r\nHost: {address.authority}\r\nUser-Agent: wsgi-gauntlet\r\n"
            f"Accept: */*\r\nConnection: {'keep-alive' if keep else 'close'}\r\n\r\n"
        ).encode("ascii")

    def outcome(self, response: Response, nonce: str, size: int) -> Outcome:  # noqa: ARG002 - one page
        """Say whether it is the answer that was learned."""
        if response.status != self.status or not response.complete:
            return Outcome.ERROR
        same = self.body is None or (response.length == self.length and response.body == self.body)
        return Outcome.OK if same else Outcome.WRONG


class UnexpectedResponse(Exception):
    """The server's answer is not the page asked for, so its speed means nothing; the message says what came."""


@dataclass(frozen=True)
class VerifiedRequest:
    """One request for lanes, that is asked again and again, and the answer that is the only right one.

    `mark` is in both, where there is one: then each request has its own, and so has its answer.
    """

    request: bytes
    body: bytes
    status: int = 200
    mark: bytes = b""

    @property
    def limitations(self) -> Mapping[str, object]:
        """Say what nobody can see in the answers."""
        return {} if self.mark else {"not checked": CROSS_TALK_NOT_DETECTABLE}


async def verify_request(
    address: Address, workload: Workload, nonce: str, size: int, *, keep: bool = True
) -> VerifiedRequest:
    """Return what a lane asks for and compares with, over kept connections or not, once an answer was right.

    Raises UnexpectedResponse where it is not, Unsupported where answers differ from each other.
    """
    if isinstance(workload, UserAppPage) and workload.body is None:
        raise Unsupported(
            f"answers are compared byte for byte at this speed, and those to {workload.target} differ each time: "
            "name another page with --path"
        )
    request = workload.request(address, nonce, size, keep=keep)
    received = "nothing"
    with trio.move_on_after(RESPONSE_TIMEOUT_SECONDS):
        try:
            response = await _fetch(address, request)
        except OSError as error:
            received = f"nothing but {error}"
        else:
            if response.length > len(response.body):
                raise Unsupported(f"an answer of {response.length} bytes is too long to be compared at this speed")
            if workload.outcome(response, nonce, size) is Outcome.OK:
                mark = nonce.encode("ascii") if workload.has_requested_size else b""
                return VerifiedRequest(
                    request, response.body, response.status or 200, mark if mark in response.body else b""
                )
            received = response.describe()
    asked = f"a page of {size} bytes" if workload.has_requested_size else str(workload.conditions.get("page"))
    raise UnexpectedResponse(
        f"Asked for {asked}, alone and with {RESPONSE_TIMEOUT_SECONDS:g} s of patience, the server gave {received}; "
        f"before "
        "that is right its speed means nothing: `wsgi-gauntlet check` shows more."
    )


def validated_path(path: str) -> str:
    """Return the page of --path as it goes into a request. Raises ConfigurationError for what is no path."""
    if not _REQUEST_TARGET.fullmatch(path):
        raise ConfigurationError(
            f"--path {path!r} is no path: it begins with /, as /shop?page=2, and has no blanks, no fragment and "
            "nothing but ASCII (percent-encode the rest)"
        )
    if path.partition("?")[0].rstrip("/").startswith(CONTROL_PREFIX):
        raise ConfigurationError(f"--path {path}: what is below {CONTROL_PREFIX} is the harness's own, never the app's")
    return path


def user_app_page(app: str | None, path: str | None) -> str:
    """Return the page of the user app, `/` if the user names none.

    Raises ConfigurationError if `path` is not a path, or if there is no user app.
    """
    if path is None:
        return "/"
    if not app:
        raise ConfigurationError("--app-path needs --app: name the app that has the page")
    return validated_path(path)


async def learn_expected_response(address: Address, target: str) -> UserAppPage:
    """Ask for `target` three times, the last time a second later, and return what the right answer is.

    Raises PageError where it is neither 2xx nor 3xx, or not whole, ServerError where none comes in time, OSError.
    """
    responses: list[Response] = []
    for wait in (0.0, 0.0, RECHECK_DELAY_SECONDS):
        await trio.sleep(wait)
        with trio.move_on_after(RESPONSE_TIMEOUT_SECONDS) as limit:
            request = UserAppPage(target).request(address, "", 0, keep=False)
            responses.append(await _fetch(address, request))
        if limit.cancelled_caught:
            raise ServerError(
                f"{target} was not answered within {RESPONSE_TIMEOUT_SECONDS:g} s: name a quicker page with --path"
            )
        _require_usable(responses[-1], target)
    first = responses[0]
    if any(each.status != first.status for each in responses):
        statuses = ", ".join(str(each.status) for each in responses)
        raise PageError(f"{target} gives {statuses} by turns: name a page that answers the same each time with --path")
    same = all(each.length == first.length and each.body == first.body for each in responses)
    return UserAppPage(target, first.status or 200, first.body if same else None, first.length)


def _require_usable(response: Response, target: str) -> None:
    if response.status is None or not 200 <= response.status < 400:
        hint = "; the app may take no requests for this host" if response.status == 400 else ""
        gives = str(response.status) if response.status is not None else response.describe()
        raise PageError(f"{target} gives {gives}: name a page with --path{hint}")
    if not response.complete:
        raise PageError(f"{target} gives {response.describe()}, which is not whole: name another page with --path")


async def _fetch(address: Address, request: bytes) -> Response:
    connection = await HttpConnection.open(address)
    try:
        return await connection.send_request(request)
    finally:
        connection.close()
