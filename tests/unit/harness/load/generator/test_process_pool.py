"""Generator processes: division of the work, messages, exact merging."""

from __future__ import annotations

import os
import resource
from itertools import islice

import msgspec
import pytest
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from wsgi_gauntlet.harness.errors import (
    ConfigurationError,
    InternalError,
    OutOfResources,
    TargetRefused,
    Unsupported,
)
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load.arrivals import Uniform
from wsgi_gauntlet.harness.load.generator import process_messages, process_pool
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult, GeneratorWindow, merge_results
from wsgi_gauntlet.harness.load.generator.loop import LoopOptions
from wsgi_gauntlet.harness.load.generator.step_figures import StepFigures
from wsgi_gauntlet.harness.load.workload import VerifiedRequest
from wsgi_gauntlet.harness.stats.histogram import Histogram

nanoseconds = st.lists(st.integers(1, 10**11), max_size=50)
counts = st.integers(0, 1000)

COUNTED = (
    *("wrong", "errors", "timeouts", "unfinished", "never_sent"),
    *("connects", "disconnected", "dropped", "refused", "out_of_ports", "connects_pending"),
)


def over(values: list[int]) -> Histogram:
    found = Histogram()
    for each in values:
        found.record(each)
    return found


windows = st.dictionaries(st.integers(0, 5), st.tuples(nanoseconds, nanoseconds), max_size=4)


@st.composite
def results(draw: st.DrawFn, opened: bool) -> GeneratorResult:
    latency = over(draw(nanoseconds))
    return GeneratorResult(
        connections=draw(st.integers(1, 99)),
        seconds=draw(st.floats(0.1, 10)),
        cpu_seconds=draw(st.floats(0, 10)),
        latency=latency,
        service=over(draw(nanoseconds)) if opened else latency,
        waiting=over(draw(nanoseconds)),
        lateness=over(draw(nanoseconds)) if opened else None,
        offered=draw(st.floats(0, 1e5)) if opened else None,
        achieved=draw(st.floats(0, 1e5)) if opened else None,
        error_messages=draw(st.dictionaries(st.sampled_from(["a", "b"]), st.integers(1, 9))),
        windows=tuple(
            GeneratorWindow(number / 2, 0.5, len(ok) + len(waiting), over(ok), over(waiting))
            for number, (ok, waiting) in sorted(draw(windows).items())
        ),
        began=draw(st.floats(0, 1e6)),
        steps=tuple(
            StepFigures(name, over(values), failed)
            for name, (values, failed) in draw(
                st.dictionaries(st.sampled_from(["a", "b"]), st.tuples(nanoseconds, counts))
            ).items()
        ),
        **{name: draw(counts) for name in COUNTED},
    )


few = settings(max_examples=40)
"""An example has up to four results of a dozen histograms each. A hundred of them show no more, and take seconds."""

some = st.booleans().flatmap(lambda opened: st.lists(results(opened), min_size=1, max_size=4))


@few
@given(some)
def test_a_result_comes_out_of_the_pipe_as_it_went_in(every: list[GeneratorResult]) -> None:
    for each in every:
        data = process_messages.encode(process_messages.JobResult(each))
        assert int.from_bytes(data[: process_messages.HEADER_BYTES], "big") == len(data) - process_messages.HEADER_BYTES
        message = process_messages.decode(data[process_messages.HEADER_BYTES :])
        assert isinstance(message, process_messages.JobResult)
        assert message.result == each
        assert message.result.service is message.result.latency or each.service is not each.latency


@few
@given(some)
def test_merging_adds_everything_up(every: list[GeneratorResult]) -> None:
    whole = merge_results(every)
    for name in (*COUNTED, "connections", "ok", "requests", "scheduled", "processes"):
        assert getattr(whole, name) == sum(getattr(each, name) for each in every)
    for name in ("latency", "service", "waiting"):
        assert getattr(whole, name) == Histogram.merged(getattr(each, name) for each in every)
    for step in whole.steps:
        same = [found for each in every for found in each.steps if found.name == step.name]
        assert (step.ok, step.failed) == (sum(each.ok for each in same), sum(each.failed for each in same))
    assert {step.name for step in whole.steps} == {step.name for each in every for step in each.steps}
    assert whole.cpu_share == max(each.cpu_share for each in every)
    assert whole.seconds == max(each.seconds for each in every)
    assert sum((whole.error_messages or {}).values()) == sum(
        sum((each.error_messages or {}).values()) for each in every
    )
    if whole.offered is not None:
        assert whole.offered == pytest.approx(sum(each.offered or 0 for each in every))
        assert whole.lateness == Histogram.merged(each.lateness or Histogram() for each in every)
    else:
        assert whole.lateness is None
        assert whole.service is whole.latency
    assert sum(each.scheduled for each in whole.windows) == sum(w.scheduled for each in every for w in each.windows)
    assert [each.at for each in whole.windows] == sorted({w.at for each in every for w in each.windows})


@few
@given(st.booleans().flatmap(lambda opened: st.tuples(results(opened), results(opened), results(opened))))
def test_merging_is_the_same_in_any_order(three: tuple[GeneratorResult, GeneratorResult, GeneratorResult]) -> None:
    one, two, other = three
    left, right = merge_results([merge_results([one, two]), other]), merge_results([other, merge_results([two, one])])
    for name in ("latency", "service", "waiting", "lateness", "windows", "cpu_share", "processes", "scheduled", "ok"):
        assert getattr(left, name) == getattr(right, name)


@given(nanoseconds, st.integers(1, 5))
def test_histograms_of_processes_equal_one_run_over_the_same_samples(samples: list[int], number: int) -> None:
    def result(values: list[int]) -> GeneratorResult:
        latency = over(values)
        return GeneratorResult(1, 1.0, 0.5, latency, latency, Histogram())

    parts = merge_results(result(list(islice(samples, n, None, number))) for n in range(number))
    assert parts.latency == over(samples)
    assert parts.percentiles("p") == result(samples).percentiles("p")


def test_nothing_cannot_be_merged() -> None:
    with pytest.raises(ValueError, match="at least one"):
        merge_results([])


def test_the_health_of_several_is_the_worst_ones() -> None:
    def result(cpu: float, lateness: int) -> GeneratorResult:
        latency = over([10**6] * 100)
        late = over([lateness] * 100)
        return GeneratorResult(1, 1.0, cpu, latency, latency, Histogram(), offered=100, achieved=100, lateness=late)

    health = merge_results([result(0.2, 1000), result(0.9, 1000), result(0.3, 3_000_000)]).health()
    assert health.cpu_share == 0.9
    assert (health.offered, health.achieved) == (300, 300)
    assert not health.valid
    assert "late" in health.why
    both = merge_results([result(0.2, 1000), result(0.9, 1000)])
    assert both.health().valid
    assert both.processes == 2


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\xc1", "invalid message"),
        (b"\x80", "invalid message"),
        (process_messages.encode(process_messages.Start(1))[8:-1], "invalid message"),
    ],
)
def test_what_is_no_message_is_refused(data: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        process_messages.decode(data)


async def test_a_message_that_is_too_long_is_refused() -> None:
    sending, receiving = trio.testing.memory_stream_one_way_pair()
    await sending.send_all(b"\xff" * 8)
    with pytest.raises(ValueError, match="is too long"):
        await process_messages.receive_message(receiving)


@pytest.mark.parametrize("fields", [{"latency": [(10**6, 1)]}, {"latency": [(1, 0)]}, {"connections": "one"}])
def test_an_impossible_result_is_refused(fields: dict[str, object]) -> None:
    latency = over([5])
    good = process_messages.JobResult(GeneratorResult(1, 1.0, 0.5, latency, latency, Histogram()))
    message = msgspec.msgpack.decode(process_messages.encode(good)[process_messages.HEADER_BYTES :])
    message["result"].update(fields)
    with pytest.raises(ValueError, match=r"bucket|Expected `int`"):
        process_messages.decode(msgspec.msgpack.encode(message))


@pytest.mark.parametrize("error", [OutOfResources("a"), TargetRefused("b"), Unsupported("c"), ValueError("d")])
def test_an_error_is_raised_again_in_the_harness(error: Exception) -> None:
    found = process_messages.JobError.of(error).exception()
    assert (type(found), str(found)) == (type(error), str(error))
    other = process_messages.JobError.of(OSError("e")).exception()
    assert (type(other), str(other)) == (InternalError, "OSError: e")


@given(st.lists(st.floats(0, 1e6), max_size=20))
def test_times_come_out_as_they_went_in(times: list[float]) -> None:
    assert list(process_messages.unpack_times(process_messages.pack_times(times))) == times


@pytest.mark.parametrize(
    ("cores", "connections", "processes", "shares"),
    [
        (2, 512, None, []),
        (1, 512, None, []),
        (4, 64, None, [22, 21, 21]),
        (4, 16, None, [8, 8]),
        (4, 15, None, []),
        (8, 512, 1, []),
        (1, 5, 3, [2, 2, 1]),
        (1, 2, 3, [1, 1]),
        (1, 1, 3, [1]),
    ],
)
def test_connections_are_dealt_out(
    monkeypatch: pytest.MonkeyPatch, cores: int, connections: int, processes: int | None, shares: list[int]
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: set(range(cores)))
    number = process_pool._number_of_processes(connections, processes)
    assert [each.connections for each in process_pool._split(LoopOptions(connections), number)] == shares


def test_more_connections_than_this_process_has_descriptors_for_get_one_of_their_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0})
    monkeypatch.setattr(resource, "getrlimit", lambda _which: (1024, 4096))
    assert process_pool._number_of_processes(500, None) == 0
    assert process_pool._number_of_processes(1024, None) == 1


async def test_impossible_jobs_are_refused_before_anything_starts() -> None:
    here, page, one = Address(port=1), VerifiedRequest(b"", b""), LoopOptions(1)
    with pytest.raises(TargetRefused, match="loopback"):
        await process_pool.parallel_open_loop(Address("192.0.2.1", 80), page, one, Uniform(1), 1)
    with pytest.raises(ValueError, match="above 0"):
        await process_pool.parallel_open_loop(here, page, one, Uniform(1), 0)
    with pytest.raises(ValueError, match="processes must be 1 to 64"):
        await process_pool.parallel_open_loop(here, page, one, Uniform(1), 1, processes=0)
    with pytest.raises(ValueError, match="a window must be at least"):
        await process_pool.parallel_open_loop(here, page, LoopOptions(1, window=0.01), Uniform(1), 100)
    with pytest.raises(ConfigurationError, match="more than 1,000,000 requests are due in 1 s"):
        await process_pool.parallel_open_loop(here, page, one, Uniform(2e6), 1)


def test_windows_cover_the_time_without_a_gap() -> None:
    window = GeneratorWindow(0.2, 0.1, 3, over([10**6] * 2), over([]))
    every = process_pool._fill_windows([window], 0.45, 0.1)
    assert [round(each.at, 9) for each in every] == [0, 0.1, 0.2, 0.3, 0.4]
    assert [round(each.seconds, 9) for each in every] == [0.1, 0.1, 0.1, 0.1, 0.05]
    assert [each.scheduled for each in every] == [0, 0, 3, 0, 0]
    assert len(process_pool._fill_windows([], 3.0, 0.1)) == 30
    third = every[2].window(10.0)
    assert (third.at, third.seconds, third.goodput, third.offered) == pytest.approx((10.2, 0.1, 2 / 3, 30))
    assert third.p99 == pytest.approx(1e-3, rel=0.01)
    assert every[0].goodput == 1.0
    assert every[0].window().p50 is None
