"""Each caveat is found if and only if its condition is met."""

from __future__ import annotations

from typing import Any

from wsgi_gauntlet.harness.load.analysis.generator_caveats import generator_caveats
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult
from wsgi_gauntlet.harness.stats.histogram import Histogram


def result(milliseconds: dict[float, int], **more: Any) -> GeneratorResult:
    latency = Histogram()
    for each, times in milliseconds.items():
        latency.record(int(each * 1e6), times)
    busy = sum(each * times for each, times in milliseconds.items()) / 1e3
    connections = more.get("connections", 1)
    measured = {"connections": connections, "connects": connections, "seconds": busy / connections, **more}
    return GeneratorResult(cpu_seconds=0.1, latency=latency, service=latency, waiting=Histogram(), **measured)


def test_a_clean_run_has_none() -> None:
    assert generator_caveats([result({1: 1000}), result({8: 1000}, connections=8)]) == ()


def test_little_s_law_finds_connections_that_stood_still() -> None:
    (caveat,) = generator_caveats([result({10: 100}, connections=64, seconds=1.0)])
    assert caveat.startswith("Little's law does not hold")
    assert caveat.endswith("(at 64 connections)")


def test_an_open_loop_may_leave_connections_unused() -> None:
    assert generator_caveats([result({10: 100}, connections=64, seconds=1.0, offered=100.0)]) == ()


def test_a_plateau_at_40_ms_is_nagle_where_nobody_queues() -> None:
    (caveat,) = generator_caveats([result({0.2: 70, 41: 30})])
    assert "delayed ACK" in caveat
    assert caveat.endswith("(at 1 connection)")
    assert generator_caveats([result({0.2: 90, 41: 10})]) == ()
    assert generator_caveats([result({0.2: 70, 60: 30})]) == ()
    assert generator_caveats([result({41: 100}, connections=64)]) == ()


def test_a_server_that_works_40_ms_for_an_answer_has_no_plateau() -> None:
    assert generator_caveats([result({41: 100})], [0.04]) == ()
    assert len(generator_caveats([result({41: 100})], [0.002])) == 1


def test_a_few_answers_say_nothing() -> None:
    assert generator_caveats([result({41: 4})]) == ()
    assert len(generator_caveats([result({41: 16})])) == 1  # all that fit into 0.7 s
    assert generator_caveats([result({10: 10}, connections=64, seconds=1.0)]) == ()


def test_the_pause_of_the_generator_after_a_fault_is_not_the_server_s() -> None:
    # 40 wrong answers in a second leave the one connection alone for up to 20 ms each.
    (caveat,) = generator_caveats([result({1: 200}, seconds=1.0, wrong=40)])
    assert caveat.startswith("responses had a wrong body")
    assert len(generator_caveats([result({1: 200}, seconds=1.0, wrong=10)])) == 2


def test_a_few_wrong_bodies_or_missing_ports_are_enough() -> None:
    caveats = generator_caveats([result({1: 5}, out_of_ports=2, wrong=1)])
    assert [words.split(":")[0] for words in caveats] == [
        "responses had a wrong body",
        "the machine ran out of local ports",
    ]


def test_the_caveat_names_every_step() -> None:
    one, eight = result({1: 100}, connects=101), result({8: 800}, connections=8, connects=808)
    (caveat,) = generator_caveats([eight, one])
    assert caveat.startswith("the server closed the connection after each response")
    assert caveat.endswith("(at 1 and 8 connections)")


def test_kept_connections_closed_without_announcement() -> None:
    (caveat,) = generator_caveats([result({1: 1000}, dropped=9, connects=10)])
    assert caveat.startswith("the server closed kept connections without announcing it")
    assert len(generator_caveats([result({1: 100}, dropped=99, connects=101)])) == 2


def test_repeated_connection_attempts() -> None:
    assert any("tried to connect again" in words for words in generator_caveats([result({1: 900, 1010: 30})]))
    # Those that the server has not let in yet explain why Little's law does not hold.
    (caveat,) = generator_caveats([result({1: 1000}, connections=64, seconds=1.0, connects_pending=49)])
    assert "tried to connect again" in caveat
