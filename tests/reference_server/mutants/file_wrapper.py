"""Faults in wsgi.file_wrapper."""

from __future__ import annotations

import os
from typing import Any

from wsgi_gauntlet.servers.reference_server import environ
from wsgi_gauntlet.servers.reference_server.file_wrapper import FileWrapper
from wsgi_gauntlet.servers.reference_server.gateway import Gateway

from .mutation import mutant, replace, wrap_function


def _wrapper(wrapper: Any) -> None:
    replace(environ, "FileWrapper", wrapper)


@mutant("pep3333/file-wrapper/callable/one")
def block_size_required() -> None:
    """wsgi.file_wrapper requires a block size."""
    _wrapper(lambda file, size: FileWrapper(file, size))


@mutant("pep3333/file-wrapper/callable/two")
def block_size_unknown() -> None:
    """wsgi.file_wrapper accepts no block size."""
    _wrapper(lambda file: FileWrapper(file))


class _Opaque:
    def __init__(self, file: Any, _size: int = 0) -> None:
        self.file = file


@mutant("pep3333/file-wrapper/iterable", "pep3333/file-wrapper/wrapped")
def wrapper_opaque() -> None:
    """The server can send the return value of wsgi.file_wrapper, but nobody can iterate it."""
    _wrapper(_Opaque)
    wrap_function(
        Gateway,
        "iterate",
        lambda right, self, result: right(self, FileWrapper(result.file) if type(result) is _Opaque else result),
    )


@mutant("pep3333/file-wrapper/nothing-sent-early")
def wrapper_sends() -> None:
    """wsgi.file_wrapper sends the file when it is called."""

    def call(right: Any, self: Gateway, application: Any, variables: dict[str, Any]) -> Any:
        def wrap(file: Any, size: int = 8192) -> list[bytes]:
            for block in FileWrapper(file, size):
                self.yielded(block)
            return []

        variables["wsgi.file_wrapper"] = wrap
        return right(self, application, variables)

    wrap_function(Gateway, "call", call)


class _Unclosing:
    def __init__(self, file: Any, size: int = 8192) -> None:
        self.blocks = iter(lambda: file.read(size), b"")

    def __iter__(self) -> Any:
        return self.blocks


@mutant("pep3333/file-wrapper/close")
def file_left_open() -> None:
    """The wrapper has no close()."""
    _wrapper(_Unclosing)


class _Descriptor(FileWrapper):
    def __init__(self, file: Any, size: int = 8192) -> None:
        super().__init__(file, size)
        self.descriptor = file.fileno()

    def __next__(self) -> bytes:
        return super().__next__()


@mutant("pep3333/file-wrapper/non-file")
def files_only() -> None:
    """wsgi.file_wrapper accepts only objects with fileno()."""
    _wrapper(_Descriptor)


class _OneBlock(FileWrapper):
    def __next__(self) -> bytes:
        block = super().__next__()
        self.filelike.seek(0, os.SEEK_END)
        return block


@mutant("pep3333/file-wrapper/whole-file")
def first_block_of_file() -> None:
    """The server sends only 512 bytes of a file."""
    _wrapper(lambda file, _size=512: _OneBlock(file, 512))


def _rewound(file: Any, size: int = 8192) -> FileWrapper:
    if hasattr(file, "seek"):
        file.seek(0)
    return FileWrapper(file, size)


@mutant("pep3333/file-wrapper/offset")
def file_from_its_beginning() -> None:
    """The server always sends a file from its beginning."""
    _wrapper(_rewound)


@mutant("pep3333/file-wrapper/stops-at-content-length")
def file_to_its_end() -> None:
    """The server sends a file to its end and ignores the Content-Length."""

    def iterate(right: Any, self: Gateway, result: Any) -> None:
        if type(result) is not FileWrapper:
            right(self, result)
            return
        self.send_head(b"")
        for block in result:
            self.send(block)

    wrap_function(Gateway, "iterate", iterate)


class _SizedReads(FileWrapper):
    def __init__(self, file: Any, size: int = 8192) -> None:
        super().__init__(file, size)

    def __iter__(self) -> Any:
        return iter(self.filelike)

    def __next__(self) -> bytes:
        return super().__next__()


@mutant("pep3333/file-wrapper/iterable-read-only")
def iterates_over_the_file() -> None:
    """The wrapper iterates over the file itself, which fails for an object that has only read()."""
    _wrapper(_SizedReads)


@mutant("pep3333/file-wrapper/close-passed-on")
def close_without_effect() -> None:
    """The wrapper's close() does nothing."""

    def wrap(file: Any, size: int = 8192) -> FileWrapper:
        wrapper = FileWrapper(file, size)
        wrapper.close = lambda: None
        return wrapper

    _wrapper(wrap)


def _remembering(file: Any, size: int = 8192) -> FileWrapper:
    if not hasattr(file, "seek"):
        return FileWrapper(file, size)
    start = file.tell()

    class Positioned(FileWrapper):
        def __iter__(self) -> FileWrapper:
            file.seek(start)
            return self

    return Positioned(file, size)


@mutant("pep3333/file-wrapper/offset-when-sent")
def position_when_wrapped() -> None:
    """The server sends a file from the position that it had when the app wrapped it."""
    _wrapper(_remembering)
