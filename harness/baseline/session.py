"""The baseline of one run: open it before anything starts, apply it to each cell, update it at the end."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

from wsgi_gauntlet.harness.baseline.comparison import apply_baseline
from wsgi_gauntlet.harness.baseline.entries import Baseline
from wsgi_gauntlet.harness.baseline.parser import read
from wsgi_gauntlet.harness.baseline.update import updated
from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.model import CaseResult, Results, ServerInfo
from wsgi_gauntlet.harness.store.journal import BaselineChange, BaselineLine, write_text


@dataclass(frozen=True)
class BaselineSession:
    """The baseline of one run. Without a `file` the run has no baseline. `known_cases` are the ids of all cases."""

    file: Path | None
    baseline: Baseline
    update: bool
    today: date
    known_cases: Collection[str] = ()

    @property
    def name(self) -> str:
        """The file as reports name it, '' for none."""
        return str(self.file) if self.file is not None else ""

    def apply(self, server: ServerInfo, cell: CaseResult) -> CaseResult:
        """Return `cell` with its baseline status."""
        return cell if self.file is None else apply_baseline(self.baseline, server, cell, self.today)

    def again(self, results: Results) -> BaselineLine | None:
        """Return the statuses that differ from those in `results`, None if none does."""
        changed = []
        for cell in results.conformance:
            server = results.servers.get(cell.server) or ServerInfo(cell.server, cell.server, True)
            mark = apply_baseline(self.baseline, server, cell, self.today).baseline if self.file is not None else None
            if mark != cell.baseline:
                changed.append(BaselineChange(cell.server, cell.case, mark))
        return BaselineLine(self.name, tuple(changed)) if changed or self.name != results.baseline else None

    def updated(self, results: Results) -> tuple[BaselineSession, str]:
        """Write the verdicts of `results` into the file; return the new baseline and a summary in one line.

        Raises ConfigurationError if the file cannot be written or edited, StorageFull if the disk is full.
        """
        assert self.file is not None
        try:
            text = self.file.read_bytes().decode() if self.file.exists() else ""
            update = updated(text, self.name, results, self.today, self.known_cases)
            if update.text != text:
                write_text(self.file.resolve(), update.text)  # resolved, so that a link stays a link
        except OSError as problem:
            raise ConfigurationError(
                f"baseline {self.file} cannot be written: {problem.strerror}; name another file with --baseline"
            ) from None
        if not self.file.exists():
            return self, update.summary(self.name)
        after = replace(self, baseline=read(self.file, self.known_cases), update=False)
        return after, update.summary(self.name)


def open_baseline(file: Path | None, known_cases: Collection[str], *, update: bool) -> BaselineSession:
    """Return the baseline in `file`, which may be missing if it is updated. `known_cases` are the ids of all cases.

    Raises ConfigurationError if the file cannot be read, or if there is no file to update.
    """
    today = datetime.now(UTC).date()
    if file is None:
        if update:
            raise ConfigurationError(
                "--update-baseline needs a file: name it with --baseline FILE, or write "
                'baseline = "FILE" under [tool.wsgi-gauntlet] in pyproject.toml'
            )
        return BaselineSession(None, Baseline(""), False, today)
    if update and not file.exists():
        if not file.absolute().parent.is_dir():
            raise ConfigurationError(f"the folder of the baseline {file} does not exist; create it first")
        return BaselineSession(file, Baseline(str(file)), True, today, known_cases)
    return BaselineSession(file, read(file, known_cases), update, today, known_cases)
