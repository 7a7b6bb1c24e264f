"""What tells a lane's requests apart: a mark that each of them has, and that its answer begins with.

All requests of a lane are made before it begins. They are the same but for the mark, and a request in flight has
another one than those before and beside it. So an answer that was meant for another request is not the right one:

    ... n=5f0c ...  -->  5f0c\\n wsgi-gauntlet ...     right
    ... n=5f0d ...  -->  5f0c\\n wsgi-gauntlet ...     another connection's, or the last one on this connection

The marks go round. Their number is prime, so that connections which take turns do not get the same ones each time.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable

from ...response import Framing, Response, ResponseParser

ANOTHERS = "the right answer to another request"
"""The trouble that cross-talk and stale answers are counted under."""

MARKS = 251
"""Of one lane: the chance that an answer meant for somebody else has the right mark is one in so many."""

FEWER_MARKS = 17
"""For long answers, which are all kept: that chance still changes a count of them by 6 % only."""

ROOM = 4 << 20
"""Bytes that the answers of MARKS may take."""


NOTHING = object()
"""Equal to nothing that is received: neither to b'', an end, nor to None, which stands for a request not yet sent."""


class Asked:
    """One request and its mark.

    `answer` is the right answer on a kept connection, `farewell` the right one on a connection that is then closed;
    NOTHING where none was learned. They were made of the templates `learned` and `left`.
    """

    __slots__ = ("answer", "farewell", "learned", "left", "mark", "request")

    def __init__(self, request: bytes, mark: bytes) -> None:
        self.request = request
        self.mark = mark
        self.answer: object = NOTHING
        self.farewell: object = NOTHING
        self.learned: Template | None = None
        self.left: Template | None = None


class Template:
    """An answer that was checked in full, and the mark in it."""

    __slots__ = ("mark", "raw", "whole")

    def __init__(self, raw: bytes, mark: bytes, *, whole: bool) -> None:
        """Take an answer; `whole` says that with another mark in it, it is the right one for that mark."""
        self.raw = raw
        self.mark = mark
        self.whole = whole

    def to(self, mark: bytes) -> object:
        """Return the right answer to the request with `mark`, NOTHING where that is not known."""
        if mark == self.mark:
            return self.raw
        return self.raw.replace(self.mark, mark) if self.whole else NOTHING


def marked(request: bytes, body: bytes, mark: bytes) -> list[Asked]:
    """Return the requests that are asked in turn, `request` among them.

    `mark` is hexadecimal, in `request` and in its answer's `body`. Without one there is this one request only, and no
    answer can be told from another. Raises ValueError for a mark that is not in both.
    """
    if not mark:
        return [Asked(request, b"")]
    if mark not in request or mark not in body:
        raise ValueError(f"the mark {mark!r} is to be in the request and in the answer")
    number = MARKS if MARKS * len(body) <= ROOM else FEWER_MARKS
    marks = itertools.chain([mark], (secrets.token_hex(len(mark))[: len(mark)].encode() for _ in itertools.count()))
    # A short mark has few values; the one that is given always has a place among them.
    distinct = list(dict.fromkeys(itertools.islice(marks, number)))
    return [Asked(request.replace(mark, each), each) for each in distinct]


class Marks:
    """The requests of one lane, and what was learned of their answers. `following()` is the next request."""

    def __init__(self, request: bytes, body: bytes, mark: bytes) -> None:
        self._body = body
        self._mark = mark
        self._head = request.startswith(b"HEAD ")
        self._every = marked(request, body, mark)
        self._learned: Template | None = None
        self._left: Template | None = None
        self.first = self._every[0]
        self.following: Callable[[], Asked] = itertools.cycle(self._every).__next__

    def right(self, asked: Asked) -> bytes:
        """Return the body of the right answer."""
        return self._body.replace(self._mark, asked.mark) if self._mark else self._body

    def known(self, asked: Asked) -> Asked:
        """Return `asked` with what the last answers that were checked tell of its own."""
        if asked.learned is not self._learned and self._learned is not None:
            asked.learned, asked.answer = self._learned, self._learned.to(asked.mark)
        if asked.left is not self._left and self._left is not None:
            asked.left, asked.farewell = self._left, self._left.to(asked.mark)
        return asked

    def learn(self, answer: Response, asked: Asked, *, closes: bool) -> None:
        """Take `answer`, whose bytes tell its end and which is right; `closes` says that no other follows."""
        template = Template(answer.raw, asked.mark, whole=self._whole(answer, asked))
        if closes:
            self._left = template
        else:
            self._learned = template
        self.known(asked)

    def difference(self, answer: Response, asked: Asked) -> str:
        """Say in words how the body of `answer` differs from the right one."""
        body = self.right(asked)
        if answer.length != len(body):
            return f"a body of {answer.length} bytes instead of {len(body)}"
        begin = self._body.find(self._mark)
        seen = answer.body[begin : begin + len(self._mark)]
        if seen and any(each.mark == seen and answer.body == self.right(each) for each in self._every):
            return ANOTHERS
        at = next(index for index, (came, due) in enumerate(zip(answer.body, body, strict=False)) if came != due)
        return f"a body of the right length that differs from byte {at} on"

    def _whole(self, answer: Response, asked: Asked) -> bool:
        """Say whether `answer` with another mark is right for that one: its coding may cut the mark in two."""
        other = next((each for each in self._every if each is not asked), None)
        if other is None or (answer.framing is Framing.LENGTH and answer.raw.endswith(answer.body)):
            return other is not None
        parser = ResponseParser(head=self._head)
        rest = parser.feed(answer.raw.replace(asked.mark, other.mark))
        return parser.done and not rest and parser.response().body == self.right(other)
