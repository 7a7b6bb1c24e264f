"""What a lane in a process of its own and the process that started it tell each other: length, then MessagePack.

    harness --> shard   Order      what to do
    shard --> harness   Ready      everything is loaded
    harness --> shard   Start      when, as time.perf_counter_ns(): CLOCK_MONOTONIC, the same in both
    shard --> harness   Report     what was measured; or Trouble, at any time

The schedule travels as times and not as a pacer, so that any pacer can be used, a seeded one is drawn from once, and
nothing that comes through the pipe is ever run.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from ...histogram import Histogram
from .lane_result import LaneResult, LaneWindow

HEADER = 8
"""Bytes of a message's length, which stands before it, big-endian."""

MOST = 1 << 28
"""Bytes of a message: more is none of ours. A schedule of a million requests takes 8 MB."""

Buckets = list[tuple[int, int]]


class Order(msgspec.Struct, frozen=True, tag=True):
    """One lane's work. `schedule` has little-endian doubles, or is None for a closed loop."""

    address: dict[str, Any]
    request: bytes
    body: bytes
    status: int
    connections: int
    timeout: float
    seconds: float = 0.0
    warm_up: float = 0.0
    schedule: bytes | None = None
    window: float = 0.0
    proof: tuple[str, str, int] | None = None
    """Of a target: its mount, the token, and how many watch it. It travels through the pipe alone."""
    mark: bytes = b""


class Start(msgspec.Struct, frozen=True, tag=True):
    """Begin at this time.perf_counter_ns()."""

    at: int


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The order is understood and waits for its start."""


class Trouble(msgspec.Struct, frozen=True, tag=True):
    """The lane could not be run; `words` say why and what to do."""

    kind: Literal["resources", "refused", "numbers", "unsupported", "other"]
    words: str


class WindowReport(msgspec.Struct, frozen=True, array_like=True):
    """A LaneWindow."""

    at: float
    seconds: float
    scheduled: int
    latency: Buckets
    waiting: Buckets


class Report(msgspec.Struct, frozen=True, tag=True):
    """A LaneResult. `counts` has its plain fields, `service` is None where it is the latency itself."""

    counts: dict[str, int | float | None]
    latency: Buckets
    service: Buckets | None
    waiting: Buckets
    lateness: Buckets | None
    troubles: dict[str, int]
    windows: list[WindowReport]


Message = Order | Start | Ready | Trouble | Report
_DECODER: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)
_APART = {"latency", "service", "waiting", "lateness", "troubles", "windows"}


def encoded(message: Message) -> bytes:
    """Return `message` with its length in front."""
    data = msgspec.msgpack.encode(message)
    return len(data).to_bytes(HEADER, "big") + data


def decoded(data: bytes) -> Message:
    """Return the message that `data` is. Raises ValueError for anything else."""
    try:
        return _DECODER.decode(data)
    except msgspec.DecodeError as error:
        raise ValueError(f"no message of a shard: {error}") from error


def length(header: bytes) -> int:
    """Return the length that `header` announces. Raises ValueError for one that no message of ours has."""
    found = int.from_bytes(header, "big")
    if found > MOST:
        raise ValueError(f"no message of a shard has {found} bytes")
    return found


def packed(times: Iterable[float]) -> bytes:
    """Return the times of a schedule as bytes."""
    numbers = array("d", times)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def unpacked(data: bytes) -> array[float]:
    """Return the times that `packed` made bytes of."""
    numbers = array("d")
    numbers.frombytes(data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def report(result: LaneResult) -> Report:
    """Return `result` for the pipe."""
    return Report(
        {name: getattr(result, name) for name in result.__dataclass_fields__ if name not in _APART},
        list(result.latency.filled()),
        None if result.service is result.latency else list(result.service.filled()),
        list(result.waiting.filled()),
        None if result.lateness is None else list(result.lateness.filled()),
        dict(result.troubles or {}),
        [
            WindowReport(
                each.at, each.seconds, each.scheduled, list(each.latency.filled()), list(each.waiting.filled())
            )
            for each in result.windows
        ],
    )


def result(told: Report) -> LaneResult:
    """Return the result that `told` was made of. Raises ValueError for one that cannot be."""
    latency = Histogram.of(told.latency)
    counts: dict[str, Any] = dict(told.counts)
    try:
        return LaneResult(
            latency=latency,
            service=latency if told.service is None else Histogram.of(told.service),
            waiting=Histogram.of(told.waiting),
            lateness=None if told.lateness is None else Histogram.of(told.lateness),
            troubles=told.troubles,
            windows=tuple(
                LaneWindow(
                    each.at, each.seconds, each.scheduled, Histogram.of(each.latency), Histogram.of(each.waiting)
                )
                for each in told.windows
            ),
            **counts,
        )
    except TypeError as error:
        raise ValueError(f"a shard's report is not a lane's: {error}") from error
