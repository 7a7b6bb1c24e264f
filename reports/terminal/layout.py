"""Lay out text within the columns of a terminal. Wide characters count as two columns."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.console import Console
from rich.text import Text

from wsgi_gauntlet.reports.text.escaping import line

MIN_SERVER_COLUMNS = 16
"""Columns for the servers behind a requirement."""

CONTINUED = " \\"
"""The end of a shell line that the next one continues."""


def clip(text: str, columns: int) -> str:
    """Return `text` on one line, escaped, with at most `columns` columns; a cut is marked."""
    flat = line(text)
    if cell_len(flat) <= columns:
        return flat
    return set_cell_size(flat, max(columns - 1, 0)).rstrip() + "…" if columns > 0 else ""


def fold(out: Console, text: Text, *, indent: int = 0, room: int = 0, limit: int = 0) -> list[Text]:
    """Return the lines of `text`, wrapped between words to the columns of `out`.

    All lines but the first are indented, and `room` columns stay free before all of them. Of more than `limit` lines
    (0: any number) the last one ends with an ellipsis.
    """
    if "\n" not in text.plain and text.cell_len <= out.width - room:
        return [text]
    width = max(out.width - indent - room, 8)
    found = list(text.wrap(out, width))
    if limit and len(found) > limit:
        last = found[limit - 1]
        last.rstrip()
        last.truncate(width - 1)
        found = [*found[: limit - 1], last.append("…")]
    for each in found:
        each.rstrip()
    return [each if place == 0 else Text(" " * indent).append_text(each) for place, each in enumerate(found)]


def shell_lines(words: Sequence[str], columns: int, *, indent: int = 2) -> list[str]:
    """Return the command of `words` as lines that fit into `columns` and can be pasted into a shell.

    A line that is too long continues on the next one. Characters that could act on the terminal become `?`.
    """
    room = max(columns - len(CONTINUED), 8)
    lines = [" " * indent]
    for word in words:
        clean = "".join(each if each.isprintable() else "?" for each in word)
        quoted = shlex.quote(clean)
        start = "" if lines[-1].isspace() or not lines[-1] else " "
        if cell_len(lines[-1] + start + quoted) <= room:
            lines[-1] += start + quoted
            continue
        if start:
            lines[-1] += CONTINUED
            lines.append(" " * 2 * indent)
        if cell_len(lines[-1] + quoted) <= room:
            lines[-1] += quoted
            continue
        # A longer word than a line: the shell joins its pieces, if the next one begins in the first column.
        first, *rest = _pieces(clean, room - 2 * indent)
        lines[-1] += first
        for piece in rest:
            lines[-1] += CONTINUED.strip()
            lines.append(piece)
    return lines


def _pieces(word: str, columns: int) -> list[str]:
    """Return the quoted parts of `word`, each within `columns`."""
    size = columns
    while True:
        found = [shlex.quote(each) for each in chop_cells(word, size)]
        if size <= 4 or all(cell_len(each) <= columns for each in found):
            return found
        size -= 2


def print_lines(out: Console, lines: Sequence[Text | str]) -> None:
    """Print lines that fit already. At once: rich takes longer to prepare a print than to do it."""
    if lines:
        whole = Text("\n").join(Text(each) if isinstance(each, str) else each for each in lines)
        out.print(whole, soft_wrap=True, highlight=False, markup=False)


def requirement_line(head: Text, requirement: str, servers: Sequence[str], columns: int) -> Text:
    """Return one line: `head`, a requirement and its servers. The servers that do not fit are counted."""
    text = head.append(clip(requirement, columns - head.cell_len - MIN_SERVER_COLUMNS), style="bold").append("  ", "")
    room = columns - text.cell_len
    for shown in range(len(servers), 1, -1):
        more = f" +{len(servers) - shown}" if shown < len(servers) else ""
        joined = line(", ".join(servers[:shown])) + more
        if cell_len(joined) <= room:
            return text.append(joined, "")
    more = f" +{len(servers) - 1}" if len(servers) > 1 else ""
    return text.append(clip(servers[0], room - len(more)) + more, "")
