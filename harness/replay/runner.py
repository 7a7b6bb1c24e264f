"""One case on one server, once, watched as it happens; and how to see the same without us."""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import trio

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.conformance.attempt import Attempt, attempt, is_responding
from wsgi_gauntlet.harness.conformance.catalog import Case, with_dependencies
from wsgi_gauntlet.harness.conformance.runner import apply_setup, order_by_dependency
from wsgi_gauntlet.harness.conformance.stall_clock import StallClock
from wsgi_gauntlet.harness.conformance.verdict import judge
from wsgi_gauntlet.harness.errors import ConfigurationError, GauntletError, ServerError, Unsupported
from wsgi_gauntlet.harness.http.connection import EVENTS_LIMIT, Transcript
from wsgi_gauntlet.harness.http.segmentation import Segmentation
from wsgi_gauntlet.harness.model import AppEvent, CaseResult, ConnectionEvent, ConnectionEventKind, Verdict
from wsgi_gauntlet.harness.replay.reproducer import Reproducer, reproducer
from wsgi_gauntlet.harness.server.instance import ServerInstance, running
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.server_log import EXCERPT_BYTES
from wsgi_gauntlet.harness.server.temp_dirs import reference_app_sources
from wsgi_gauntlet.harness.session import scratch
from wsgi_gauntlet.harness.store import journal, output_folder

POLL_SECONDS = 0.02
"""Seconds between two looks at what the app and the log have to tell."""

REORDER_SECONDS = 0.06
"""Seconds for which something is kept back, so that what happened earlier and is known later stands before it."""

TRANSCRIPT_LIMIT_BYTES = 32 << 20
"""Bytes of a case that are kept for the reproducer."""

FOLDER_MARKER = "reproducer"
"""What stands in the mark of a folder that `write` made."""

MET_VERDICTS = frozenset({Verdict.PASS, Verdict.INFO})
"""What a needed case may come to."""

EXIT_CODE_BY_VERDICT = {Verdict.FAIL: 1, Verdict.ERROR: 4}
"""By the table in the command's help; all other verdicts are as it should be."""


class ReplayListener(Protocol):
    """Who is told, at once, of what happens; times are seconds of CLOCK_MONOTONIC, and never go back."""

    def message(self, text: str) -> None:
        """Hear of something beside the case: the server's start, the cases that it needs."""

    def wire(self, event: ConnectionEvent) -> None:
        """Hear of something on a connection."""

    def app(self, event: AppEvent) -> None:
        """Hear of something that the app reported."""

    def log(self, at: float, line: str) -> None:
        """Hear a line of the server's log."""

    def process(self, at: float, note: str) -> None:
        """Hear of the server's processes."""


@dataclass(frozen=True)
class ReplayResult:
    """What came of it. `needs` has the verdicts of the cases that this one needs; `well_formed` is as in Attempt."""

    cell: CaseResult
    segmentation: Segmentation
    version: str = ""
    command: str = ""
    needs: Mapping[str, Verdict] = field(default_factory=dict)
    well_formed: bool = False
    reproducer: Reproducer = field(default_factory=Reproducer)

    @property
    def exit_code(self) -> int:
        """What the process ends with."""
        return EXIT_CODE_BY_VERDICT.get(self.cell.verdict, 0)

    def document(self) -> dict[str, Any]:
        """Return all of it for JSON."""
        return {
            "check": self.cell,
            "pattern": self.segmentation,
            "version": self.version,
            "command": self.command,
            "needs": self.needs,
            "reproducer": self.reproducer,
        }


def replay(plan: Plan, case: Case, segmentation: Segmentation, listener: ReplayListener) -> ReplayResult:
    """Start the server of `plan` as `case` needs it, run `case` once, sent in `pattern`, and stop the server.

    Raises ServerDidNotStart and whatever else kept it from running.
    """
    try:
        return trio.run(_replay, plan, case, segmentation, listener, clock=StallClock())
    except BaseExceptionGroup as group:
        for kind in (KeyboardInterrupt, GauntletError, OSError):
            if (found := _first_of_kind(group, kind)) is not None:
                raise found from None
        raise


def require_output_folder(folder: Path) -> None:
    """Raise ConfigurationError unless a reproducer can be written into `folder` without touching files of others."""
    output_folder.require_output_folder(folder, FOLDER_MARKER, "--write")


def write(made: Reproducer, folder: Path) -> list[Path]:
    """Write the reproducer's files into `folder` and return them. Raises StorageFull, ConfigurationError."""
    if made.why_not:
        return []
    require_output_folder(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        output_folder.mark_folder(folder, FOLDER_MARKER)
    except OSError as problem:
        raise ConfigurationError(f"cannot write to {folder}: {problem.strerror}; name another folder") from None
    texts = {**made.files, "server.sh": made.server, "requests.sh": made.requests}
    for name, text in texts.items():
        journal.write_text(folder / name, text)
    return [folder / name for name in texts]


async def _replay(plan: Plan, case: Case, segmentation: Segmentation, listener: ReplayListener) -> ReplayResult:
    with scratch() as scratch_folder:
        (scratch_folder / "logs").mkdir()
        needed = [
            each for each in order_by_dependency(with_dependencies([case], registry.cases())) if each.id != case.id
        ]
        needs = await _run_other_setups([each for each in needed if each.setup != case.setup], plan, scratch_folder)
        try:
            start = apply_setup(plan, case.setup)
            async with running(start, scratch=scratch_folder, logs=scratch_folder / "logs") as server:
                version = str(server.conditions.get("version", ""))
                listener.message(f"{server.name} {version} runs as: {server.command_line}")
                for each in needed:
                    if each.setup == case.setup:
                        needs[each.id] = (await _run_unwatched(each, server)).judgement.verdict
                for id_, verdict in needs.items():
                    unmet_note = (
                        "" if verdict in MET_VERDICTS else ", so `check` skips this one; it is run all the same"
                    )
                    listener.message(f"needs {id_}: {verdict}{unmet_note}")
                split_bodies = segmentation is not Segmentation.WHOLE and await _run_whole_first(case, server, listener)
                notes = []
                if not await is_responding(server):
                    notes.append(f"did not answer before the attempt ({server.ended or 'still running'}); restarted")
                    await server.restart(grace=0)
                address, command = server.address, server.command_line
                made, wire = await _run_watched(case, server, segmentation, notes, listener, split_bodies=split_bodies)
        except Unsupported as why:
            cell = _to_check(plan, case, Attempt(judge(case.level, why), segmentation=segmentation))
            return ReplayResult(
                cell, segmentation, needs=needs, reproducer=Reproducer(why_not=f"there is nothing to see: {why}")
            )
    cell = _to_check(plan, case, made)
    reproduced = reproducer(
        cell,
        start,
        address,
        segmentation,
        reference_app_sources(),
        wire=wire,
        version=version,
        split_bodies=split_bodies,
        needs=case.setup.distribution,
    )
    return ReplayResult(cell, segmentation, version, command, needs, made.well_formed, reproduced)


async def _run_whole_first(case: Case, server: ServerInstance, listener: ReplayListener) -> bool:
    """Send the case whole, as `check` does before it tries other ways; say whether bodies can be cut as well."""
    first = await _run_unwatched(case, server)
    listener.message(f"sent whole: {first.judgement.verdict}")
    if not first.well_formed:
        listener.message("not all that the case sends is well-formed, so `check` sends it whole only")
    return first.app_read_body


async def _run_other_setups(cases: Iterable[Case], plan: Plan, scratch_folder: Path) -> dict[str, Verdict]:
    """Return the verdicts of needed cases that need the server set up differently, each on one of its own."""
    found: dict[str, Verdict] = {}
    for case in cases:
        try:
            async with running(
                apply_setup(plan, case.setup), scratch=scratch_folder, logs=scratch_folder / "logs"
            ) as server:
                found[case.id] = (await _run_unwatched(case, server)).judgement.verdict
        except (ServerError, Unsupported) as error:
            found[case.id] = judge(case.level, error).verdict
    return found


async def _run_unwatched(case: Case, server: ServerInstance) -> Attempt:
    if not await is_responding(server):
        await server.restart(grace=0)
    return await attempt(case, server)


async def _run_watched(
    case: Case,
    server: ServerInstance,
    segmentation: Segmentation,
    notes: list[str],
    listener: ReplayListener,
    *,
    split_bodies: bool,
) -> tuple[Attempt, list[ConnectionEvent]]:
    line = _Timeline()
    transcript = _Transcript(lambda event: line.put(event.at, partial(listener.wire, event)))
    done = trio.Event()
    for note in notes:
        line.put(now := time.monotonic(), partial(listener.process, now, note))
    async with trio.open_nursery() as nursery:
        # The marks are taken here: the server may be quicker than the relay's first turn.
        nursery.start_soon(_relay, line, server, server.channel.mark(), server.log_position(), listener, done)
        made = await attempt(case, server, segmentation, notes, transcript, split_bodies=split_bodies)
        await server.wait_for_log()  # most servers log a request when they have answered it
        done.set()
    for note in made.evidence.process[len(notes) :]:
        line.put(now := time.monotonic(), partial(listener.process, now, note))
    line.tell(before=math.inf)
    return made, transcript.whole


async def _relay(
    line: _Timeline, server: ServerInstance, mark: int, log_position: int, listener: ReplayListener, done: trio.Event
) -> None:
    """Tell of what the app and the server's log say after those marks, until `done`."""
    shown = 0
    last = False
    while not last:
        last = done.is_set()
        new = server.channel.since(mark)
        mark += len(new)
        for event in new:
            line.put(event.at, partial(listener.app, event))
        text = server.log_since(log_position)
        whole = text if last else text[: text.rfind("\n") + 1]
        # Of a log so long that its middle was cut out, nobody can tell what is new.
        for each in whole[shown:].splitlines() if server.log_position() - log_position < EXCERPT_BYTES else ():
            line.put(now := time.monotonic(), partial(listener.log, now, each))
        shown = max(shown, len(whole))
        line.tell(before=time.monotonic() - REORDER_SECONDS)
        with trio.move_on_after(POLL_SECONDS):
            await done.wait()


class _Transcript(Transcript):
    """One that tells of each event as it is recorded, and keeps more of the bytes than evidence does."""

    def __init__(self, watch: Callable[[ConnectionEvent], None]) -> None:
        super().__init__()
        self._watch = watch
        self.whole: list[ConnectionEvent] = []
        self._bytes_left = TRANSCRIPT_LIMIT_BYTES

    def record(self, connection: int, kind: ConnectionEventKind, data: bytes = b"", note: str = "") -> None:
        before = len(self.events)
        super().record(connection, kind, data, note)
        for event in self.events[before:]:
            self._watch(event)
        if len(self.whole) < EVENTS_LIMIT:
            self.whole.append(
                ConnectionEvent(time.monotonic(), connection, kind, bytes(data[: self._bytes_left]), note)
            )
            self._bytes_left = max(0, self._bytes_left - len(data))


class _Timeline:
    """What has happened and was not told yet, in the order of the clock."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0

    def put(self, at: float, tell: Callable[[], None]) -> None:
        """Take something that happened then."""
        self._number += 1
        heapq.heappush(self._waiting, (at, self._number, tell))

    def tell(self, before: float) -> None:
        """Tell of everything that happened `before`."""
        while self._waiting and self._waiting[0][0] < before:
            heapq.heappop(self._waiting)[2]()


def _to_check(plan: Plan, case: Case, made: Attempt) -> CaseResult:
    return CaseResult(
        server=plan.name,
        case=case.id,
        level=case.level,
        tags=case.tags,
        verdict=made.judgement.verdict,
        summary=case.summary,
        expected=made.judgement.expected,
        actual=made.judgement.actual,
        seconds=round(made.seconds, 4),
        evidence=made.evidence,
        segmentations=(made.segmentation,) if made.judgement.verdict is Verdict.PASS else (),
        findings=made.lint,
    )


def _first_of_kind(group: BaseExceptionGroup[BaseException], kind: type[BaseException]) -> BaseException | None:
    found = group.subgroup(kind)
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]  # type: ignore[assignment]
    return found
