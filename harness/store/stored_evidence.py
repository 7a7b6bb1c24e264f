"""Evidence that stays in the journal: it is read when somebody looks at it.

The evidence of many servers is larger than the memory that a report may use. So a cell of a journal has the place of
its evidence, and reads it again for each look.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import msgspec

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.model import AppEvent, CaseResult, ConnectionEvent, Evidence, EvidenceDigest
from wsgi_gauntlet.harness.store.compressed_lines import DamagedFile, LineReader, Place


class JournalFile:
    """An open journal, of a copy of the descriptor. It can still be read after somebody moved or replaced the file.

    `decode` returns the evidence in a line. It also gets the number of the line, for its errors. The evidence of the
    latest line is kept, because most readers look at all parts of one cell before they go on.
    """

    def __init__(self, descriptor: int, decode: Callable[[bytes, int], Evidence]) -> None:
        self._descriptor = -1
        self._descriptor = os.dup(descriptor)
        self._decode = decode
        self._reader = LineReader(self._descriptor)
        self._latest: tuple[int, Evidence] = (-1, Evidence())  # the number of a line

    def __del__(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)

    def evidence(self, place: Place, number: int) -> Evidence:
        """Return the evidence in line `number`, which is at `place`. Raises ConfigurationError."""
        if self._latest[0] != number:
            try:
                line = self._reader.line(place)
            except DamagedFile as problem:
                raise ConfigurationError(f"line {number} of the journal is {problem}") from None
            self._latest = number, self._decode(line, number)
        return self._latest[1]


class StoredEvidence(Evidence, frozen=True, kw_only=True, eq=False):
    """The evidence in a line of a journal. It equals the evidence itself.

    It cannot be encoded: `loaded` returns a value that can. mypy does not know that a property may take the place of a
    field, and msgspec leaves the fields of the base class empty.
    """

    file: JournalFile
    place: Place
    number: int

    def loaded(self) -> Evidence:
        """Return the evidence itself."""
        return self.file.evidence(self.place, self.number)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, StoredEvidence):
            return self.loaded() == other.loaded()
        return self.loaded() == other

    __hash__ = None  # type: ignore[assignment]

    @property  # type: ignore[misc]
    def wire(self) -> tuple[ConnectionEvent, ...]:
        """The events of all connections."""
        return self.loaded().wire

    @property  # type: ignore[misc]
    def app(self) -> tuple[AppEvent, ...]:
        """The app events."""
        return self.loaded().app

    @property  # type: ignore[misc]
    def log(self) -> str:
        """The server's log."""
        return self.loaded().log

    @property  # type: ignore[misc]
    def process(self) -> tuple[str, ...]:
        """Starts, crashes and restarts of the server."""
        return self.loaded().process

    @property  # type: ignore[misc]
    def digest(self) -> EvidenceDigest | None:
        """The digest in place of the rest, if only that was kept."""
        return self.loaded().digest


def loaded(evidence: Evidence) -> Evidence:
    """Return the evidence itself, so that it can be encoded and its parts are read at once."""
    return evidence.loaded() if isinstance(evidence, StoredEvidence) else evidence


def with_evidence(cell: CaseResult) -> CaseResult:
    """Return `cell` with the evidence itself."""
    return msgspec.structs.replace(cell, evidence=loaded(cell.evidence))
