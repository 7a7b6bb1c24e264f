"""Blocks of other types than bytes: the server must not send a response that looks like a success."""

from __future__ import annotations

from wsgi_gauntlet.harness.conformance.basis import APP, definition, recorded_only
from wsgi_gauntlet.harness.conformance.catalog import INFO, SHOULD, case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.http.parser import Framing, Response
from wsgi_gauntlet.suites.pep3333.assertions import NEEDS_WRITE, assert_not_success, get_within, step_outcome
from wsgi_gauntlet.suites.pep3333.body.blocks import BYTES_ONLY

TYPES = ("str", "empty-str", "int", "zero", "true", "float", "none", "list")

NOT_BYTES = definition(
    "The PEP defines a block as bytes, and only the app has the duty to yield bytes. A server that drops another "
    "object, or converts it, sends a response that the app did not give. No sentence requires a check, so this is not "
    "a must."
)

CONTENT = b"gauntlet"
"""The content of the bytes-like objects."""

BYTES_LIKE = {
    "bytearray-first": ("/invalid-block?what=bytearray&at=first", CONTENT),
    "bytearray-later": ("/invalid-block?what=bytearray&at=later", b"first\n" + CONTENT + b"third\n"),
    "memoryview-first": ("/invalid-block?what=memoryview&at=first", CONTENT),
    "memoryview-later": ("/invalid-block?what=memoryview&at=later", b"first\n" + CONTENT + b"third\n"),
    "wide-memoryview-first": ("/invalid-block?what=wide-memoryview&at=first", CONTENT),
    "wide-memoryview-later": ("/invalid-block?what=wide-memoryview&at=later", b"first\n" + CONTENT + b"third\n"),
    "returned-bytes": ("/invalid-result?what=bytes", CONTENT),
}


def _assert_not_whole(response: Response, what: str) -> None:
    """Expect an error or an aborted response; without chunks and length only the missing last block shows the abort."""
    if response.framing is Framing.CLOSE and response.body == b"first\n":
        return
    assert_not_success(response, f"the app yielded {what}")


@case(
    SHOULD,
    BYTES_ONLY,
    basis=NOT_BYTES,
    breach=APP,
    variants={
        **{f"{what}-first": f"what={what}&at=first" for what in TYPES if what != "str"},
        **{f"{what}-later": f"what={what}&at=later" for what in TYPES},
        **{f"{what}-length": f"what={what}&at=later&length=yes" for what in ("str", "int", "none")},
    },
    segmentable=False,
)
async def not_bytes(exchange: Exchange, block: str) -> None:
    """A block that is not bytes is an error: the server must not send a success.

    Sends: A GET request. The app starts a 200. Its only block, or the second of three, is a str, a number, True, None
    or a list. In three variants the app sets the Content-Length of the other two blocks.
    Expects: An error status, or an aborted response.
    Why: Otherwise a forgotten value gives a page with a gap, or with bytes that nobody wrote, and no error is reported.
    """
    _assert_not_whole(await get_within(exchange, f"/invalid-block?{block}"), block.partition("&")[0][5:])


@case(
    SHOULD,
    BYTES_ONLY,
    basis=definition(
        "The PEP defines the argument of write() as bytes, and only the app has the duty to pass bytes. A server that "
        "drops another object, or converts it, sends a response that the app did not give. No sentence requires a "
        "check, so this is not a must."
    ),
    breach=APP,
    variants={what: what for what in TYPES if what != "str"},
    needs=NEEDS_WRITE,
    segmentable=False,
)
async def not_bytes_written(exchange: Exchange, what: str) -> None:
    """An object that is not bytes is an error for write(): the server must not send a success.

    Sends: A GET request. The app writes a block, and then a number, True, None, a list or an empty str.
    Expects: write() raises, or the client gets no complete 2xx response.
    Why: Otherwise the page has a gap, or bytes that nobody wrote, and no error is reported.
    """
    response = await get_within(exchange, f"/invalid-written?what={what}")
    event = await step_outcome(exchange, "write")
    if event.kind != "raised":
        assert_not_success(response, f"the app wrote {what}")


@case(
    SHOULD,
    BYTES_ONLY,
    basis=definition(
        "A bytearray and a memoryview are not bytes. A server may reject them, or send their bytes. Any other content "
        "is a response that the app did not give. No sentence requires a check, so this is not a must."
    ),
    breach=APP,
    variants=BYTES_LIKE,
    segmentable=False,
)
async def bytes_like(exchange: Exchange, target_and_body: tuple[str, bytes]) -> None:
    """A bytes-like object in the body is an error, or the client gets exactly its bytes.

    Sends: A GET request. The only block, or the second of three, is a bytearray, a memoryview, or a memoryview with
    items of two bytes. In one variant the app returns bytes in place of an iterable.
    Expects: An error status, an aborted response, or exactly the bytes of the object.
    Why: The length of a memoryview may be the number of its items. A server that uses it as Content-Length cuts the
    page off.
    """
    target, body = target_and_body
    response = await get_within(exchange, target)
    if response.body != body or not response.complete:
        _assert_not_whole(response, "an object that is not bytes")


@case(
    INFO,
    BYTES_ONLY,
    basis=recorded_only("The PEP requires bytes of the app. It does not say that the server checks the type."),
    breach=APP,
    variants=BYTES_LIKE,
    segmentable=False,
)
async def bytes_like_accepted(exchange: Exchange, target_and_body: tuple[str, bytes]) -> None:
    """The harness records whether the server accepts bytes-like objects in the body.

    Sends: A GET request. The only block, or the second of three, is a bytearray, a memoryview, or a memoryview with
    items of two bytes. In one variant the app returns bytes in place of an iterable.
    Expects: Either. Whether the client gets an error is recorded; nothing is required.
    Why: An app that was developed on a server that accepts such objects fails on another server.
    """
    target, _ = target_and_body
    _assert_not_whole(await get_within(exchange, target), "an object that is not bytes")
