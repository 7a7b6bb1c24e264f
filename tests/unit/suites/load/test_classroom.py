"""The description of the result of `classroom`."""

import dataclasses

import pytest

from wsgi_gauntlet.harness.load.experiments.slow_clients import SlowClientResult
from wsgi_gauntlet.harness.model import Grade
from wsgi_gauntlet.suites.load.classroom import describe_classroom

from ....helpers.sample_slow_client_results import DOWN, FINE, phase


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (
            FINE,
            (
                "With 8 of 40 people on bad Wi-Fi, the other 32 noticed nothing: 99 % of the responses came within "
                "5.0 ms, 3.0 ms before."
            ),
        ),
        (
            DOWN,
            (
                "With 8 of 40 people on bad Wi-Fi, the other 32 got 2 % of their responses, and the slowest "
                "hundredth took at least 5.0 s. Before, 100 % came, and 99 % of the responses came within 3.0 ms. "
                "It served well again as soon as the slow clients had left."
            ),
        ),
        (dataclasses.replace(FINE, grade=Grade.INCONCLUSIVE), "why"),
    ],
)
def test_the_classroom(result: SlowClientResult, expected: str) -> None:
    assert describe_classroom(result, 40) == expected


def test_users_who_always_wait_do_not_notice_nothing() -> None:
    waiting = SlowClientResult(8, Grade.UNAFFECTED, "why", phase(1, 0.390), phase(1, 0.411), 0.0, 4, None)
    assert describe_classroom(waiting, 40) == (
        "With 8 of 40 people on bad Wi-Fi, 99 % of the responses to the other 32 came within 411 ms, and within 390 ms "
        "before: users also wait without slow clients."
    )
