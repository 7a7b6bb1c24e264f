"""Write bytes as commands of a POSIX shell that print exactly these bytes. Pure.

The shell never interprets the bytes: they are in single quotes, special bytes are octal escapes of printf's format, and
a comment is printable ASCII.
"""

from __future__ import annotations

import re
import textwrap

MIN_RUN_BYTES = 200
"""A command generates equal bytes if at least this many are in a row."""

MIN_PATTERN_DATA_BYTES = 3000
"""Repeated patterns are searched in data of at least this many bytes."""

MAX_PERIOD_BYTES = 1024
"""Length of the longest repeated pattern, in bytes."""

MIN_COUNTED_LINES = 40
"""A loop prints at least this many lines, if they differ only in a number that grows by one."""

MAX_LINES_PER_STEP = 6
"""Maximum lines of one step of such a loop."""

COMMENT_WIDTH = 100
"""Width of a comment in columns."""

_NUMBER = re.compile(rb"(?<![0-9])(?:0|[1-9][0-9]{0,8})(?![0-9])")
_RUN = re.compile(rb"(.)\1{%d,}" % (MIN_RUN_BYTES - 1), re.DOTALL)
_FORMAT_TEXT = {
    **{value: f"\\{value:03o}" for value in range(256) if not 0x20 <= value < 0x7F},
    0x0D: "\\r",
    0x0A: "\\n",
    0x09: "\\t",
    0x5C: "\\\\",
    0x25: "%%",
    0x27: "\\047",
}
"""The text in a format of printf for each byte that does not stand for itself there."""


def print_commands(data: bytes) -> list[str]:
    """Return the commands that print `data`, in order."""
    commands: list[str] = []
    start = 0
    for found in _RUN.finditer(data):
        commands += _print_patterns(data[start : found.start()]) + _repeat_command(found[1], len(found[0]))
        start = found.end()
    return commands + _print_patterns(data[start:])


def print_continued(data: bytes, length: int) -> list[str]:
    """Return the commands that print `length` bytes: `data`, then a repetition of its end."""
    last = data[-1:] or b"x"
    at = _find_repetition(data, len(data) - MIN_PATTERN_DATA_BYTES // 2)
    if at is None or at[1] < len(data):
        return print_commands(data) + _repeat_command(last, length - len(data))
    start, _, period = at
    count, rest = divmod(length - start, period)
    unit = data[start : start + period]
    return print_commands(data[:start]) + _repeat_command(unit, count) + _printf(unit[:rest])


def group_commands(commands: list[str]) -> str:
    """Return the commands as one command whose output can be piped."""
    return commands[0] if len(commands) == 1 else "{ " + "; ".join(commands) + "; }"


def comment(text: str, label: str = "") -> str:
    """Return `label` and any `text` as comment lines."""
    plain = " ".join(text.split()).encode("ascii", "backslashreplace").decode("ascii")
    safe = "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in f"{label}{plain}")
    wrapped = textwrap.wrap(safe, COMMENT_WIDTH - 2, subsequent_indent=" " * len(label), break_on_hyphens=False)
    return "\n".join(f"# {line}".rstrip() for line in wrapped or [label.strip()])


def _print_patterns(data: bytes) -> list[str]:
    """Return the commands that print `data`, which has no long run of one value."""
    at = _find_repetition(data, len(data) // 2) if len(data) >= MIN_PATTERN_DATA_BYTES else None
    if at is not None:
        start, end, period = at
        count = (end - start) // period
        unit, end = data[start : start + period], start + count * period
        return _print_counted_lines(data[:start]) + _repeat_command(unit, count) + _print_counted_lines(data[end:])
    return _print_counted_lines(data)


def _find_repetition(data: bytes, middle: int) -> tuple[int, int, int] | None:
    """Return the begin and end of the repeated pattern around `middle`, and its period; None if there is none."""
    window = data[max(0, middle - MIN_PATTERN_DATA_BYTES // 2) : middle + MIN_PATTERN_DATA_BYTES // 2]
    sizes = range(1, min(MAX_PERIOD_BYTES, len(window) // 2))
    period = next((size for size in sizes if window[size:] == window[:-size]), 0)
    if not period:
        return None
    start = max(0, middle - MIN_PATTERN_DATA_BYTES // 2)
    end = start + len(window)
    while start and data[start - 1] == data[start - 1 + period]:
        start -= 1
    while end < len(data) and data[end] == data[end - period]:
        end += 1
    return start, end, period


def _print_counted_lines(data: bytes) -> list[str]:
    """Return the commands that print `data`, with a loop for lines that only count."""
    lines = data.splitlines(keepends=True)
    if len(lines) < MIN_COUNTED_LINES:
        return _printf(data)
    for size in range(1, MAX_LINES_PER_STEP + 1):
        for at in range(min(len(lines) - MIN_COUNTED_LINES, MIN_COUNTED_LINES)):
            steps = [b"".join(lines[begin : begin + size]) for begin in range(at, len(lines) - size + 1, size)]
            if (counter := _find_counter(steps)) and counter[3] * size >= MIN_COUNTED_LINES:
                before, first, after, count = counter
                text = f"{_quote_format(before)[:-1]}%d{_quote_format(after, first=False)[1:]}"
                loop = f"i={first}; while [ $i -lt {first + count} ]; do printf {text} $i; i=$((i + 1)); done"
                head, rest = b"".join(lines[:at]), b"".join(lines[at + count * size :])
                return [*_printf(head), loop, *_printf(rest)]
    return _printf(data)


def _find_counter(steps: list[bytes]) -> tuple[bytes, int, bytes, int] | None:
    """Return the text before the number, its first value, the text after it, and how many of `steps` count on."""
    for found in _NUMBER.finditer(steps[0]):
        before, first, after = steps[0][: found.start()], int(found[0]), steps[0][found.end() :]
        count = 0
        while count < len(steps) and steps[count] == b"%b%d%b" % (before, first + count, after):
            count += 1
        if count > 1:
            return before, first, after, count
    return None


def _repeat_command(unit: bytes, count: int) -> list[str]:
    if len(unit) * count < MIN_RUN_BYTES:
        return _printf(unit * count)
    if len(unit) == 1:
        if unit == b"\0":
            return [f"head -c {count} /dev/zero"]
        letter = chr(unit[0]) if unit.isalnum() else f"\\{unit[0]:03o}"
        return [f"head -c {count} /dev/zero | tr '\\0' '{letter}'"]
    body = group_commands(_printf(unit))
    return [f"i=0; while [ $i -lt {count} ]; do {body}; i=$((i + 1)); done"] if count else []


def _printf(data: bytes) -> list[str]:
    """Return printf with `data` in quotes, one line of text for each line of `data`; the shell joins them."""
    if not data:
        return []
    lines = data.splitlines(keepends=True)
    if len(lines) > MIN_COUNTED_LINES:
        return [f"printf {_quote_format(data)}"]
    return ["printf " + "\\\n".join(_quote_format(each, first=not at) for at, each in enumerate(lines))]


def _quote_format(data: bytes, *, first: bool = True) -> str:
    """Return `data` as a quoted format of printf, or as a later part of one if it is not the `first`."""
    text = data.decode("latin-1").translate(_FORMAT_TEXT)
    # printf reads a format that begins with a dash as an option.
    text = f"\\055{text[1:]}" if first and text.startswith("-") else text
    return f"'{text}'"
