"""What clients that stop tell of a server's time-outs."""

import math

import pytest

from wsgi_gauntlet.suites.load.slow_clients.timeout_analysis import (
    StallPoint,
    StallResult,
    TimeoutScope,
    configured_timeout,
    describe_timeouts,
    late_move,
    observed_timeout,
    timeout_measures,
)

LOOKED = 5.5
NGINX = {"timeout": 30, "keep-alive": 0, "front": {"timeout": 60, "keep-alive": 75}}


def edges(*lived: float, place: StallPoint = StallPoint.HEAD, late: float = 0.0) -> list[StallResult]:
    """Clients with gaps of 1, 1.9 and 2.1 seconds and a silent one; LOOKED stands for one that was never freed."""
    gaps = (1.0, 1.9, 2.1, math.inf)
    return [
        StallResult(place, gap, at, "FIN" if at < LOOKED else "", late) for gap, at in zip(gaps, lived, strict=True)
    ]


@pytest.mark.parametrize(
    ("lived", "deadline", "freed"),
    [
        ((LOOKED, LOOKED, 2.0, 2.0), TimeoutScope.PER_GAP, 2.0),
        ((LOOKED, 2.9, 2.9, 2.9), TimeoutScope.PER_GAP, 2.9),
        ((2.0, 2.0, 2.0, 2.0), TimeoutScope.IN_ALL, 2.0),
        ((2.9, 2.8, 2.8, 2.8), TimeoutScope.IN_ALL, 2.8),
        ((4.0, LOOKED, 2.0, 2.0), TimeoutScope.UNCLEAR, 2.0),
        ((LOOKED,) * 4, TimeoutScope.NONE, None),
        ((LOOKED, 3.0, LOOKED, LOOKED), TimeoutScope.UNCLEAR, None),
        ((0.5, 0.5, 0.5, 0.5), TimeoutScope.UNCLEAR, 0.5),
        # Looked at for too short a time to know.
        ((LOOKED, LOOKED, LOOKED, 5.0), TimeoutScope.UNCLEAR, 5.0),
    ],
)
def test_what_a_time_out_counts(lived: tuple[float, ...], deadline: TimeoutScope, freed: float | None) -> None:
    found = observed_timeout(edges(*lived), StallPoint.HEAD, LOOKED)
    assert found is not None
    assert (found.timeout_scope, found.closed_after) == (deadline, freed)
    first, second = timeout_measures(found, StallPoint.HEAD, 2)
    assert (first.label, first.unit, first.value, first.censored) == (
        "head: disconnected after",
        "s",
        freed if freed is not None else LOOKED,
        freed is None,
    )
    assert first.note.startswith("configured: 2 s")
    assert second.value == {TimeoutScope.PER_GAP: 1.0, TimeoutScope.IN_ALL: 0.0}.get(deadline)


def test_who_keeps_no_connection_has_no_such_time_out() -> None:
    found = observed_timeout(edges(0, 0, 0, 0, place=StallPoint.IDLE), StallPoint.IDLE, LOOKED)
    assert found is not None
    assert (found.timeout_scope, found.details) == (TimeoutScope.UNCLEAR, "the server keeps no connection alive")
    assert describe_timeouts([found]) == "A client that stalls: after a response it is disconnected at once."


def test_a_silent_client_alone_shows_only_the_time() -> None:
    found = observed_timeout([StallResult(StallPoint.BODY, math.inf, 4.0, "RST")], StallPoint.BODY, LOOKED)
    assert found is not None
    assert (found.timeout_scope, found.closed_after, found.details) == (
        TimeoutScope.UNCLEAR,
        4.0,
        "only a silent client",
    )


def test_without_a_silent_client_nothing_is_said() -> None:
    assert observed_timeout(edges(1, 1, 1, 1)[:-1], StallPoint.HEAD, LOOKED) is None
    assert observed_timeout([], StallPoint.HEAD, LOOKED) is None
    rows = timeout_measures(None, StallPoint.BODY, None)
    assert [(each.label, each.value, each.note) for each in rows] == [
        ("body: disconnected after", None, "not measured"),
        ("body: timeout is per gap", None, "not measured"),
    ]
    assert describe_timeouts([]) == ""


def test_the_description() -> None:
    found = [
        observed_timeout(edges(2.0, 2.0, 2.0, 2.0), StallPoint.HEAD, LOOKED),
        observed_timeout(edges(*[LOOKED] * 4, place=StallPoint.BODY), StallPoint.BODY, LOOKED),
        observed_timeout(edges(LOOKED, LOOKED, 2.0, 2.0, place=StallPoint.IDLE), StallPoint.IDLE, LOOKED),
        observed_timeout(edges(LOOKED, LOOKED, 4.0, 4.0, place=StallPoint.RESPONSE), StallPoint.RESPONSE, LOOKED),
    ]
    assert describe_timeouts([each for each in found if each]) == (
        "A client that stalls: in the head it is disconnected after 2 s, counted in all; in the body it is still "
        "connected after 5.5 s; after a response it is disconnected after 2 s, counted per gap; in the response it is "
        "disconnected after 4 s, counted per gap."
    )


@pytest.mark.parametrize(
    ("conditions", "head", "idle"),
    [
        (NGINX, 60, 75),
        ({"timeout": 30, "keep-alive": 0}, 30, None),
        ({"timeout": 0, "keep-alive": 2}, 2, 2),
        ({"socket-timeout": 4, "harakiri": 0, "keep-alive": 0}, 4, None),
        ({"socket-timeout": 4, "harakiri": 3}, 3, None),
        ({"keep-alive": 120}, 120, 120),
        ({"threads": "one a connection"}, None, None),
    ],
)
def test_what_is_configured(conditions: dict[str, object], head: float | None, idle: float | None) -> None:
    assert configured_timeout(conditions, StallPoint.HEAD) == configured_timeout(conditions, StallPoint.BODY) == head
    assert configured_timeout(conditions, StallPoint.IDLE) == idle


@pytest.mark.parametrize(
    ("conditions", "response"),
    [
        (NGINX, 60),
        (NGINX | {"front": {"timeout": 60, "send-timeout": 20}}, 20),
        ({"socket-timeout": 4, "head-timeout": 60}, 4),
        # A time for idle connections and bodies is none for a response that is being sent.
        ({"keep-alive": 120}, None),
        ({"body-timeout": 2, "keep-alive": 5}, None),
    ],
)
def test_what_is_configured_in_the_response(conditions: dict[str, object], response: float | None) -> None:
    assert configured_timeout(conditions, StallPoint.RESPONSE) == response


@pytest.mark.parametrize(
    ("conditions", "head", "body"),
    [
        ({"socket-timeout": 4, "harakiri": 3, "head-timeout": 60}, 60, 3),
        ({"head-timeout": 10, "body-timeout": 2, "keep-alive": 60}, 10, 2),
        # Tornado's and hypercorn's time for a kept connection holds for a head as well, and for no body.
        ({"body-timeout": "no limit", "keep-alive": 5}, 5, None),
        ({"timeout": 30, "body-timeout": "no limit", "keep-alive": 30}, 30, None),
        (NGINX | {"head-timeout": 10}, 60, 60),
    ],
)
def test_a_place_may_have_a_time_out_of_its_own(conditions: dict[str, object], head: float, body: float | None) -> None:
    assert (configured_timeout(conditions, StallPoint.HEAD), configured_timeout(conditions, StallPoint.BODY)) == (
        head,
        body,
    )


def test_a_late_move_counts_only_where_it_can_have_decided() -> None:
    timeouts = {StallPoint.HEAD: 2.0, StallPoint.BODY: None}
    assert late_move(edges(LOOKED, 2.1, 2.0, 2.0, late=0.2), timeouts).startswith(
        "a step in the head was due after 1.9"
    )
    assert late_move(edges(LOOKED, LOOKED, 2.0, 2.0, late=0.2), timeouts) == ""
    assert late_move(edges(LOOKED, 2.1, 2.0, 2.0, late=0.05), timeouts) == ""
    assert late_move(edges(1, 1, 1, 1, place=StallPoint.BODY, late=9), timeouts) == ""
