"""A run and the user's baseline: opened before anything starts, asked of each cell, updated at the end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from .. import discover
from ..errors import BadConfiguration
from ..journal import BaselineLine, Held, write_text
from ..model import Check, Results, ServerInfo
from .baseline import Baseline, held_against, read
from .update import updated


@dataclass(frozen=True)
class Holding:
    """The baseline of one run; `file` is None where the run has none, and then nothing is said of any cell."""

    file: Path | None
    baseline: Baseline
    update: bool
    today: date

    @property
    def name(self) -> str:
        """The file as reports name it, '' for none."""
        return str(self.file) if self.file is not None else ""

    def held(self, server: ServerInfo, cell: Check) -> Check:
        """Return `cell` with how it stands to the baseline."""
        return cell if self.file is None else held_against(self.baseline, server, cell, self.today)

    def again(self, results: Results) -> BaselineLine | None:
        """Return what is to be said anew of the cells of `results`, held against another baseline or none before."""
        changed = []
        for cell in results.checks:
            server = results.servers.get(cell.server) or ServerInfo(cell.server, cell.server, True)
            mark = held_against(self.baseline, server, cell, self.today).baseline if self.file is not None else None
            if mark != cell.baseline:
                changed.append(Held(cell.server, cell.case, mark))
        return BaselineLine(self.name, tuple(changed)) if changed or self.name != results.baseline else None

    def updated(self, results: Results) -> tuple[Holding, str]:
        """Write the file so that it says what `results` found; return what it says then, and one line on it.

        Raises BadConfiguration where it cannot be written or edited, StorageFull where the disk is full.
        """
        assert self.file is not None
        try:
            text = self.file.read_bytes().decode() if self.file.exists() else ""
            known = [each.id for each in discover.cases()]
            update = updated(text, self.name, results, self.today, known)
            if update.text != text:
                write_text(self.file.resolve(), update.text)  # resolved: a link stays one
        except OSError as problem:
            raise BadConfiguration(f"baseline {self.file} cannot be written: {problem.strerror}") from None
        if not self.file.exists():
            return self, update.told(self.name)
        return Holding(self.file, read(self.file, known), False, self.today), update.told(self.name)


def opened(file: Path | None, *, update: bool) -> Holding:
    """Return the baseline in `file`, which need not be there yet where it is to be written.

    Raises BadConfiguration where it cannot be read, or where there is none to update.
    """
    today = datetime.now(UTC).date()
    if file is None:
        if update:
            raise BadConfiguration(
                "--update-baseline needs a file to write: name it with --baseline FILE, or as "
                'baseline = "FILE" under [tool.wsgi-gauntlet] in pyproject.toml'
            )
        return Holding(None, Baseline(""), False, today)
    if update and not file.exists():
        if not file.absolute().parent.is_dir():
            raise BadConfiguration(f"there is no folder for the baseline {file}; make it first")
        return Holding(file, Baseline(str(file)), True, today)
    return Holding(file, read(file), update, today)
