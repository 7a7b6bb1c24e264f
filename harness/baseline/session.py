"""A run and the user's baseline: opened before anything starts, asked of each cell, updated at the end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.baseline.comparison import apply_baseline
from wsgi_gauntlet.harness.baseline.entries import Baseline
from wsgi_gauntlet.harness.baseline.parser import read
from wsgi_gauntlet.harness.baseline.update import updated
from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.model import CaseResult, Results, ServerInfo
from wsgi_gauntlet.harness.store.journal import BaselineChange, BaselineLine, write_text


@dataclass(frozen=True)
class BaselineSession:
    """The baseline of one run; `file` is None where the run has none, and then nothing is said of any cell."""

    file: Path | None
    baseline: Baseline
    update: bool
    today: date

    @property
    def name(self) -> str:
        """The file as reports name it, '' for none."""
        return str(self.file) if self.file is not None else ""

    def apply(self, server: ServerInfo, cell: CaseResult) -> CaseResult:
        """Return `cell` with how it stands to the baseline."""
        return cell if self.file is None else apply_baseline(self.baseline, server, cell, self.today)

    def again(self, results: Results) -> BaselineLine | None:
        """Return what is to be said anew of the cells of `results`, held against another baseline or none before."""
        changed = []
        for cell in results.conformance:
            server = results.servers.get(cell.server) or ServerInfo(cell.server, cell.server, True)
            mark = apply_baseline(self.baseline, server, cell, self.today).baseline if self.file is not None else None
            if mark != cell.baseline:
                changed.append(BaselineChange(cell.server, cell.case, mark))
        return BaselineLine(self.name, tuple(changed)) if changed or self.name != results.baseline else None

    def updated(self, results: Results) -> tuple[BaselineSession, str]:
        """Write the file so that it says what `results` found; return what it says then, and one line on it.

        Raises ConfigurationError where it cannot be written or edited, StorageFull where the disk is full.
        """
        assert self.file is not None
        try:
            text = self.file.read_bytes().decode() if self.file.exists() else ""
            known = [each.id for each in registry.cases()]
            update = updated(text, self.name, results, self.today, known)
            if update.text != text:
                write_text(self.file.resolve(), update.text)  # resolved: a link stays one
        except OSError as problem:
            raise ConfigurationError(f"baseline {self.file} cannot be written: {problem.strerror}") from None
        if not self.file.exists():
            return self, update.summary(self.name)
        return BaselineSession(self.file, read(self.file, known), False, self.today), update.summary(self.name)


def open_baseline(file: Path | None, *, update: bool) -> BaselineSession:
    """Return the baseline in `file`, which need not be there yet where it is to be written.

    Raises ConfigurationError where it cannot be read, or where there is none to update.
    """
    today = datetime.now(UTC).date()
    if file is None:
        if update:
            raise ConfigurationError(
                "--update-baseline needs a file to write: name it with --baseline FILE, or as "
                'baseline = "FILE" under [tool.wsgi-gauntlet] in pyproject.toml'
            )
        return BaselineSession(None, Baseline(""), False, today)
    if update and not file.exists():
        if not file.absolute().parent.is_dir():
            raise ConfigurationError(f"there is no folder for the baseline {file}; make it first")
        return BaselineSession(file, Baseline(str(file)), True, today)
    return BaselineSession(file, read(file), update, today)
