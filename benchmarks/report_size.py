"""Measure the report of many servers: the bytes of the page, and the CPU time and memory of `report`.

It repeats the cells of a real run under new server names until there are 10 and 56 servers with all cases:

    python benchmarks/report_size.py RUN [FOLDER]

RUN is the folder of a run of `check`. The repeated runs go into FOLDER, by default a temporary one.
"""

# ruff: noqa: T201 - this script prints its result

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from wsgi_gauntlet.harness.store.compressed_lines import LineReader, LineWriter, Place, read_lines
from wsgi_gauntlet.harness.store.journal import JOURNAL_FILENAME, journal_path

SERVER_COUNTS = (10, 56)
LIMITS = {10: (3_000_000, 10.0, 500), 56: (8_000_000, 10.0, 500)}
"""The largest page in bytes, CPU time in seconds and memory in MB, by number of servers."""


class _Line(msgspec.Struct, frozen=True):
    line: str
    check: dict[str, object] = {}
    server: dict[str, object] = {}
    load: dict[str, object] = {}


def repeat(run: Path, target: Path, count: int) -> tuple[int, int]:
    """Write the journal of `run` into `target` with `count` servers; return the number of servers and of cells.

    The cells of a repeated server are those of a real one, in turn. A server without all cells is left out.
    """
    # Only places of lines: the memory of this process would count as that of `report`, which it starts.
    by_server: dict[str, list[Place]] = {}
    infos: dict[str, bytes] = {}
    first = b""
    cells = 0
    with journal_path(run).open("rb") as source, (target / JOURNAL_FILENAME).open("wb") as stream:
        for place, data in read_lines(source.fileno()):
            found = msgspec.json.decode(data, type=_Line)
            if found.line == "run":
                first = data
            elif found.line == "server":
                infos[str(found.server["name"])] = data
            elif found.line in ("check", "load"):
                by_server.setdefault(str((found.check or found.load)["server"]), []).append(place)
        most = max(map(len, by_server.values()))
        whole = [name for name, places in by_server.items() if len(places) >= 0.98 * most]
        reader, writer = LineReader(source.fileno()), LineWriter(stream.fileno())
        writer.write(first)
        for number in range(count):
            name = whole[number % len(whole)]
            new = name if number < len(whole) else f"{name}-{number}"
            writer.write(_renamed(infos[name], name, new))
            for place in by_server[name]:
                writer.write(_renamed(reader.line(place), name, new))
            cells += len(by_server[name])
        writer.write(b'{"line":"end"}\n')
        writer.close()
    return count, cells


def _renamed(data: bytes, name: str, new: str) -> bytes:
    """Return the line with the first place of the server's name changed, which is its field in every kind of line."""
    key = b'"name":' if data.startswith(b'{"line":"server"') else b'"server":'
    before, _, after = data.partition(key + msgspec.json.encode(name))
    return before + key + msgspec.json.encode(new) + after


def measure(run: Path) -> tuple[float, int]:
    """Write the report of `run`; return the seconds of CPU and the megabytes of memory at most."""
    command = [sys.executable, "-c", "from wsgi_gauntlet.harness.cli.main import main; main()", "report", str(run)]
    before = time.monotonic()
    # Users have compiled modules: without them a run would compile all of them again.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"report ended with exit code {process.returncode} after {time.monotonic() - before:.1f} s")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss >> 10


@contextlib.contextmanager
def folder_of(arguments: list[str]) -> Iterator[Path]:
    """Yield the folder for the repeated runs."""
    if arguments:
        yield Path(arguments[0])
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield Path(folder)


def main() -> None:
    """Print a row for each number of servers."""
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    missed = False
    with folder_of(sys.argv[2:]) as folder:
        print(f"{'servers':>7} {'cells':>7} {'packed MB':>10} {'page MB':>8} {'json MB':>8} {'CPU s':>6} {'RSS MB':>7}")
        for count in SERVER_COUNTS:
            run = folder / f"{count}-servers"
            run.mkdir(parents=True, exist_ok=True)
            servers, cells = repeat(Path(sys.argv[1]), run, count)
            seconds, memory = measure(run)
            sizes = {each: (run / each).stat().st_size for each in (JOURNAL_FILENAME, "report.html", "results.json")}
            journal, page, results = (sizes[each] / 1e6 for each in (JOURNAL_FILENAME, "report.html", "results.json"))
            print(
                f"{servers:7} {cells:7,} {journal:10.1f} {page:8.2f} {results:8.1f} {seconds:6.1f} {memory:7}",
                flush=True,
            )
            limits = LIMITS[count]
            missed |= sizes["report.html"] > limits[0] or seconds > limits[1] or memory > limits[2]
    raise SystemExit("a limit is exceeded" if missed else 0)


if __name__ == "__main__":
    main()
