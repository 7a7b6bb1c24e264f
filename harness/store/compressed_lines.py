"""Lines in zstd frames (RFC 8878), appended so that a kill loses nothing. `zstdcat` reads them.

Each line ends a block, so what was written can be read at once. A frame ends after FRAME_BYTES, so one line can be read
without all before it. Files of older versions are plain text: the reader takes both.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import zstandard

FRAME_BYTES = 256 << 10
"""Bytes of lines after which a frame ends. Larger frames save a tenth, but one line takes longer to read."""

LEVEL = 3
"""The level of compression: 70 MB take 0.2 s of CPU. Level 9 saves a quarter and takes four times as long."""

READ_BYTES = 64 << 10
_MAGIC = zstandard.FRAME_HEADER


class DamagedFile(ValueError):
    """The file is not what was written."""


@dataclass(frozen=True)
class Place:
    """Where a line is: the offset of its frame in the file (-1 in plain text), its offset there, and its bytes."""

    frame: int
    offset: int
    length: int


class LineWriter:
    """Append lines to an open file whose last frame is complete."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._compressor: zstandard.ZstdCompressionObj | None = None
        self._size = 0
        self._error: OSError | None = None

    def write(self, line: bytes) -> None:
        """Append `line` and give it to the system. Raises OSError, and then again at each later call.

        What could not be written whole is cut off, and all earlier lines stay readable.
        """
        if self._compressor is None:
            self._compressor = zstandard.ZstdCompressor(level=LEVEL).compressobj()
            self._size = 0
        self._size += len(line)
        data = self._compressor.compress(line)
        if self._size >= FRAME_BYTES:
            self._append(data + self._compressor.flush())
            self._compressor = None
        else:
            self._append(data + self._compressor.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK))

    def close(self) -> None:
        """End the last frame. If that fails, the frame stays readable without its end."""
        if self._compressor is not None and self._error is None:
            self._append(self._compressor.flush())
            self._compressor = None

    def _append(self, data: bytes) -> None:
        # Later blocks refer to earlier ones: after a block that was lost there can be no other.
        if self._error is not None:
            raise self._error
        end = os.lseek(self._descriptor, 0, os.SEEK_END)
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError as problem:
            self._error = problem
            os.ftruncate(self._descriptor, end)
            raise


def read_lines(descriptor: int) -> Iterator[tuple[Place, bytes]]:
    """Yield the lines of an open file with their places. The last one may be incomplete: it has no line break then.

    Raises OSError, and DamagedFile if the file is damaged.
    """
    for frame, chunks in _frames(descriptor):
        offset = 0
        rest = b""
        for chunk in chunks:
            *lines, rest = (rest + chunk).split(b"\n")
            for each in (line + b"\n" for line in lines):
                yield Place(frame, offset, len(each)), each
                offset += len(each)
        if rest:
            yield Place(frame, offset, len(rest)), rest


def read_frame(descriptor: int, frame: int) -> bytes:
    """Return the lines of the frame at that offset. Raises OSError, and DamagedFile if it is damaged."""
    return b"".join(_Frame(descriptor, frame).chunks())


def is_complete(descriptor: int) -> bool:
    """Say whether lines can be appended: all is zstd, and the last frame is complete. Raises as read_lines()."""
    if not _is_compressed(descriptor):
        return os.fstat(descriptor).st_size == 0
    offset, size = 0, os.fstat(descriptor).st_size
    while offset < size:
        frame = _Frame(descriptor, offset)
        for _ in frame.chunks():
            pass
        if not frame.complete:
            return False
        offset = frame.end
    return True


def rewrite(source: int, target: Path) -> None:
    """Write the whole lines of `source` into the new file `target`, in complete frames. Raises as read_lines()."""
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        writer = LineWriter(descriptor)
        for _, line in read_lines(source):
            if line.endswith(b"\n"):
                writer.write(line)
        writer.close()
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class _Frame:
    """One frame. `end` and `complete` are known after all `chunks` were read."""

    def __init__(self, descriptor: int, start: int) -> None:
        self._descriptor = descriptor
        self.start = start
        self.end = start
        self.complete = False

    def chunks(self) -> Iterator[bytes]:
        decompressor = zstandard.ZstdDecompressor().decompressobj()
        while not decompressor.eof and (data := os.pread(self._descriptor, READ_BYTES, self.end)):
            self.end += len(data)
            try:
                yield decompressor.decompress(data)
            except zstandard.ZstdError as problem:
                raise DamagedFile(f"damaged near byte {self.end - len(data):,}: {problem}") from None
        self.end -= len(decompressor.unused_data)
        self.complete = decompressor.eof


def _is_compressed(descriptor: int) -> bool:
    start = os.pread(descriptor, len(_MAGIC), 0)
    return bool(start) and _MAGIC.startswith(start)  # a kill may leave a part of it


def _frames(descriptor: int) -> Iterator[tuple[int, Iterator[bytes]]]:
    if not _is_compressed(descriptor):
        yield -1, _plain_chunks(descriptor)
        return
    offset, size = 0, os.fstat(descriptor).st_size
    while offset < size:
        frame = _Frame(descriptor, offset)
        yield offset, frame.chunks()
        if not frame.complete:
            return
        offset = frame.end


def _plain_chunks(descriptor: int) -> Iterator[bytes]:
    offset = 0
    while data := os.pread(descriptor, READ_BYTES, offset):
        yield data
        offset += len(data)
