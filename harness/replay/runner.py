"""Run one case once on one server, report every event as it happens, and make a reproducer."""

from __future__ import annotations

import heapq
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

import trio

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.conformance.attempt import Attempt, attempt, ensure_responding, run_again
from wsgi_gauntlet.harness.conformance.catalog import Case, with_dependencies
from wsgi_gauntlet.harness.conformance.retry import case_result
from wsgi_gauntlet.harness.conformance.runner import apply_setup, order_by_dependency
from wsgi_gauntlet.harness.conformance.validity import StallClock
from wsgi_gauntlet.harness.conformance.verdict import judge
from wsgi_gauntlet.harness.errors import (
    EXIT_ERROR,
    EXIT_FAILED,
    ConfigurationError,
    GauntletError,
    ServerError,
    Unsupported,
    leaf_exceptions,
)
from wsgi_gauntlet.harness.http.connection import EVENTS_LIMIT, Transcript
from wsgi_gauntlet.harness.http.segmentation import Segmentation
from wsgi_gauntlet.harness.model import AppEvent, CaseResult, ConnectionEvent, ConnectionEventKind, Verdict
from wsgi_gauntlet.harness.replay.netcat_script import SendMode
from wsgi_gauntlet.harness.replay.reproducer import Reproducer, StartedServer, reproducer
from wsgi_gauntlet.harness.server.opened import opened
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.remote.remote_server import RemoteDescription
from wsgi_gauntlet.harness.server.server_log import EXCERPT_BYTES
from wsgi_gauntlet.harness.server.server_under_test import ObservedServer
from wsgi_gauntlet.harness.server.temp_dirs import RunFolders, reference_app_sources, scratch_folder
from wsgi_gauntlet.harness.store import journal, output_folder

POLL_SECONDS = 0.02
"""Seconds between two reads of app events and the log."""

REORDER_SECONDS = 0.06
"""Seconds for which an event waits, so that an earlier event that arrives later is reported before it."""

TRANSCRIPT_LIMIT_BYTES = 32 << 20
"""Bytes of a case that are kept for the reproducer."""

FOLDER_MARKER = "reproducer"
"""The text in the marker file of a folder that `write` made."""

EXIT_CODE_BY_VERDICT = {Verdict.FAIL: EXIT_FAILED, Verdict.ERROR: EXIT_ERROR}
"""As the command's help lists them; all other verdicts end with 0."""


class ReplayListener(Protocol):
    """Gets every event at once. Times are seconds of CLOCK_MONOTONIC and never decrease."""

    def message(self, text: str) -> None:
        """Get a line about the server or about the cases that this case needs."""

    def wire(self, event: ConnectionEvent) -> None:
        """Get an event of a connection."""

    def app(self, event: AppEvent) -> None:
        """Get an event of the app."""

    def log(self, at: float, line: str) -> None:
        """Get a line of the server's log."""

    def process(self, at: float, note: str) -> None:
        """Get a note about the server's processes."""


@dataclass(frozen=True)
class ReplayResult:
    """The result of a replay. `needs` has the verdicts of needed cases. `well_formed` is as in Attempt."""

    cell: CaseResult
    segmentation: Segmentation
    version: str = ""
    command: str = ""
    needs: Mapping[str, Verdict] = field(default_factory=dict)
    well_formed: bool = False
    reproducer: Reproducer = field(default_factory=Reproducer)

    @property
    def exit_code(self) -> int:
        """The exit code of the command."""
        return EXIT_CODE_BY_VERDICT.get(self.cell.verdict, 0)

    def document(self) -> dict[str, object]:
        """Return the result for JSON."""
        return {
            "check": self.cell,
            "pattern": self.segmentation,
            "version": self.version,
            "command": self.command,
            "needs": self.needs,
            "reproducer": self.reproducer,
        }


def replay(plan: Plan, case: Case, segmentation: Segmentation, listener: ReplayListener) -> ReplayResult:
    """Start the server of `plan` as `case` needs it, run `case` once in that segmentation, and stop the server.

    Raises ServerDidNotStart and other errors of the start.
    """
    try:
        return trio.run(_replay, plan, case, segmentation, listener, clock=StallClock())
    except BaseExceptionGroup as group:
        for kind in (KeyboardInterrupt, GauntletError, OSError):
            for each in leaf_exceptions(group):
                if isinstance(each, kind):
                    raise each from None
        raise


def require_output_folder(folder: Path) -> None:
    """Raise ConfigurationError if a reproducer cannot be written into `folder`, or `folder` has other files."""
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
    with scratch_folder() as scratch:
        folders = RunFolders(scratch, scratch / "logs")
        folders.logs.mkdir()
        needed = [
            each for each in order_by_dependency(with_dependencies([case], registry.cases())) if each.id != case.id
        ]
        needs = await _run_other_setups([each for each in needed if each.setup != case.setup], plan, folders)
        try:
            start = apply_setup(plan, case.setup)
            async with opened(start, scratch=folders.scratch, logs=folders.logs) as server:
                version = (
                    "" if isinstance(plan.adapter, RemoteDescription) else str(server.conditions.get("version", ""))
                )
                started_by = (
                    f"runs as: {server.command_line}" if server.command_line else "was started by somebody else"
                )
                listener.message(" ".join(filter(None, (server.name, version, started_by))))
                for each in needed:
                    if each.setup == case.setup:
                        needs[each.id] = await _run_unwatched(each, server)
                for id_, verdict in needs.items():
                    note = "" if verdict.is_met else ", so `check` skips this case; replay runs it all the same"
                    listener.message(f"needs {id_}: {verdict}{note}")
                split_bodies = segmentation is not Segmentation.WHOLE and await _run_whole_first(case, server, listener)
                notes = await ensure_responding(server)
                started = StartedServer(start, server.address, version)
                command = server.command_line
                mode = SendMode(segmentation, split_bodies)
                made, wire = await _run_watched(case, server, mode, notes, listener)
        except Unsupported as why:
            made = Attempt(judge(case.level, why), segmentation=segmentation)
            reason = f"the server does not support the case: {why}"
            return ReplayResult(
                _result(plan, case, made), segmentation, needs=needs, reproducer=Reproducer(why_not=reason)
            )
    cell = _result(plan, case, made)
    reproduced = reproducer(
        cell, started, mode, reference_app_sources(), wire=wire, distribution=case.setup.distribution
    )
    return ReplayResult(cell, segmentation, version, command, needs, made.well_formed, reproduced)


async def _run_whole_first(case: Case, server: ObservedServer, listener: ReplayListener) -> bool:
    """Send the case whole, as `check` does before it cuts requests; say whether bodies can be cut as well."""
    first = await run_again(case, server, Segmentation.WHOLE, ())
    listener.message(f"sent whole: {first.judgement.verdict}")
    if not first.well_formed:
        listener.message("some requests of the case are not well-formed, so `check` sends it whole only")
    return first.app_read_body


async def _run_other_setups(cases: Iterable[Case], plan: Plan, folders: RunFolders) -> dict[str, Verdict]:
    """Return the verdicts of needed cases that need another setup, each on a server of its own."""
    found: dict[str, Verdict] = {}
    for case in cases:
        try:
            async with opened(apply_setup(plan, case.setup), scratch=folders.scratch, logs=folders.logs) as server:
                found[case.id] = await _run_unwatched(case, server)
        except (ServerError, Unsupported) as error:
            found[case.id] = judge(case.level, error).verdict
    return found


async def _run_unwatched(case: Case, server: ObservedServer) -> Verdict:
    return (await run_again(case, server, Segmentation.WHOLE, ())).judgement.verdict


async def _run_watched(
    case: Case, server: ObservedServer, mode: SendMode, notes: list[str], listener: ReplayListener
) -> tuple[Attempt, list[ConnectionEvent]]:
    timeline = _Timeline()
    transcript = _Transcript(lambda event: timeline.put(event.at, partial(listener.wire, event)))
    done = trio.Event()
    for note in notes:
        timeline.put(now := time.monotonic(), partial(listener.process, now, note))
    async with trio.open_nursery() as nursery:
        # The marks are taken here: the server may respond before the relay runs for the first time.
        nursery.start_soon(_relay, timeline, server, server.channel.mark(), server.log_position(), listener, done)
        made = await attempt(case, server, mode.segmentation, notes, transcript, split_bodies=mode.split_bodies)
        await server.wait_for_log()  # most servers log a request after their response
        done.set()
    for note in made.evidence.process[len(notes) :]:
        timeline.put(now := time.monotonic(), partial(listener.process, now, note))
    timeline.report(before=math.inf)
    return made, transcript.whole


async def _relay(
    timeline: _Timeline,
    server: ObservedServer,
    mark: int,
    log_position: int,
    listener: ReplayListener,
    done: trio.Event,
) -> None:
    """Report app events and lines of the server's log after those marks, until `done`."""
    shown = 0
    last = False
    while not last:
        last = done.is_set()
        new = server.channel.since(mark) if last else server.channel.arrived_since(mark)
        mark += len(new)
        for event in new:
            timeline.put(event.at, partial(listener.app, event))
        text = server.log_since(log_position)
        whole = text if last else text[: text.rfind("\n") + 1]
        # The middle of a very long log is cut out: its new lines are unknown.
        for each in whole[shown:].splitlines() if server.log_position() - log_position < EXCERPT_BYTES else ():
            timeline.put(now := time.monotonic(), partial(listener.log, now, each))
        shown = max(shown, len(whole))
        timeline.report(before=time.monotonic() - REORDER_SECONDS)
        with trio.move_on_after(POLL_SECONDS):
            await done.wait()


class _Transcript(Transcript):
    """Report each event when it is recorded, and keep more bytes than the evidence does."""

    def __init__(self, watch: Callable[[ConnectionEvent], None]) -> None:
        super().__init__()
        self._watch = watch
        self._watched = 0
        self.whole: list[ConnectionEvent] = []
        self._bytes_left = TRANSCRIPT_LIMIT_BYTES

    def keep(self, event: ConnectionEvent) -> None:
        super().keep(event)
        self._watched += 1
        if self._watched <= EVENTS_LIMIT:
            self._watch(event)
        elif self._watched == EVENTS_LIMIT + 1:
            note = "later events are not shown"
            self._watch(ConnectionEvent(event.at, event.connection, ConnectionEventKind.NOTE, note=note))

    def record(self, connection: int, kind: ConnectionEventKind, data: bytes = b"", note: str = "") -> None:
        super().record(connection, kind, data, note)
        if len(self.whole) < EVENTS_LIMIT:
            self.whole.append(
                ConnectionEvent(time.monotonic(), connection, kind, bytes(data[: self._bytes_left]), note)
            )
            self._bytes_left = max(0, self._bytes_left - len(data))


class _Timeline:
    """Events that were not reported yet, ordered by time."""

    def __init__(self) -> None:
        self._waiting: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0

    def put(self, at: float, report: Callable[[], None]) -> None:
        """Add an event that happened then."""
        self._number += 1
        heapq.heappush(self._waiting, (at, self._number, report))

    def report(self, before: float) -> None:
        """Report the events that happened `before`."""
        while self._waiting and self._waiting[0][0] < before:
            heapq.heappop(self._waiting)[2]()


def _result(plan: Plan, case: Case, made: Attempt) -> CaseResult:
    passed = (made.segmentation,) if made.judgement.verdict is Verdict.PASS else ()
    return case_result(plan.name, case, made.judgement, made.evidence, [made], passed)
