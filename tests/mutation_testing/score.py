"""Run the catalogue against mutants of the reference server, each until a case finds it."""

from __future__ import annotations

import enum
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import trio

from wsgi_gauntlet.harness.conformance import runner
from wsgi_gauntlet.harness.conformance.catalog import Case
from wsgi_gauntlet.harness.event_queue import handle_events
from wsgi_gauntlet.harness.events import CaseFinished, Event, ServerFailed
from wsgi_gauntlet.harness.model import CaseResult, Verdict
from wsgi_gauntlet.harness.server.adapter import Command, Launch, Settings
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.temp_dirs import RunFolders
from wsgi_gauntlet.servers.reference import PACKAGE, ReferenceServer

from . import operators
from .operators import ToolMutant

NOT_MUTATED = frozenset({"__init__", "__main__", "command_line"})
"""Modules without behaviour on the wire."""

LIMIT_SECONDS = 240.0
"""Seconds for one mutant. A server that keeps every case waiting is found long before."""

CUT_SENSITIVE = frozenset({"input_stream", "server", "stream"})
"""Modules whose faults may need a request that comes in pieces. Mutants of the others get whole requests alone."""

ERRORS_LIMIT = 4
"""Cells with `error` after which a mutant counts as a server that does not serve."""


class Outcome(enum.StrEnum):
    """What became of a mutant."""

    FOUND = "found"
    NOT_SERVING = "not serving"
    PASSED = "passed"
    TIMED_OUT = "timed out"


@dataclass(frozen=True)
class MutantResult:
    """One mutant and its outcome.

    `case` found it. If it passed, `difference` is an input of the fuzzer that shows it on the wire, '' if none does.
    """

    name: str
    operator: str
    outcome: Outcome
    case: str = ""
    difference: str = ""


class ToolMutatedServer(ReferenceServer):
    """The reference server of `sources` with one module replaced by that of `mutant`."""

    def __init__(self, sources: Path, mutant: ToolMutant | None = None) -> None:
        self._sources = sources
        self._mutant = mutant

    def command(self, launch: Launch) -> Command:
        """Return the command of the reference server with other files."""
        command = super().command(launch)
        folder = PACKAGE.replace(".", "/")
        files = {**command.files, **{f"{folder}/{each.name}": each.read_text() for each in self._sources.glob("*.py")}}
        if self._mutant is not None:
            files[f"{folder}/{self._mutant.module}.py"] = self._mutant.source
        return replace(command, files=files)


def plan(sources: Path, mutant: ToolMutant | None, name: str = "reference:mutant") -> Plan:
    """Return how to start the reference server of `sources` with or without a mutant."""
    adapter = ToolMutatedServer(sources, mutant)
    return Plan(name, adapter, adapter.find(sys.executable), "", Settings(), sys.executable)


def all_mutants(sources: Path) -> list[ToolMutant]:
    """Return every mutant of the modules in `sources`."""
    return [
        mutant
        for path in sorted(sources.glob("*.py"))
        if path.stem not in NOT_MUTATED
        for mutant in operators.mutants(path.stem, path.read_text())
    ]


def finds(cell: CaseResult) -> bool:
    """Say whether the case found the fault; a case of level info finds it if it says what it expected."""
    return cell.verdict in (Verdict.FAIL, Verdict.WARN) or (cell.verdict is Verdict.INFO and bool(cell.expected))


async def cases_that_pass(sources: Path, cases: Sequence[Case]) -> list[Case]:
    """Return the cases that find nothing in the reference server itself: only these can find a mutant."""
    found: set[str] = set()

    def handle(event: Event) -> None:
        match event:
            case CaseFinished(cell) if finds(cell) or cell.verdict is Verdict.ERROR:
                found.add(cell.case)

    started = plan(sources, None)
    with TemporaryDirectory(prefix="mutation-") as folder:
        config = runner.RunnerConfig(create_folders(folder), tries=1, all_segmentations=False)
        await handle_events(partial(runner.check, [started], {started.name: cases}, config), handle)
    return [each for each in cases if each.id not in found]


def create_folders(folder: str) -> RunFolders:
    """Return the folders of a run in `folder`."""
    folders = RunFolders(Path(folder, "scratch"), Path(folder, "logs"))
    folders.logs.mkdir()
    return folders


@dataclass
class Scorer:
    """Runs the cases on one mutant after the other. Cases that found many mutants of a module run first."""

    sources: Path
    cases: Sequence[Case]
    instances: int = 4
    _finders: Counter[tuple[str, str]] = field(default_factory=Counter)

    async def score(self, mutant: ToolMutant) -> MutantResult:
        """Return the outcome of `mutant`. A case that blames it must do so twice."""
        doubted: set[str] = set()
        with trio.move_on_after(LIMIT_SECONDS):
            while True:
                cases = [each for each in self._ordered(mutant.module) if each.id not in doubted]
                found, errors = await self._run(mutant, cases, tries=1)
                if found is None:
                    outcome = Outcome.NOT_SERVING if errors else Outcome.PASSED
                    return MutantResult(mutant.name, mutant.operator, outcome)
                again, _ = await self._run(mutant, [each for each in cases if each.id == found.case], tries=3)
                if again is not None:
                    self._finders[mutant.module, found.case] += 1
                    return MutantResult(mutant.name, mutant.operator, Outcome.FOUND, found.case)
                doubted.add(found.case)
        return MutantResult(mutant.name, mutant.operator, Outcome.TIMED_OUT)

    def _ordered(self, module: str) -> list[Case]:
        total: Counter[str] = Counter()
        for (_, case), count in self._finders.items():
            total[case] += count
        cases = self.cases if module in CUT_SENSITIVE else [replace(each, segmentable=False) for each in self.cases]
        return sorted(cases, key=lambda each: (-self._finders[module, each.id], -total[each.id]))

    async def _run(self, mutant: ToolMutant, cases: Sequence[Case], tries: int) -> tuple[CaseResult | None, bool]:
        """Return the first cell that found the mutant, and whether the server did not serve."""
        found: list[CaseResult] = []
        errors: list[str] = []
        scope = trio.CancelScope()

        def handle(event: Event) -> None:
            match event:
                case ServerFailed(_, reason):
                    errors.extend([reason] * ERRORS_LIMIT)
                case CaseFinished(cell) if finds(cell):
                    found.append(cell)
                case CaseFinished(cell) if cell.verdict is Verdict.ERROR:
                    errors.append(cell.actual)
            if found or len(errors) >= ERRORS_LIMIT:
                scope.cancel()

        with TemporaryDirectory(prefix="mutation-") as folder, scope:
            config = runner.RunnerConfig(
                create_folders(folder), instances=self.instances, tries=tries, all_segmentations=tries > 1
            )
            started = plan(self.sources, mutant)
            await handle_events(partial(runner.check, [started], {started.name: cases}, config), handle)
        return (found[0] if found else None), len(errors) >= ERRORS_LIMIT


@dataclass(frozen=True)
class Survivor:
    """A mutant that no case needs to find: `name` is the beginning of its name."""

    name: str
    reason: str


def load_survivors(path: Path) -> list[Survivor]:
    """Return the entries of survivors.toml."""
    return msgspec.toml.decode(path.read_bytes(), type=dict[str, list[Survivor]])["survivor"]


def summary(results: Sequence[MutantResult], survivors: Sequence[Survivor] = ()) -> Iterator[str]:
    """Yield the lines of the summary: how many mutants each outcome has, the gaps, and the score.

    The score counts mutants that differ on the wire. A mutant that a case finds does so.
    """
    counts = Counter(each.outcome for each in results)
    for outcome in Outcome:
        yield f"{counts[outcome]:5}  {outcome}"
    differing = [each for each in results if each.outcome is Outcome.PASSED and each.difference]
    gaps = [each for each in differing if not any(each.name.startswith(known.name) for known in survivors)]
    for each in gaps:
        yield f"       gap: {each.name}"
        yield f"            {each.difference}"
    yield f"{len(differing):5}  passed and differ on the wire, {len(differing) - len(gaps)} of them allowed by the text"
    found = counts[Outcome.FOUND]
    if found:
        every, demanded = found / (found + len(differing)), found / (found + len(gaps))
        yield f"score  {every:.1%}, without the allowed ones {demanded:.1%}"
