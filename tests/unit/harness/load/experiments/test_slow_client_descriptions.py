"""Results with slow clients in plain words."""

import dataclasses

import pytest

from wsgi_gauntlet.harness.load.analysis.collapse_search import CollapseBounds
from wsgi_gauntlet.harness.load.experiments.slow_client_descriptions import (
    describe_classroom,
    describe_recovery,
    describe_slow_clients,
)
from wsgi_gauntlet.harness.load.experiments.slow_clients import SlowClientResult
from wsgi_gauntlet.harness.model import Grade, Phase


def phase(goodput: float, p99: float, censored: bool = False) -> Phase:
    return Phase("", 0, 5, 100, {}, goodput, p99=p99, censored=censored)


FINE = SlowClientResult(8, Grade.UNAFFECTED, "why", phase(1, 0.003), phase(1, 0.005), 0.0, 4, None)
DOWN = SlowClientResult(
    8, Grade.COLLAPSED, "why", phase(1, 0.003), phase(0.02, 5.0, True), 0.0, 4, CollapseBounds(0, 1)
)


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (FINE, "With 8 slow clients the other users got this: 100 % of 100 requests answered, p99 5.0 ms."),
        (
            DOWN,
            (
                "One slow client is enough to take this server from its other users. "
                "It served well again as soon as the slow ones had gone."
            ),
        ),
        (
            dataclasses.replace(DOWN, collapse=CollapseBounds(97, 98), recovered=1.26),
            (
                "98 slow clients are enough to take this server from its other users. "
                "It served well again 1.3 s after the slow ones had gone."
            ),
        ),
        (
            dataclasses.replace(DOWN, collapse=CollapseBounds(96, 128), recovered=None),
            (
                "128 slow clients are enough to take this server from its other users. 96 are not; there was no time "
                "to find the exact number. "
                "Once the slow ones had gone, it did not serve well again within 4 s."
            ),
        ),
        (
            dataclasses.replace(DOWN, collapse=CollapseBounds(0, 8)),
            (
                "8 slow clients are enough to take this server from its other users. Fewer may be; there was no time "
                "to find the exact number. It served well again as soon as the slow ones had gone."
            ),
        ),
        (dataclasses.replace(DOWN, grade=Grade.INVALID), "why"),
    ],
)
def test_slow_clients(result: SlowClientResult, expected: str) -> None:
    assert describe_slow_clients(result) == expected


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (
            FINE,
            (
                "With 8 of 40 people on bad Wi-Fi, the other 32 noticed nothing: 99 % of the answers came within "
                "5.0 ms, 3.0 ms before."
            ),
        ),
        (
            DOWN,
            (
                "With 8 of 40 people on bad Wi-Fi, the other 32 got 2 % of what they asked for, and the slowest "
                "hundredth took at least 5.0 s; before, 100 % came, and 99 % of the answers came within 3.0 ms. "
                "It served well again as soon as the slow ones had gone."
            ),
        ),
        (dataclasses.replace(FINE, grade=Grade.INCONCLUSIVE), "why"),
    ],
)
def test_the_classroom(result: SlowClientResult, expected: str) -> None:
    assert describe_classroom(result, 40) == expected


def test_who_was_always_served_did_not_recover() -> None:
    assert describe_recovery(FINE) == ""


def test_nobody_noticed_nothing_who_waited_before_too() -> None:
    waiting = SlowClientResult(8, Grade.UNAFFECTED, "why", phase(1, 0.390), phase(1, 0.411), 0.0, 4, None)
    assert describe_classroom(waiting, 40) == (
        "With 8 of 40 people on bad Wi-Fi, 99 % of the answers to the other 32 came within 411 ms, and within 390 ms "
        "before: they wait without slow clients, too."
    )
