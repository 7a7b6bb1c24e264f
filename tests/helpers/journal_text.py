"""Read the journal of a run as text, also while the run goes on."""

from __future__ import annotations

from pathlib import Path

from wsgi_gauntlet.harness.store.compressed_lines import read_lines
from wsgi_gauntlet.harness.store.journal import journal_path


def journal_text(folder: Path) -> str:
    """Return the lines in the journal of the run folder, '' if there is none yet."""
    try:
        stream = journal_path(folder).open("rb")
    except FileNotFoundError:
        return ""
    with stream:
        return b"".join(line for _, line in read_lines(stream.fileno())).decode()
