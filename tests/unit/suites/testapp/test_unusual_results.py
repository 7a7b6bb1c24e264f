"""The reference app where its results are unusual: shapes of a body, objects that are no body, exits, early hints."""

from __future__ import annotations

from typing import Any

import pytest

from wsgi_gauntlet.servers.reference_server.file_wrapper import FileWrapper
from wsgi_gauntlet.suites.testapp import reference
from wsgi_gauntlet.suites.testapp.behaviours import response_shapes
from wsgi_gauntlet.suites.testapp.behaviours.early_hints import INJECTED_HINTS, LINK
from wsgi_gauntlet.suites.testapp.behaviours.exits import EXITS
from wsgi_gauntlet.suites.testapp.behaviours.file_wrapper import CONTENT
from wsgi_gauntlet.suites.testapp.behaviours.invalid_body import GAUNTLET, INVALID_BLOCKS, INVALID_RESULTS

from ....helpers.testapp_client import FakeHarness, FakeServer, environ, run

SHAPES = sorted(response_shapes._SHAPES)
WHOLE = b"one\ntwo\nthree\n"


def called(target: str, **more: Any) -> tuple[FakeServer, Any]:
    """Return a server and what the app returned to it."""
    server = FakeServer()
    return server, reference.application(environ(target, **more), server.start_response)


@pytest.mark.parametrize("what", SHAPES)
def test_every_shape_is_the_same_page(what: str) -> None:
    server, body = run(f"/shaped?what={what}&length=yes", **{"wsgi.file_wrapper": FileWrapper})
    assert body == WHOLE
    assert ("Content-Length", "14") in server.headers


@pytest.mark.parametrize("what", SHAPES)
def test_an_empty_shape_has_no_body_for_head(what: str) -> None:
    server, body = run(
        f"/shaped?what={what}&status=204%20Empty", REQUEST_METHOD="HEAD", **{"wsgi.file_wrapper": FileWrapper}
    )
    assert body == (b"" if what.startswith("empty-") else WHOLE)
    assert server.status == "204 Empty"


def test_a_shape_needs_the_file_wrapper(harness: FakeHarness) -> None:
    assert run("/shaped?what=file")[1] == b"no wsgi.file_wrapper\n"
    assert len(harness.details("absent")) == 1


def test_the_held_response_has_its_length() -> None:
    server, body = run("/held-file?status=413%20Large")
    assert (server.status, len(body)) == ("413 Large", response_shapes.SMALL_FILE_BYTES)
    assert ("Content-Length", str(len(body))) in server.headers


@pytest.mark.parametrize(
    ("part", "content"),
    [
        ("position=100&length=50&kind=file", CONTENT[100:]),
        ("position=100&length=50&kind=memory", CONTENT[100:]),
        ("position=0&length=2000&kind=file&left=1000", CONTENT[:1000]),
        ("position=1000&length=1000&kind=file&left=500", b""),
    ],
)
def test_slices_of_a_file(part: str, content: bytes) -> None:
    assert run(f"/file-wrapper?what=slice&{part}", **{"wsgi.file_wrapper": FileWrapper})[1] == content


@pytest.mark.parametrize("what", sorted(INVALID_BLOCKS))
def test_an_invalid_block_is_the_first_or_the_second(what: str, harness: FakeHarness) -> None:
    (only,) = called(f"/invalid-block?what={what}&at=first")[1]
    first, second, third = called(f"/invalid-block?what={what}&at=later&length=yes&reported=yes")[1]
    assert (first, third) == (b"first\n", b"third\n")
    assert type(only) is type(second) is not bytes
    assert [each["size"] for each in harness.details("block")] == [6, None, 6]


def test_a_wide_memoryview_has_fewer_items_than_bytes() -> None:
    wide = INVALID_BLOCKS["wide-memoryview"]()
    assert (len(wide), bytes(wide)) == (4, GAUNTLET)


def test_an_invalid_block_may_be_written() -> None:
    assert called("/invalid-written?what=int")[0].written == [b"first\n", 5]


@pytest.mark.parametrize("what", sorted(INVALID_RESULTS))
def test_invalid_results(what: str) -> None:
    server, result = called(f"/invalid-result?what={what}")
    assert server.status == "200 OK"
    assert not isinstance(result, list)
    if what == "coroutine":
        result.close()


@pytest.mark.parametrize("how", sorted(EXITS))
@pytest.mark.parametrize(("when", "sent"), [("call", []), ("first", []), ("middle", [b"first\n", b"second\n"])])
def test_an_exit_comes_when_it_is_asked_for(how: str, when: str, sent: list[bytes]) -> None:
    blocks: list[bytes] = []
    with pytest.raises(EXITS[how]):
        blocks.extend(called(f"/exits?how={how}&when={when}&length=20")[1])
    assert blocks == sent or when == "middle"


def test_an_exit_may_come_in_close(harness: FakeHarness) -> None:
    _, body = called("/exits?how=base-exception&when=close")
    assert list(body) == [b"first\n", b"second\n"]
    with pytest.raises(EXITS["base-exception"]):
        body.close()
    assert len(harness.details("closed")) == 1


def test_early_hints() -> None:
    hints: list[Any] = []
    more = {"wsgi.early_hints": hints.append}
    assert run("/early-hints?what=two", **more)[1] == b"gauntlet tok\n"
    assert hints == [[LINK], [LINK]]
    assert run("/early-hints?what=late", **more)[1] == b"block 1\nblock 2\n"
    for what, field in INJECTED_HINTS.items():
        run(f"/early-hints?what={what}", **more)
        assert hints.pop() == [field]


def test_early_hints_may_be_absent(harness: FakeHarness) -> None:
    assert run("/early-hints?what=one")[1] == b"no wsgi.early_hints\n"
    assert len(harness.details("absent")) == 1
