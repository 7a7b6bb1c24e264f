"""The app breaks when part of its answer is out: nobody may take that for the whole."""

from __future__ import annotations

from ....harness.attempts.exchange import Exchange
from ....harness.basis import APP, INCOMPLETE, definition
from ....harness.catalog import MUST, SHOULD, case
from ....harness.expect import that
from ....harness.references import pep3333
from ....harness.response import Ending, Framing
from ....harness.wire import Wire
from ..asking import (
    GLANCE,
    HANG,
    asked,
    sent,
)

ERRORS = "Error Handling"

TEXT_ONLY = pep3333(
    ERRORS,
    "If a partial response has already been written to the browser when an application error occurs, the server or "
    "gateway may attempt to add an error message to the output, if the already-sent headers indicate a text/* content "
    "type that the server knows how to modify cleanly.",
)


@case(
    SHOULD,
    pep3333(ERRORS, "The server or gateway can then trap this (fatal) exception and abort the response."),
    basis=definition(
        (
            "The server can abort the response, and a client knows of that only by what is missing "
            "at the end. A whole end says that all of the content came."
        ),
        INCOMPLETE,
    ),
)
async def mid_body(x: Exchange) -> None:
    """An app that raises in the middle of its body does not leave a message that looks whole.

    Sends: A plain request; the app yields one block of binary data, without a length, and raises.
    Expects: A broken end and a connection that closes. A body that lasts until the connection ends cannot say more than
    that.
    Why: A last chunk, or a connection kept open, would tell the client and every cache that half a download is all of
    it.
    """
    wire = await sent(x, "/fail?when=mid-body")
    await _aborted(wire)


@case(
    SHOULD,
    pep3333(ERRORS, "The server or gateway can then trap this (fatal) exception and abort the response."),
    basis=definition(
        (
            "The server can abort the response, and a client knows of that only by the bytes that "
            "are missing. Made up to the promised length, the answer says that all of the content "
            "came."
        ),
        INCOMPLETE,
    ),
    breach=APP,
)
async def mid_body_declared(x: Exchange) -> None:
    """Nor does an app that promised a length, and raises before it has given so much.

    Sends: A plain request; the app promises 100 bytes, yields 6 and raises.
    Expects: The 6 bytes at most, and a connection that closes before the promise is kept.
    Why: Kept open, the client waits for the rest; one that is sent an error page takes that for the rest.
    """
    wire = await sent(x, "/fail?when=mid-body&length=100")
    answer = await wire.response(timeout=HANG)
    if answer.status is None or answer.status >= 500:
        return
    that(not answer.complete, "no clean end of the message", answer.describe())
    that(b"first\n".startswith(answer.body), "nothing but the block that the app gave", answer.body)
    ending = await wire.ending(timeout=GLANCE)
    that(ending is not Ending.OPEN, "the connection to close", f"{answer.describe()}; it stays open")


@case(
    MUST,
    TEXT_ONLY,
    basis=definition(
        "The permission to add to a body is given under one condition, text/*; without it the "
        "body is what the app yielded."
    ),
)
async def text_appended_only_to_text(x: Exchange) -> None:
    """No error text is added to a body that is not text.

    Sends: A plain request; the app yields one block of application/octet-stream, and raises.
    Expects: Nothing in the body but that block. To text an error message may be added.
    Why: Added to an image or an archive, it breaks what was whole.
    """
    answer = await asked(x, "/fail?when=mid-body")
    if answer.status == 200:
        that(b"first\n".startswith(answer.body), "nothing but the block that the app gave", answer.body)


@case(
    SHOULD,
    pep3333(ERRORS, "The server or gateway can then trap this (fatal) exception and abort the response."),
    basis=definition(
        (
            "What was written is a part of the body like any other: a whole end behind it says that "
            "all of the content came."
        ),
        INCOMPLETE,
    ),
)
async def mid_body_written(x: Exchange) -> None:
    """Nor does an app that raises after it has given a block to write().

    Sends: A plain request; the app writes a block of binary data and raises before it has returned anything.
    Expects: An error status where nothing was sent yet; else the block and a broken end, or a connection that closes.
    Why: An export that an older framework writes line by line ends early, and looks complete.
    """
    wire = await sent(x, "/fail?when=written-body")
    await _aborted(wire)


async def _aborted(wire: Wire) -> None:
    answer = await wire.response()
    if answer.status is None or answer.status >= 500:
        return
    whole = answer.complete and answer.framing is not Framing.CLOSE
    that(not whole, "no clean end of the message", f"{answer.describe()} ({answer.framing})")
    ending = await wire.ending(timeout=GLANCE)
    that(ending is not Ending.OPEN, "the connection to close", "it stays open")
