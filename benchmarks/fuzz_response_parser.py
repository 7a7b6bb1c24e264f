"""Fuzz the response parser with a million hostile responses, and with endless ones.

    python benchmarks/fuzz_response_parser.py [--examples 1000000] [--seed 0] [--processes 2]

hypothesis draws responses by the grammar with small errors, real responses with changes, and noise. Each draw is
followed by cheap variants of it. For each of them the parser must never raise, its result must not depend on the
segmentation, and lint must accept the result. Then each endless response is read in a process of its own: heads,
bodies, chunks, trailers, interim responses. The process may use at most 64 MiB more memory than before. Memory is the
peak of the resident set, as the kernel counts it, minus its size before.

Ends with 0 if everything is correct, 1 if not; then the input is shown.
"""

# ruff: noqa: T201 - this script prints its result

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import os
import resource
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from wsgi_gauntlet.harness.http.parser import ResponseParser
from wsgi_gauntlet.harness.http.response import ConnectionState

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.helpers.hostile_responses import Hostile, check_invariants, hostile, variants

DRAWS = 1000
"""Responses that one round draws. Each round is a new test, so that the memory of hypothesis does not grow."""

VARIANTS = 15
"""Variants of each response."""

LIMIT = 64 * 1024 * 1024
"""Bytes of memory that reading one response may use."""

STREAM = 80 * 1000 * 1000
"""Bytes of an endless response; a hundredth of it if each byte needs work."""

PIECE = 64 * 1024


class Round(NamedTuple):
    """The result of some inputs: their number, the CPU seconds, and the exception, if any."""

    inputs: int
    cpu: float
    raised: str


def fuzz(number: int, base: int, inputs: int) -> Round:
    """Check `inputs` inputs, drawn with the seed `base` and the `number` of the round."""
    seen = 0
    draws = -(-inputs // (1 + VARIANTS))

    @seed(base * 1_000_003 + number)
    @settings(
        max_examples=draws,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=(Phase.generate, Phase.shrink),
    )
    @given(hostile, st.integers(0, 2**32))
    def run_examples(response: Hostile, kin: int) -> None:
        nonlocal seen
        seen += 1
        check_invariants(response)
        for each in variants(response, kin, VARIANTS):
            seen += 1
            check_invariants(each, bytewise=False)

    started = time.process_time()
    raised = ""
    try:
        run_examples()
    except BaseException:  # noqa: BLE001 - any exception is the result
        raised = traceback.format_exc()
    return Round(seen, time.process_time() - started, raised)


def endless(begin: bytes, unit: bytes, end: bytes = b"", size: int = STREAM) -> Iterator[bytes]:
    """Yield `size` bytes of a response: `begin`, then repeatedly 64 KiB of `unit` and `end`."""
    yield begin
    block = unit * max(1, PIECE // len(unit)) + end
    yield from itertools.repeat(block, size // len(block))


def worst() -> Iterator[bytes]:
    """Yield the response that needs the most memory: heads and trailers full of fields, a body beyond the limit."""
    shortest = b"a:\n" * 40_000
    yield b"HTTP/1.1 103 Hints\r\n" + shortest + b"\r\n"
    yield b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + shortest + b"\r\n"
    yield from [b"10000\r\n" + b"x" * PIECE + b"\r\n"] * 400
    yield b"0\r\n" + b"a:\n" * 85_000 + b"\r\n"


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
STREAMS: dict[str, Callable[[], Iterator[bytes]]] = {
    "a status line without end": partial(endless, b"HTTP/1.1 200 ", b"x"),
    "empty lines before it": partial(endless, b"", b"\r\n"),
    "no status line": partial(endless, b"", b"<html>"),
    "one field without end": partial(endless, OK + b"A: ", b"x"),
    "fields without end": partial(endless, OK, b"a:\n"),
    "fields that break every rule": partial(endless, OK, b"\xff :\r\0\n"),
    "folded lines without end": partial(endless, OK + b"A: b\r\n", b" c\n"),
    "endless interim responses": partial(endless, b"", b"HTTP/1.1 100 Go\r\n\r\n"),
    "interim responses of many fields": partial(
        endless, b"HTTP/1.1 100 Go\r\n", b"a:\n", end=b"\r\nHTTP/1.1 100 Go\r\n"
    ),
    "a body of 10^17 bytes": partial(endless, OK + b"Content-Length: 1" + b"0" * 17 + b"\r\n\r\n", b"x"),
    "a body until the connection closes": partial(endless, OK + b"\r\n", b"x"),
    "one chunk of 2^59 bytes": partial(endless, CHUNKED + b"7ffffffffffffff\r\n", b"x"),
    "chunks of one byte": partial(endless, CHUNKED, b"1\r\nx\r\n", size=STREAM // 100),
    "a chunk extension without end": partial(endless, CHUNKED + b"1;", b"a=b;"),
    "chunks with long extensions": partial(endless, CHUNKED, b"1;" + b"a" * 60_000 + b"\r\nx\r\n"),
    "trailers without end": partial(endless, CHUNKED + b"0\r\n", b"a:\n"),
    "all that is kept, at once": worst,
    "80 MB fed at once": lambda: iter([OK + b"\r\n" + b"x" * STREAM]),
}


class Peak(NamedTuple):
    """The result of one stream: bytes of memory, CPU seconds, and the exception, if any."""

    memory: int
    cpu: float
    raised: str


def measured(name: str) -> Peak:
    """Read the stream `name`. Call it in a process of its own, because it limits the memory of the process."""
    stream = STREAMS[name]()
    pieces: Iterator[bytes] = iter(list(stream)) if name.endswith("at once") else stream
    parser = ResponseParser()
    raised = ""
    resource.setrlimit(resource.RLIMIT_AS, (_status("VmSize") + LIMIT, resource.RLIM_INFINITY))
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here (proc(5))
    before, started = _status("VmRSS"), time.process_time()
    try:
        for piece in pieces:
            parser.feed(piece)
            if parser.done:
                break
        parser.eof(ConnectionState.EOF)
        parser.response().describe()
    except BaseException:  # noqa: BLE001 - any exception is the result
        raised = traceback.format_exc()
    cpu = time.process_time() - started
    return Peak(_status("VmHWM") - before, cpu, raised)


def _status(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) * 1024
    raise LookupError(f"/proc/self/status has no {field}")


def main() -> int:
    """Run both parts and print their results."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--examples", type=int, default=1_000_000, help="inputs in all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    each = DRAWS * (1 + VARIANTS)
    sizes = [each] * (options.examples // each) + [options.examples % each] * (options.examples % each > 0)
    rounds: list[Round] = []
    started = time.monotonic()
    with multiprocessing.Pool(options.processes) as pool:
        waiting = [pool.apply_async(fuzz, (number, options.seed, size)) for number, size in enumerate(sizes)]
        for number, one in enumerate(waiting, 1):
            rounds.append(one.get())
            print(f"\r{number} of {len(waiting)} rounds", end="", file=sys.stderr, flush=True)
    seconds = time.monotonic() - started
    print(file=sys.stderr)
    inputs, bad = sum(one.inputs for one in rounds), [one.raised for one in rounds if one.raised]
    cpu = sum(one.cpu for one in rounds)
    print(f"seed {options.seed}, {options.processes} processes")
    print(f"{'inputs':>12} {'seconds':>9} {'inputs/s':>9} {'CPU s':>9} {'raised':>7}")
    print(f"{inputs:12,} {seconds:9.1f} {inputs / seconds:9,.0f} {cpu:9.1f} {len(bad):7}\n")
    print(f"{'endless response':36} {'peak MiB':>9} {'CPU s':>7} {'raised':>7}")
    peaks: list[Peak] = []
    for name in STREAMS:
        with multiprocessing.Pool(1) as one_process:
            peak = one_process.apply(measured, (name,))
        peaks.append(peak)
        print(f"{name:36} {peak.memory / 2**20:9.1f} {peak.cpu:7.2f} {bool(peak.raised):7}")
    print(f"{'the most':36} {max(peak.memory for peak in peaks) / 2**20:9.1f}   of {LIMIT / 2**20:.0f} MiB")
    bad += [peak.raised for peak in peaks if peak.raised]
    print(*bad[:3], sep="\n")
    return 1 if bad or max(peak.memory for peak in peaks) > LIMIT else 0


if __name__ == "__main__":
    raise SystemExit(main())
