"""Who answers and for how long nobody does, from what was heard."""

from __future__ import annotations

import time
from itertools import count
from types import SimpleNamespace
from typing import Any, cast

import pytest

from wsgi_gauntlet.harness.launching import ready
from wsgi_gauntlet.harness.load.looking.roll_call import EVERY, Present, RollCall, gathered


def heard(*answers: tuple[float, float, int]) -> RollCall:
    roll = RollCall(cast("Any", None))
    roll.heard += [Present(*each) for each in answers]
    return roll


def test_the_first_answer_of_somebody_new() -> None:
    roll = heard((1, 1.1, 10), (2, 2.5, 12), (2.1, 2.2, 11), (0.5, 2.0, 13))
    assert roll.came({10}, 1) == 2.2
    assert roll.came({10, 11}, 1) == 2.5
    assert roll.came({10, 11, 12}, 1) is None  # 13 was asked before
    assert roll.pids() == {10, 11, 12, 13}
    assert roll.pids(2) == {11, 12}


def test_the_longest_time_without_an_answer_has_its_ends_too() -> None:
    roll = heard((1, 1.5, 1), (1, 3.0, 1), (1, 2.0, 1))
    assert roll.gap(1, 3.5) == 1.0
    assert roll.gap(1.9, 9) == 6
    assert roll.gap(0, 3) == 1.5
    assert heard().gap(2, 5) == 3


async def test_nobody_new_comes_within_the_patience() -> None:
    began = time.monotonic()
    assert await heard((1, 2, 7)).newcomer({7}, 0, 2 * EVERY) is None
    assert time.monotonic() - began >= 2 * EVERY
    assert await heard((1, 2, 8)).newcomer({7}, 0, 0) == 2


@pytest.mark.parametrize(("asked", "there"), [(2, 2), (3, 2)])
async def test_workers_are_waited_for_until_all_have_answered(
    asked: int, there: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second boots after the first has answered a few times; a third never comes."""
    answers = count()

    async def ask(_address: object, _target: str, _nonce: str) -> ready.Answer:
        pid = 11 if next(answers) < 3 else 12
        return ready.Answer(ready.State.READY, f"HTTP/1.1 200 OK\r\nX-Gauntlet-Pid: {pid}\r\n\r\n".encode())

    monkeypatch.setattr(ready, "ask", ask)
    running = SimpleNamespace(address=None, reference="", nonce="n")
    assert await gathered(cast("Any", running), asked, 0.5) == there
    assert next(answers) > 3
