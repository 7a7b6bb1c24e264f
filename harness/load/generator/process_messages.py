"""What a lane in a process of its own and the process that started it tell each other: length, then MessagePack.

    harness --> shard   Order      what to do
    shard --> harness   Ready      everything is loaded
    harness --> shard   Start      when, as time.perf_counter_ns(): CLOCK_MONOTONIC, the same in both
    shard --> harness   Report     what was measured; or JobError, at any time

The schedule travels as times and not as a pacer, so that any pacer can be used, a seeded one is drawn from once, and
nothing that comes through the pipe is ever run.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult, GeneratorWindow
from wsgi_gauntlet.harness.stats.histogram import Histogram

HEADER_BYTES = 8
"""Bytes of a message's length, which stands before it, big-endian."""

MAX_MESSAGE_BYTES = 1 << 28
"""Bytes of a message: more is none of ours. A schedule of a million requests takes 8 MB."""

Buckets = list[tuple[int, int]]


class Job(msgspec.Struct, frozen=True, tag=True):
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


class JobError(msgspec.Struct, frozen=True, tag=True):
    """The lane could not be run; `words` say why and what to do."""

    kind: Literal["resources", "refused", "numbers", "unsupported", "other"]
    text: str


class WindowResult(msgspec.Struct, frozen=True, array_like=True):
    """A GeneratorWindow."""

    at: float
    seconds: float
    scheduled: int
    latency: Buckets
    waiting: Buckets


class JobResult(msgspec.Struct, frozen=True, tag=True):
    """A GeneratorResult. `counts` has its plain fields, `service` is None where it is the latency itself."""

    counts: dict[str, int | float | None]
    latency: Buckets
    service: Buckets | None
    waiting: Buckets
    lateness: Buckets | None
    error_messages: dict[str, int]
    windows: list[WindowResult]


Message = Job | Start | Ready | JobError | JobResult
_DECODER: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message)
_SEPARATE_FIELDS = {"latency", "service", "waiting", "lateness", "error_messages", "windows"}


def encode(message: Message) -> bytes:
    """Return `message` with its length in front."""
    data = msgspec.msgpack.encode(message)
    return len(data).to_bytes(HEADER_BYTES, "big") + data


def decode(data: bytes) -> Message:
    """Return the message that `data` is. Raises ValueError for anything else."""
    try:
        return _DECODER.decode(data)
    except msgspec.DecodeError as error:
        raise ValueError(f"no message of a shard: {error}") from error


def length(header: bytes) -> int:
    """Return the length that `header` announces. Raises ValueError for one that no message of ours has."""
    found = int.from_bytes(header, "big")
    if found > MAX_MESSAGE_BYTES:
        raise ValueError(f"no message of a shard has {found} bytes")
    return found


def pack_times(times: Iterable[float]) -> bytes:
    """Return the times of a schedule as bytes."""
    numbers = array("d", times)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def unpack_times(data: bytes) -> array[float]:
    """Return the times that `packed` made bytes of."""
    numbers = array("d")
    numbers.frombytes(data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers


def encode_result(result: GeneratorResult) -> JobResult:
    """Return `result` for the pipe."""
    return JobResult(
        {name: getattr(result, name) for name in result.__dataclass_fields__ if name not in _SEPARATE_FIELDS},
        list(result.latency.nonzero_counts()),
        None if result.service is result.latency else list(result.service.nonzero_counts()),
        list(result.waiting.nonzero_counts()),
        None if result.lateness is None else list(result.lateness.nonzero_counts()),
        dict(result.error_messages or {}),
        [
            WindowResult(
                each.at,
                each.seconds,
                each.scheduled,
                list(each.latency.nonzero_counts()),
                list(each.waiting.nonzero_counts()),
            )
            for each in result.windows
        ],
    )


def decode_result(job_result: JobResult) -> GeneratorResult:
    """Return the result that `told` was made of. Raises ValueError for one that cannot be."""
    latency = Histogram.from_counts(job_result.latency)
    counts: dict[str, Any] = dict(job_result.counts)
    try:
        return GeneratorResult(
            latency=latency,
            service=latency if job_result.service is None else Histogram.from_counts(job_result.service),
            waiting=Histogram.from_counts(job_result.waiting),
            lateness=None if job_result.lateness is None else Histogram.from_counts(job_result.lateness),
            error_messages=job_result.error_messages,
            windows=tuple(
                GeneratorWindow(
                    each.at,
                    each.seconds,
                    each.scheduled,
                    Histogram.from_counts(each.latency),
                    Histogram.from_counts(each.waiting),
                )
                for each in job_result.windows
            ),
            **counts,
        )
    except TypeError as error:
        raise ValueError(f"a shard's report is not a lane's: {error}") from error
