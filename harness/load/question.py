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

from ..address import Address
from ..errors import BadConfiguration, NoSuchPage, ServerTrouble, Unsupported
from ..launching.ownapp import CONTROL
from ..model import Outcome
from ..response import Response
from .clients.link import Link, outcome_of, page_request

PATIENCE = 10.0
"""Seconds in which a server must answer a single request when nobody else asks."""

UNCHECKED = "whether an answer was meant for another request: all requests are the same, and so are their answers"
"""What a lane cannot see of a page without a mark."""

LATER = 1.1
"""Seconds before a page is asked for the last time while it is learned: a clock in it that shows seconds has moved."""

_TARGET = re.compile(r"/[!-\"$-~]*")
"""A path with or without a query, as it stands in a request: visible ASCII, no fragment."""


class Question(Protocol):
    """What is asked. `nonce` and `size` are for pages that are made to order."""

    @property
    def made_to_order(self) -> bool:
        """Say whether the answer has the size that is asked for."""

    @property
    def told(self) -> Mapping[str, object]:
        """What a reader of the figures must know of it."""

    def request(self, address: Address, nonce: str, size: int, *, keep: bool) -> bytes:
        """Return the bytes to send."""

    def outcome(self, answer: Response, nonce: str, size: int) -> Outcome:
        """Say whether `answer` is right."""


@dataclass(frozen=True)
class ReferencePage:
    """A page of the reference app, whose paths begin with `mount`."""

    mount: str = ""
    made_to_order: bool = True
    told: Mapping[str, object] = field(default_factory=dict)

    def request(self, address: Address, nonce: str, size: int, *, keep: bool) -> bytes:
        """Ask for a page of `size` bytes that begins with `nonce`."""
        return page_request(address, self.mount, nonce, size, keep=keep)

    def outcome(self, answer: Response, nonce: str, size: int) -> Outcome:
        """Say whether it is that page."""
        return outcome_of(answer, nonce, size)


@dataclass(frozen=True)
class OwnPage:
    """A page of the user's app. `body` is None where it is not the same each time: then status and completeness count.

    Of a very long answer `body` is the beginning, and `length` tells of all of it.
    """

    target: str
    status: int = 200
    body: bytes | None = None
    length: int = 0
    made_to_order: bool = False

    @property
    def told(self) -> Mapping[str, object]:
        """Say which page it is and what was held to be right."""
        checked = f"{self.length} bytes compared" if self.body is not None else "body differs each time, not compared"
        return {"page": self.target, "right answer": f"{self.status}, complete, {checked}"}

    def request(self, address: Address, nonce: str, size: int, *, keep: bool) -> bytes:  # noqa: ARG002 - one page
        """Ask for the page as a browser does."""
        return (
            f"GET {self.target} HTTP/1.1\r\nHost: {address.authority}\r\nUser-Agent: wsgi-gauntlet\r\n"
            f"Accept: */*\r\nConnection: {'keep-alive' if keep else 'close'}\r\n\r\n"
        ).encode("ascii")

    def outcome(self, answer: Response, nonce: str, size: int) -> Outcome:  # noqa: ARG002 - one page
        """Say whether it is the answer that was learned."""
        if answer.status != self.status or not answer.complete:
            return Outcome.ERROR
        same = self.body is None or (answer.length == self.length and answer.body == self.body)
        return Outcome.OK if same else Outcome.WRONG


class NotChecked(Exception):
    """The server's answer is not the page asked for, so its speed means nothing; the message says what came."""


@dataclass(frozen=True)
class Page:
    """One request for lanes, that is asked again and again, and the answer that is the only right one.

    `mark` is in both, where there is one: then each request has its own, and so has its answer.
    """

    request: bytes
    body: bytes
    status: int = 200
    mark: bytes = b""

    @property
    def unchecked(self) -> Mapping[str, object]:
        """Say what nobody can see in the answers."""
        return {} if self.mark else {"not checked": UNCHECKED}


async def checked_page(address: Address, question: Question, nonce: str, size: int, *, keep: bool = True) -> Page:
    """Return what a lane asks for and compares with, over kept connections or not, once an answer was right.

    Raises NotChecked where it is not, Unsupported where answers differ from each other.
    """
    if isinstance(question, OwnPage) and question.body is None:
        raise Unsupported(
            f"answers are compared byte for byte at this speed, and those to {question.target} differ each time: "
            "name another page with --path"
        )
    request = question.request(address, nonce, size, keep=keep)
    came = "nothing"
    with trio.move_on_after(PATIENCE):
        try:
            answer = await _answer(address, request)
        except OSError as error:
            came = f"nothing but {error}"
        else:
            if answer.length > len(answer.body):
                raise Unsupported(f"an answer of {answer.length} bytes is too long to be compared at this speed")
            if question.outcome(answer, nonce, size) is Outcome.OK:
                mark = nonce.encode("ascii") if question.made_to_order else b""
                return Page(request, answer.body, answer.status or 200, mark if mark in answer.body else b"")
            came = answer.describe()
    asked = f"a page of {size} bytes" if question.made_to_order else str(question.told.get("page"))
    raise NotChecked(
        f"Asked for {asked}, alone and with {PATIENCE:g} s of patience, the server gave {came}; before "
        "that is right its speed means nothing: `wsgi-gauntlet check` shows more."
    )


def checked_path(path: str) -> str:
    """Return the page of --path as it goes into a request. Raises BadConfiguration for what is no path."""
    if not _TARGET.fullmatch(path):
        raise BadConfiguration(
            f"--path {path!r} is no path: it begins with /, as /shop?page=2, and has no blanks, no fragment and "
            "nothing but ASCII (percent-encode the rest)"
        )
    if path.partition("?")[0].rstrip("/").startswith(CONTROL):
        raise BadConfiguration(f"--path {path}: what is below {CONTROL} is the harness's own, never the app's")
    return path


async def learned(address: Address, target: str) -> OwnPage:
    """Ask for `target` three times, the last time a second later, and return what the right answer is.

    Raises NoSuchPage where it is neither 2xx nor 3xx, or not whole, ServerTrouble where none comes in time, OSError.
    """
    answers: list[Response] = []
    for wait in (0.0, 0.0, LATER):
        await trio.sleep(wait)
        with trio.move_on_after(PATIENCE) as limit:
            request = OwnPage(target).request(address, "", 0, keep=False)
            answers.append(await _answer(address, request))
        if limit.cancelled_caught:
            raise ServerTrouble(f"{target} was not answered within {PATIENCE:g} s: name a quicker page with --path")
        _require_good(answers[-1], target)
    first = answers[0]
    if any(each.status != first.status for each in answers):
        statuses = ", ".join(str(each.status) for each in answers)
        raise NoSuchPage(f"{target} gives {statuses} by turns: name a page that answers the same each time with --path")
    same = all(each.length == first.length and each.body == first.body for each in answers)
    return OwnPage(target, first.status or 200, first.body if same else None, first.length)


def _require_good(answer: Response, target: str) -> None:
    if answer.status is None or not 200 <= answer.status < 400:
        hint = "; the app may take no requests for this host" if answer.status == 400 else ""
        gives = str(answer.status) if answer.status is not None else answer.describe()
        raise NoSuchPage(f"{target} gives {gives}: name a page with --path{hint}")
    if not answer.complete:
        raise NoSuchPage(f"{target} gives {answer.describe()}, which is not whole: name another page with --path")


async def _answer(address: Address, request: bytes) -> Response:
    link = await Link.open(address)
    try:
        return await link.ask(request)
    finally:
        link.close()
