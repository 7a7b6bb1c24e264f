"""The messages between the harness and a generator process: a length, then MessagePack.

    harness --> process   Job         what to do
    process --> harness   Ready       everything is loaded, and the first visits of traffic are in their middle
    harness --> process   Start       when to begin
    process --> harness   JobResult   the measurements; or JobError, at any time

    harness --> worker    ServerJob   which server to start there (cluster/server_main.py)
    worker --> harness    ServerPlan, or ServerReady, which keeps running until its pipe ends

Those of slow clients are described in clients/slow_client_main.py, those of cases in cluster/check_main.py.

The schedule is sent as times and not as an arrival process. So every arrival process can be used, a seeded one is drawn
once, and nothing that comes through the pipe is ever run.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Literal

import msgspec
import trio

from wsgi_gauntlet.harness.errors import (
    ConfigurationError,
    InternalError,
    OutOfResources,
    ServerDidNotStart,
    ServerError,
    TargetRefused,
    Unsupported,
    UsageError,
)
from wsgi_gauntlet.harness.load.clients.behaviour_message import BehaviourMessage
from wsgi_gauntlet.harness.load.generator.generator_result import GeneratorResult
from wsgi_gauntlet.harness.load.generator.loop import LoopOptions
from wsgi_gauntlet.harness.load.workload import VerifiedPage
from wsgi_gauntlet.harness.model import CaseResult
from wsgi_gauntlet.harness.server.remote.proof import AddressField
from wsgi_gauntlet.harness.stats.histogram import Histogram

HEADER_BYTES = 8
"""Bytes of the length in front of a message, big-endian."""

MAX_MESSAGE_BYTES = 1 << 28
"""Bytes of the longest valid message. A schedule of a million requests takes 8 MB."""

ErrorKind = Literal["resources", "refused", "usage", "server", "unsupported", "numbers", "other"]

_ERROR_TYPES: dict[ErrorKind, tuple[type[Exception], type[Exception]]] = {
    "resources": (OutOfResources, OutOfResources),
    "refused": (TargetRefused, TargetRefused),
    "usage": (UsageError, ConfigurationError),
    "server": (ServerError, ServerDidNotStart),
    "unsupported": (Unsupported, Unsupported),
    "numbers": (ValueError, ValueError),
}
"""The errors of each kind, and the one that the harness raises for them. The first kind that fits counts."""


class Job(msgspec.Struct, frozen=True, tag=True):
    """The work of one process: an open loop if there is a `schedule` (little-endian doubles), else a closed loop."""

    address: dict[str, AddressField]
    page: VerifiedPage
    options: LoopOptions
    seconds: float = 0.0
    """The length of a closed loop."""
    schedule: bytes | None = None
    proof: tuple[str, str, int] | None = None
    """For a remote server: its mount path, the token, and the number of processes that watch it."""


class Start(msgspec.Struct, frozen=True, tag=True):
    """Begin at this time.perf_counter_ns(). CLOCK_MONOTONIC is the same in all processes."""

    at: int


class Ready(msgspec.Struct, frozen=True, tag=True):
    """The process can begin with its job and waits for the start."""


class JobError(msgspec.Struct, frozen=True, tag=True):
    """The job failed; `text` says why and what to do."""

    kind: ErrorKind
    text: str

    @classmethod
    def of(cls, error: Exception) -> JobError:
        """Return the message for `error`."""
        for kind, (error_type, _) in _ERROR_TYPES.items():
            if isinstance(error, error_type):
                return cls(kind, str(error))
        return cls("other", f"{type(error).__name__}: {error}")

    def exception(self) -> Exception:
        """Return the exception that the harness raises for it."""
        _, error_type = _ERROR_TYPES.get(self.kind, (InternalError, InternalError))
        return error_type(self.text)


class JobResult(msgspec.Struct, frozen=True, tag=True):
    """The measurements."""

    result: GeneratorResult


class ServerJob(msgspec.Struct, frozen=True, tag=True):
    """A server for a worker to start, by its name; with `start` false, only to plan.

    It serves the test app on `host`, and proves itself with `token`. `python` is an interpreter on the worker, '' for
    that of the worker.
    """

    server: str
    python: str
    host: str
    token: str
    start: bool


class ServerPlan(msgspec.Struct, frozen=True, tag=True):
    """What the worker would start."""

    version: str
    variant: str
    python: str
    mount: str


_Setting = str | int | float | bool | None

Conditions = dict[str, _Setting | dict[str, _Setting] | list[_Setting]]
"""The effective settings of a server; those of a proxy stand below `front`."""


def message_conditions(conditions: Mapping[str, object]) -> Conditions:
    """Return the effective settings of a server as a part of a message."""
    return msgspec.convert(msgspec.to_builtins(conditions), Conditions)


class ServerReady(msgspec.Struct, frozen=True, tag=True):
    """The server answers on `host` and `port`. `conditions` are its effective settings, `command` is for people."""

    host: str
    port: int
    command: str
    conditions: Conditions


class SlowClientJob(msgspec.Struct, frozen=True, tag=True):
    """Slow clients of these kinds, `per_second` of which can connect; `proof` as in Job."""

    address: dict[str, AddressField]
    kinds: tuple[BehaviourMessage, ...]
    per_second: float
    proof: tuple[str, str, int] | None


class ScaleSlowClients(msgspec.Struct, frozen=True, tag=True):
    """Add or remove clients until there are `size` of them, and count."""

    size: int


class CountSlowClients(msgspec.Struct, frozen=True, tag=True):
    """Count the clients."""


class SlowClientCounts(msgspec.Struct, frozen=True, tag=True):
    """The clients that are `connected`, connections that were `refused`, the `total` of clients until now.

    `disconnects` are as in SlowClientPool.
    """

    connected: int
    refused: int
    total: int
    disconnects: tuple[tuple[str, float], ...]


class CheckJob(msgspec.Struct, frozen=True, tag=True):
    """Cases, by id, for a worker to run on a server; `python` as in ServerJob."""

    server: str
    python: str
    cases: tuple[str, ...]
    all_segmentations: bool


class NextEvents(msgspec.Struct, frozen=True, tag=True):
    """Say what happened since the last CheckEvents."""


class StartedServer(msgspec.Struct, frozen=True):
    """A server that was started by `command`, and its effective settings."""

    command: str
    conditions: Conditions


class CheckEvents(msgspec.Struct, frozen=True, tag=True):
    """The cells that are finished, the servers that were started, and why the server `failed`, '' if it did not.

    After the last ones it is `done`.
    """

    cells: tuple[CaseResult, ...]
    started: tuple[StartedServer, ...]
    failed: str
    done: bool


_GeneratorMessage = Job | Start | Ready | JobError | JobResult
_ServerMessage = ServerJob | ServerPlan | ServerReady
_SlowClientMessage = SlowClientJob | ScaleSlowClients | CountSlowClients | SlowClientCounts
_CheckMessage = CheckJob | NextEvents | CheckEvents
Message = _GeneratorMessage | _ServerMessage | _SlowClientMessage | _CheckMessage


def _encode_histogram(histogram: object) -> list[tuple[int, int]]:
    if not isinstance(histogram, Histogram):
        # msgspec asks an encoding hook to raise this error for other types.
        raise NotImplementedError(f"{type(histogram).__name__} is not part of a message")
    return list(histogram.nonzero_counts())


def _decode_histogram(_type: type, counts: object) -> Histogram:
    return Histogram.from_counts(msgspec.convert(counts, list[tuple[int, int]]))


_ENCODER = msgspec.msgpack.Encoder(enc_hook=_encode_histogram)
_DECODER: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Message, dec_hook=_decode_histogram)


def encode(message: Message) -> bytes:
    """Return `message` with its length in front."""
    data = _ENCODER.encode(message)
    return len(data).to_bytes(HEADER_BYTES, "big") + data


def decode(data: bytes) -> Message:
    """Return the message in `data`. Raises ValueError if there is no valid one."""
    try:
        message = _DECODER.decode(data)
    except msgspec.DecodeError as error:
        raise ValueError(f"invalid message between the harness and a generator process: {error}") from error
    if isinstance(message, JobResult) and message.result.service == message.result.latency:
        # In a closed loop both are the same histogram.
        return JobResult(replace(message.result, service=message.result.latency))
    return message


async def receive_message(stream: trio.abc.ReceiveStream) -> Message | None:
    """Return the next message of `stream`, None at its end. Raises ValueError if there is no valid one."""
    header = await _receive_exactly(stream, HEADER_BYTES)
    if header is None:
        return None
    length = int.from_bytes(header, "big")
    if length > MAX_MESSAGE_BYTES:
        raise ValueError(f"a message of {length} bytes is too long; the limit is {MAX_MESSAGE_BYTES}")
    data = await _receive_exactly(stream, length)
    return None if data is None else decode(data)


async def _receive_exactly(stream: trio.abc.ReceiveStream, size: int) -> bytes | None:
    data = bytearray()
    while len(data) < size:
        piece = await stream.receive_some(size - len(data))
        if not piece:
            return None
        data += piece
    return bytes(data)


def pack_times(times: Iterable[float]) -> bytes:
    """Return the times of a schedule as bytes."""
    numbers = array("d", times)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers.tobytes()


def unpack_times(data: bytes) -> array[float]:
    """Return the times that `pack_times` packed."""
    numbers = array("d")
    numbers.frombytes(data)
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
