"""What makes figures misleading is said."""

from typing import Any

from wsgi_gauntlet.harness.load.analysis.caveats import find_caveats
from wsgi_gauntlet.harness.model import Outcome, Sample


def samples(service: float, number: int = 40, outcome: Outcome = Outcome.OK) -> list[Sample]:
    return [Sample(at / 20, service, service, outcome) for at in range(number)]


def caveats(observed: list[Sample], in_flight: float = 0.0, **more: Any) -> tuple[str, ...]:
    return find_caveats(
        observed,
        **{
            "reused_connection_responses": 20,
            "keep_alive_responses": 20,
            "in_flight": in_flight,
            "started": 0,
            "ended": 2,
            **more,
        },
    )


def test_good_figures_need_no_words() -> None:
    assert caveats(samples(0.002), 0.04) == ()
    assert caveats([], reused_connection_responses=0, keep_alive_responses=0) == ()


def test_a_plateau_at_40_ms() -> None:
    (found,) = caveats(samples(0.002, 30) + samples(0.041, 10), 0.4)
    assert "25 % of the responses took 40 ms" in found


def test_a_plateau_is_also_nearly_all_of_the_slow_ones() -> None:
    assert "12 % of the responses took 40 ms" in caveats(samples(0.002, 36) + samples(0.044, 5))[0]
    assert caveats(samples(0.002, 36) + samples(0.044, 5) + samples(0.1, 2)) == ()
    assert caveats(samples(0.002, 37) + samples(0.044, 4)) == ()
    assert caveats(samples(0.018, 36) + samples(0.044, 5)) == ()  # half a delayed ACK is no answer of a quick server


def test_a_server_that_works_40_ms_for_an_answer_has_no_plateau() -> None:
    assert caveats(samples(0.041), 0.8, cpu=0.04) == ()
    assert "delayed ACK" in caveats(samples(0.041), 0.8, cpu=0.002)[0]


def test_wrong_bodies() -> None:
    found = caveats(samples(0.002) + samples(0.002, 2, Outcome.WRONG), reused_connection_responses=1)
    assert "2 responses had a wrong body" in found[0]


def test_connections_that_are_never_kept() -> None:
    assert "kept no connection" in caveats(samples(0.002), reused_connection_responses=0)[0]
    assert caveats(samples(0.002), reused_connection_responses=0, keep_alive_responses=9) == ()


def test_littles_law() -> None:
    assert caveats(samples(0.5), 10) == ()
    assert "Little's law" in caveats(samples(0.5), 1)[0]
    assert "Little's law" in caveats(samples(0.001), 9)[0]


def test_littles_law_counts_no_wait_beyond_the_time_looked_at() -> None:
    # 40 requests in 2 s that nobody ever answers: 20 are on their way on average, whatever the time-out was.
    assert caveats(samples(5, outcome=Outcome.TIMEOUT), 20) == ()
    assert caveats(samples(5, 20, Outcome.TIMEOUT), 3, ended=0.4) == ()
