"""Lines in zstd frames: what was written before an error or a kill can be read, and no file can fill the memory."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.store import compressed_lines, journal
from wsgi_gauntlet.harness.store.compressed_lines import (
    FRAME_BYTES,
    DamagedFile,
    LineReader,
    LineWriter,
    is_complete,
    read_lines,
)

from ....helpers.requirements import program

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LENGTHS = (0, 1, 9, FRAME_BYTES // 2, 3, 70_000, 5) * 3
LINES = [b"%d " % number * length + b"\n" for number, length in enumerate(LENGTHS)]
"""They need several frames. Some are longer than what is read at once."""


@pytest.fixture
def descriptor(tmp_path: Path) -> Iterator[int]:
    opened = os.open(tmp_path / "lines", os.O_RDWR | os.O_CREAT)
    yield opened
    os.close(opened)


def written(descriptor: int) -> list[bytes]:
    return [line for _, line in read_lines(descriptor)]


@pytest.mark.parametrize("compressed", [True, False])
def test_each_line_is_read_in_turn_and_alone(descriptor: int, *, compressed: bool) -> None:
    if compressed:
        writer = LineWriter(descriptor)
        for number, line in enumerate(LINES, 1):
            writer.write(line)
            assert written(descriptor) == LINES[:number]
        writer.close()
        assert is_complete(descriptor)
    else:
        os.write(descriptor, b"".join(LINES))
    places = [place for place, _ in read_lines(descriptor)]
    assert len({place.frame for place in places}) == (4 if compressed else 1)
    assert written(descriptor) == LINES
    reader = LineReader(descriptor)
    assert [reader.line(place) for place in reversed(places)] == LINES[::-1]


def test_a_file_that_is_begun_while_it_is_read_has_no_line_yet(
    descriptor: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pread, writer = os.pread, LineWriter(descriptor)

    def begun_after_the_first_look(*arguments: int) -> bytes:
        found = pread(*arguments)
        monkeypatch.setattr(os, "pread", pread)
        writer.write(b"a line\n")
        return found

    monkeypatch.setattr(os, "pread", begun_after_the_first_look)
    assert list(read_lines(descriptor)) == []
    assert [line for _, line in read_lines(descriptor)] == [b"a line\n"]


def test_zstdcat_prints_the_lines_of_a_run_that_goes_on(descriptor: int, tmp_path: Path) -> None:
    writer = LineWriter(descriptor)
    for line in LINES:
        writer.write(line)
    command = [program("zstdcat", package="zstd"), str(tmp_path / "lines")]
    assert subprocess.run(command, capture_output=True, check=False).stdout == b"".join(LINES)
    writer.close()
    assert subprocess.run(command, capture_output=True, check=True).stdout == b"".join(LINES)


def test_a_full_disk_leaves_all_earlier_lines(descriptor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = LineWriter(descriptor)
    writer.write(b"one\n")
    write = os.write

    def fill(target: int, data: bytes) -> int:
        if len(data) > 5:
            return write(target, data[:5])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", fill)
    with pytest.raises(OSError, match="No space"):
        writer.write(b"two\n")
    monkeypatch.undo()
    with pytest.raises(OSError, match="No space"):  # its block would refer to the one that was lost
        writer.write(b"three\n")
    writer.close()
    assert written(descriptor) == [b"one\n"]


def test_an_interrupt_in_a_line_leaves_all_earlier_lines(descriptor: int, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = LineWriter(descriptor)
    writer.write(b"one\n")

    def interrupt(_target: int, _data: bytes) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "write", interrupt)
    with pytest.raises(KeyboardInterrupt):
        writer.write(b"two\n")
    monkeypatch.undo()
    with pytest.raises(OSError, match="an earlier line was not written"):
        writer.write(b"three\n")
    writer.close()
    assert written(descriptor) == [b"one\n"]


@pytest.mark.parametrize(
    "data",
    [
        zstd.compress(bytes(9 << 20)),
        zstd.compress(b"\n" * (9 << 20)),
        bytes(3 << 20),
        zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: 24}).compress(b"x" * (1 << 20)) + bytes(9),
        zstd.compress(b"\n") + b"no frame",
    ],
    ids=["giant line", "giant frame", "giant plain line", "large window", "no frame"],
)
def test_a_file_that_fills_the_memory_is_refused(
    data: bytes, descriptor: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compressed_lines, "MAX_FRAME_BYTES", 1 << 18)
    os.write(descriptor, data)
    with pytest.raises(DamagedFile, match="damaged"):
        written(descriptor)
    (tmp_path / journal.JOURNAL_FILENAME).write_bytes(data)
    with pytest.raises(ConfigurationError, match=r"run\.jsonl\.zst is damaged") as raised:
        journal.read(tmp_path)
    assert "\n" not in str(raised.value)
