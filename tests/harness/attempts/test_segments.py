"""What is said of the places at which a request was cut."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from wsgi_gauntlet.harness.attempts import segments
from wsgi_gauntlet.harness.attempts.segments import Cut, Cutting, told
from wsgi_gauntlet.harness.wire import Transcript


def test_nothing_is_said_where_every_place_was_good() -> None:
    assert told([Cut(1, b"G", ""), Cut(2, b"GE", "")]) == ""


def test_the_first_place_is_shown_and_all_are_listed() -> None:
    cuts = [Cut(1, b"G", ""), Cut(9, b"GET /echo", "400 Bad Request, 0 bytes"), Cut(10, b"GET /echo ", "no answer")]
    assert told(cuts) == (
        "cut behind byte 9 (b'GET /echo'): 400 Bad Request, 0 bytes; it failed at 2 of 3 places: 9, 10"
    )


def test_a_long_list_is_cut_short() -> None:
    assert told([Cut(at, b"x", "no answer") for at in range(1, 100)]).endswith("18, 19, 20, …")


WRONG = [Cut(9, b"GET /echo", "no answer")]


@pytest.mark.parametrize(
    ("seen", "refused"),
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
    monkeypatch: pytest.MonkeyPatch, seen: list[tuple[list[Cut], bool]], refused: bool
) -> None:
    coming: Iterator[tuple[list[Cut], bool]] = iter(seen)
    asleep = False

    async def cut_everywhere(_x: Any, _form: Any) -> list[Cut]:
        nonlocal asleep
        cuts, asleep = next(coming)
        return cuts

    monkeypatch.setattr(segments, "cut_everywhere", cut_everywhere)
    monkeypatch.setattr(segments, "held_up", lambda *_, **__: "it stood still" if asleep else "")
    monkeypatch.setattr(segments, "Exchange", Nothing)
    server: Any = None
    assert bool(await Cutting().refused(server)) is refused
    assert next(coming, None) is None


class Nothing:
    """As much of an exchange as is asked here."""

    def __init__(self, *_: Any) -> None:
        self.transcript = Transcript()

    async def close(self) -> None:
        """Do nothing."""
