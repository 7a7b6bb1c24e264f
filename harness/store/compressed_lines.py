"""Lines in zstd frames (RFC 8878), appended so that a kill loses nothing. `zstdcat` reads them.

Each line ends a block, so what was written can be read at once. A frame ends after FRAME_BYTES, so one line can be read
without all before it. Files of older versions are plain text: the reader takes both.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

FRAME_BYTES = 256 << 10
"""Bytes of lines after which a frame ends. Larger frames save a tenth, but one line takes longer to read."""

LEVEL = 3
"""The level of compression: 70 MB take 0.2 s of CPU. Level 9 saves a quarter and takes four times as long."""

MAX_FRAME_BYTES = 256 << 20
"""Bytes of lines in one frame, and of one line of it. A longer one shall fill the memory: the longest that the harness
writes are loads of some hours, with 30 bytes for each request."""

MAX_WINDOW_LOG = 23
"""The decompressor keeps at most two to this power bytes (8 MB) of a frame. LEVEL needs 2 MB."""

CACHED_FRAMES = 16
"""Frames that a LineReader keeps. Reports look at one case on all servers: its cells are in different frames."""

MAX_CACHED_FRAME_BYTES = 4 << 20
"""Bytes of a frame above which it is not kept."""

READ_BYTES = 64 << 10
_MAGIC = b"\x28\xb5\x2f\xfd"


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
        self._compressor = zstd.ZstdCompressor(LEVEL)
        self._size = 0
        self._error: OSError | None = None

    def write(self, line: bytes) -> None:
        """Append `line` and give it to the system. Raises OSError, and then again at each later call.

        What could not be written whole is cut off, and all earlier lines stay readable.
        """
        self._size += len(line)
        self._append(line, ends_frame=self._size >= FRAME_BYTES)

    def close(self) -> None:
        """End the last frame. If that fails, the frame stays readable without its end. Raises OSError."""
        if self._size and self._error is None:
            self._append(b"", ends_frame=True)

    def _append(self, line: bytes, *, ends_frame: bool) -> None:
        if self._error is not None:
            raise self._error
        # Later blocks refer to earlier ones. After a block that is not in the file, there can be no other one.
        self._error = OSError(errno.EIO, "an earlier line was not written")
        data = self._compressor.compress(
            line, self._compressor.FLUSH_FRAME if ends_frame else self._compressor.FLUSH_BLOCK
        )
        end = os.lseek(self._descriptor, 0, os.SEEK_END)
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError as problem:
            self._error = problem
            os.ftruncate(self._descriptor, end)
            raise
        self._error = None
        if ends_frame:
            self._size = 0


def read_lines(descriptor: int) -> Iterator[tuple[Place, bytes]]:
    """Yield the lines of an open file with their places. The last one may be incomplete: it has no line break then.

    Raises OSError, and DamagedFile if the file is damaged.
    """
    for frame, chunks in _frames(descriptor):
        offset = size = 0
        pieces: list[bytes] = []
        for chunk in chunks:
            first, *others = chunk.split(b"\n")
            pieces.append(first)
            size += len(first)
            for piece in others:
                yield Place(frame, offset, size + 1), b"".join(pieces) + b"\n"
                offset += size + 1
                pieces, size = [piece], len(piece)
            if size > MAX_FRAME_BYTES:
                raise DamagedFile(f"damaged: a line has more than {MAX_FRAME_BYTES >> 20} MB")
        if size:
            yield Place(frame, offset, size), b"".join(pieces)


class LineReader:
    """Read single lines of an open file. The frames of the latest ones stay unpacked."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._frames: dict[int, bytes] = {}

    def line(self, place: Place) -> bytes:
        """Return the line at `place`. Raises OSError, and DamagedFile if the file is damaged."""
        if place.frame < 0:
            return os.pread(self._descriptor, place.length, place.offset)
        return self._frame(place.frame)[place.offset : place.offset + place.length]

    def _frame(self, frame: int) -> bytes:
        found = self._frames.pop(frame, None)
        if found is None:
            found = b"".join(_Frame(self._descriptor, frame).chunks())
        if len(found) <= MAX_CACHED_FRAME_BYTES:
            self._frames[frame] = found
            if len(self._frames) > CACHED_FRAMES:
                del self._frames[next(iter(self._frames))]
        return found


def is_complete(descriptor: int) -> bool:
    """Say whether lines can be appended: all is zstd, and the last frame is complete. Raises as read_lines()."""
    if not _MAGIC.startswith(os.pread(descriptor, len(_MAGIC), 0)):
        return False
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
        """Yield the bytes of the lines. Zeros at the end of the file, as a power loss leaves them, do not count."""
        done = 0
        try:
            for chunk in self._unpacked():
                done += len(chunk)
                yield chunk
        except zstd.ZstdError as problem:
            damage = DamagedFile(f"damaged before byte {self.end:,}: {problem}")
            end = _end_without_zeros(self._descriptor)
            if end == os.fstat(self._descriptor).st_size:
                raise damage from None
            self.end = self.start
            try:
                for chunk in self._unpacked(end):
                    yield chunk[max(done, 0) :]
                    done -= len(chunk)
            except zstd.ZstdError:
                raise damage from None

    def _unpacked(self, end: int = sys.maxsize) -> Iterator[bytes]:
        decompressor = zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: MAX_WINDOW_LOG})
        size = 0
        while not decompressor.eof:
            wanted = max(0, min(READ_BYTES, end - self.end)) if decompressor.needs_input else 0
            data = os.pread(self._descriptor, wanted, self.end) if wanted else b""
            if decompressor.needs_input and not data:
                return
            self.end += len(data)
            found = decompressor.decompress(data, READ_BYTES)
            size += len(found)
            if size > MAX_FRAME_BYTES:
                raise DamagedFile(f"damaged at byte {self.start:,}: a frame has more than {MAX_FRAME_BYTES >> 20} MB")
            yield found
        self.end -= len(decompressor.unused_data)
        self.complete = True


def _end_without_zeros(descriptor: int) -> int:
    """Return the size of the file without the zeros at its end."""
    end = os.fstat(descriptor).st_size
    while end:
        start = max(0, end - READ_BYTES)
        kept = os.pread(descriptor, end - start, start).rstrip(b"\0")
        if kept:
            return start + len(kept)
        end = start
    return 0


def _frames(descriptor: int) -> Iterator[tuple[int, Iterator[bytes]]]:
    start = os.pread(descriptor, len(_MAGIC), 0)
    if not start:
        return  # and what is written from now on may be compressed
    if not _MAGIC.startswith(start):  # a kill may leave a part of it
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
