"""Escape text that a CI service would take for a command when it reads the output of a step.

GitHub Actions reads commands from every line of stdout and stderr: `::name ...::` after white space at the start of a
line, and `##[name]` anywhere in it. A response of a server could fail a build, hide text, or set an output.
Azure Pipelines and TeamCity have `##vso[` and `##teamcity[`. Only the finished lines show what starts a line: terminal
output wraps, so the streams escape it.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions
https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs
"""

from __future__ import annotations

import contextlib
import re
import sys
import threading
from collections.abc import Iterator
from typing import TextIO, cast

_COMMAND = re.compile(r"((?:^|(?<=[\r\n]))(?:[^\S\r\n]|\x1b\[[0-9;]*m)*:):")
_LEGACY_COMMAND = re.compile(r"(##(?:vso|teamcity)?)\[", re.IGNORECASE)
_LONGEST_START = len("##teamcity")


def escape_commands(text: str, line_start: str = "") -> str:
    r"""Return `text` without commands: one character of each becomes \u003a or \u005b, which JSON reads as the same.

    `line_start` is the text that stands before `text` on its first line.
    """
    whole = line_start + text
    if "::" not in whole and "##" not in whole:
        return text
    escaped = _LEGACY_COMMAND.sub(r"\1\\u005b", _COMMAND.sub(r"\1\\u003a", whole))
    return escaped[len(line_start) :]


def _line_start(text: str) -> str:
    """Return what the last line of `text` begins with, as far as it matters for text that follows."""
    last = text[max(text.rfind("\n"), text.rfind("\r")) + 1 :].lstrip()
    return last if len(last) <= 2 * _LONGEST_START else f"…{last[-_LONGEST_START:]}"


class CommandEscapingStream:
    """A text stream that escapes commands in what is written to `stream`. Threads can share it.

    It has no `buffer`: click would write to it directly.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._line_start = ""
        self._lock = threading.RLock()

    def write(self, text: str) -> int:
        """Write `text` without commands; return its length."""
        with self._lock:
            escaped = escape_commands(text, self._line_start)
            self.stream.write(escaped)
            self._line_start = _line_start(self._line_start + escaped)
        return len(text)

    def writelines(self, lines: Iterator[str]) -> None:
        """Write `lines` without commands."""
        for each in lines:
            self.write(each)

    def __getattr__(self, name: str) -> object:
        if name == "buffer":
            raise AttributeError(name)
        return getattr(self.stream, name)


@contextlib.contextmanager
def commands_escaped() -> Iterator[None]:
    """Escape commands in all that is written to stdout and stderr during the block."""
    with contextlib.ExitStack() as stack:
        if sys.stdout is not None:
            stack.enter_context(contextlib.redirect_stdout(cast("TextIO", CommandEscapingStream(sys.stdout))))
        if sys.stderr is not None:
            stack.enter_context(contextlib.redirect_stderr(cast("TextIO", CommandEscapingStream(sys.stderr))))
        yield


def stdout_for_commands() -> TextIO:
    """Return stdout as it is, for an output that consists of commands."""
    stream: object = sys.stdout
    return stream.stream if isinstance(stream, CommandEscapingStream) else sys.stdout
