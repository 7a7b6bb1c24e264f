"""What is said of the places at which a request was cut."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import pytest

from wsgi_gauntlet.harness.conformance import exchange, segmentation_tolerance
from wsgi_gauntlet.harness.conformance.segmentation_tolerance import CutResult, SegmentationTolerance, describe_failures
from wsgi_gauntlet.harness.http.connection import Transcript


def test_nothing_is_said_where_every_place_was_good() -> None:
    assert describe_failures([CutResult(1, b"G", ""), CutResult(2, b"GE", "")]) == ""


def test_the_first_place_is_shown_and_all_are_listed() -> None:
    cuts = [
        CutResult(1, b"G", ""),
        CutResult(9, b"GET /echo", "400 Bad Request, 0 bytes"),
        CutResult(10, b"GET /echo ", "no answer"),
    ]
    assert describe_failures(cuts) == (
        "cut behind byte 9 (b'GET /echo'): 400 Bad Request, 0 bytes; it failed at 2 of 3 places: 9, 10"
    )


def test_a_long_list_is_cut_short() -> None:
    assert describe_failures([CutResult(at, b"x", "no answer") for at in range(1, 100)]).endswith("18, 19, 20, …")


WRONG = [CutResult(9, b"GET /echo", "no answer")]


@pytest.mark.parametrize(
    ("seen", "rejection_reason"),
    [
        ([(WRONG, False), (WRONG, False)], True),
        ([(WRONG, False), ([], False), ([], False)], False),
        ([(WRONG, True), (WRONG, False), ([], False), ([], False)], False),
        ([(WRONG, True), (WRONG, True), (WRONG, False), (WRONG, True), (WRONG, False)], True),
        ([(WRONG, True)] * 12, False),
    ],
    ids=["twice", "once", "once awake", "twice awake", "never awake"],
)
async def test_cuts_are_refused_where_they_failed_twice_while_the_harness_was_awake(
    monkeypatch: pytest.MonkeyPatch, seen: list[tuple[list[CutResult], bool]], rejection_reason: bool
) -> None:
    coming: Iterator[tuple[list[CutResult], bool]] = iter(seen)
    asleep = False

    async def cut_at_every_byte(_x: Any, _form: Any) -> list[CutResult]:
        nonlocal asleep
        cuts, asleep = next(coming)
        return cuts

    monkeypatch.setattr(segmentation_tolerance, "cut_at_every_byte", cut_at_every_byte)
    monkeypatch.setattr(segmentation_tolerance, "stall_message", lambda *_, **__: "it stood still" if asleep else "")
    monkeypatch.setattr(exchange, "Exchange", Nothing)
    server: Any = Nothing()
    tolerance = SegmentationTolerance()
    for _ in range(2):  # the second answer is the first one
        assert bool(await tolerance.rejection_reason(nullcontext(server))) is rejection_reason
    assert bool(tolerance.known_reason) is rejection_reason
    assert next(coming, None) is None


class Nothing:
    """As much of an exchange as is asked here."""

    def __init__(self, *_: Any) -> None:
        self.transcript = Transcript()
        self.responded_last = False

    async def close(self) -> None:
        """Do nothing."""
