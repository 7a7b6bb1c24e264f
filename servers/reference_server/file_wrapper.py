"""wsgi.file_wrapper (PEP 3333, Optional Platform-Specific File Handling)."""

from __future__ import annotations

from typing import Any

BLOCK_BYTES = 8192


class FileWrapper:
    """An iterable over what read() gives, from where the file stands; it has close() where the file has."""

    def __init__(self, filelike: Any, block_size: int = BLOCK_BYTES, /) -> None:
        self.filelike = filelike
        self.block_size = block_size
        if hasattr(filelike, "close"):
            self.close = filelike.close

    def __iter__(self) -> FileWrapper:
        return self

    def __next__(self) -> bytes:
        block: bytes = self.filelike.read(self.block_size)
        if not block:
            raise StopIteration
        return block
