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

from .. import discover, folders, journal
from ..attempts.attempt import Attempt, answers, attempt
from ..attempts.clock import AwakeClock
from ..attempts.patterns import Pattern
from ..catalog import Case, with_needs
from ..errors import BadConfiguration, GauntletError, ServerTrouble, Unsupported
from ..judge import judge
from ..launch import Running, running
from ..launching.places import app_sources
from ..launching.plan import Plan
from ..launching.serverlog import EXCERPT
from ..model import AppEvent, Check, Verdict, WireEvent, WireKind
from ..runner import in_order, prepared
from ..session import scratch
from ..wire import EVENTS_LIMIT, Transcript
from .reproducer import Reproducer, reproducer

LOOK = 0.02
"""Seconds between two looks at what the app and the log have to tell."""

LATE = 0.06
"""Seconds for which something is kept back, so that what happened earlier and is known later stands before it."""

WHOLE_LIMIT = 32 << 20
"""Bytes of a case that are kept for the reproducer."""

REPRODUCER = "reproducer"
"""What stands in the mark of a folder that `write` made."""

HOLDS = frozenset({Verdict.PASS, Verdict.INFO})
"""What a needed case may come to."""

EXIT_CODES = {Verdict.FAIL: 1, Verdict.ERROR: 4}
"""By the table in the command's help; all other verdicts are as it should be."""


class Watcher(Protocol):
    """Who is told, at once, of what happens; times are seconds of CLOCK_MONOTONIC, and never go back."""

    def remark(self, text: str) -> None:
        """Hear of something beside the case: the server's start, the cases that it needs."""

    def wire(self, event: WireEvent) -> None:
        """Hear of something on a connection."""

    def app(self, event: AppEvent) -> None:
        """Hear of something that the app reported."""

    def log(self, at: float, line: str) -> None:
        """Hear a line of the server's log."""

    def process(self, at: float, note: str) -> None:
        """Hear of the server's processes."""


@dataclass(frozen=True)
class Replayed:
    """What came of it. `needs` has the verdicts of the cases that this one needs; `well_formed` is as in Attempt."""

    cell: Check
    pattern: Pattern
    version: str = ""
    command: str = ""
    needs: Mapping[str, Verdict] = field(default_factory=dict)
    well_formed: bool = False
    reproducer: Reproducer = field(default_factory=Reproducer)

    @property
    def exit_code(self) -> int:
        """What the process ends with."""
        return EXIT_CODES.get(self.cell.verdict, 0)

    def document(self) -> dict[str, Any]:
        """Return all of it for JSON."""
        return {
            "check": self.cell,
            "pattern": self.pattern,
            "version": self.version,
            "command": self.command,
            "needs": self.needs,
            "reproducer": self.reproducer,
        }


def replay(plan: Plan, case: Case, pattern: Pattern, watcher: Watcher) -> Replayed:
    """Start the server of `plan` as `case` needs it, run `case` once, sent in `pattern`, and stop the server.

    Raises ServerDidNotStart and whatever else kept it from running.
    """
    try:
        return trio.run(_replay, plan, case, pattern, watcher, clock=AwakeClock())
    except BaseExceptionGroup as group:
        for kind in (KeyboardInterrupt, GauntletError, OSError):
            if (found := _first(group, kind)) is not None:
                raise found from None
        raise


def fit(folder: Path) -> None:
    """Raise BadConfiguration unless a reproducer can be written into `folder` without touching files of others."""
    folders.fit(folder, REPRODUCER, "--write")


def write(made: Reproducer, folder: Path) -> list[Path]:
    """Write the reproducer's files into `folder` and return them. Raises StorageFull, BadConfiguration."""
    if made.why_not:
        return []
    fit(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        folders.mark(folder, REPRODUCER)
    except OSError as problem:
        raise BadConfiguration(f"cannot write to {folder}: {problem.strerror}; name another folder") from None
    texts = {**made.files, "server.sh": made.server, "requests.sh": made.requests}
    for name, text in texts.items():
        journal.write_text(folder / name, text)
    return [folder / name for name in texts]


async def _replay(plan: Plan, case: Case, pattern: Pattern, watcher: Watcher) -> Replayed:
    with scratch() as room:
        (room / "logs").mkdir()
        needed = [each for each in in_order(with_needs([case], discover.cases())) if each.id != case.id]
        needs = await _elsewhere([each for each in needed if each.setup != case.setup], plan, room)
        try:
            start = prepared(plan, case.setup)
            async with running(start, scratch=room, logs=room / "logs") as server:
                version = str(server.conditions.get("version", ""))
                watcher.remark(f"{server.name} {version} runs as: {server.command_line}")
                for each in needed:
                    if each.setup == case.setup:
                        needs[each.id] = (await _quietly(each, server)).finding.verdict
                for id_, verdict in needs.items():
                    unmet = "" if verdict in HOLDS else ", so `check` skips this one; it is run all the same"
                    watcher.remark(f"needs {id_}: {verdict}{unmet}")
                bodies = pattern is not Pattern.WHOLE and await _first_whole(case, server, watcher)
                notes = []
                if not await answers(server):
                    notes.append(f"did not answer before the attempt ({server.ended or 'still running'}); restarted")
                    await server.restart(grace=0)
                there, command = server.address, server.command_line
                made, wire = await _watched(case, server, pattern, notes, watcher, bodies=bodies)
        except Unsupported as why:
            cell = _cell(plan, case, Attempt(judge(case.level, why), pattern=pattern))
            return Replayed(
                cell, pattern, needs=needs, reproducer=Reproducer(why_not=f"there is nothing to see: {why}")
            )
    cell = _cell(plan, case, made)
    again = reproducer(
        cell,
        start,
        there,
        pattern,
        app_sources(),
        wire=wire,
        version=version,
        bodies=bodies,
        needs=case.setup.distribution,
    )
    return Replayed(cell, pattern, version, command, needs, made.well_formed, again)


async def _first_whole(case: Case, server: Running, watcher: Watcher) -> bool:
    """Send the case whole, as `check` does before it tries other ways; say whether bodies can be cut as well."""
    first = await _quietly(case, server)
    watcher.remark(f"sent whole: {first.finding.verdict}")
    if not first.well_formed:
        watcher.remark("not all that the case sends is well-formed, so `check` sends it whole only")
    return first.reads


async def _elsewhere(cases: Iterable[Case], plan: Plan, room: Path) -> dict[str, Verdict]:
    """Return the verdicts of needed cases that need the server set up differently, each on one of its own."""
    found: dict[str, Verdict] = {}
    for case in cases:
        try:
            async with running(prepared(plan, case.setup), scratch=room, logs=room / "logs") as server:
                found[case.id] = (await _quietly(case, server)).finding.verdict
        except (ServerTrouble, Unsupported) as trouble:
            found[case.id] = judge(case.level, trouble).verdict
    return found


async def _quietly(case: Case, server: Running) -> Attempt:
    if not await answers(server):
        await server.restart(grace=0)
    return await attempt(case, server)


async def _watched(
    case: Case, server: Running, pattern: Pattern, notes: list[str], watcher: Watcher, *, bodies: bool
) -> tuple[Attempt, list[WireEvent]]:
    line = _TimeLine()
    transcript = _Transcript(lambda event: line.put(event.at, partial(watcher.wire, event)))
    done = trio.Event()
    for note in notes:
        line.put(now := time.monotonic(), partial(watcher.process, now, note))
    async with trio.open_nursery() as nursery:
        # The marks are taken here: the server may be quicker than the relay's first turn.
        nursery.start_soon(_relay, line, server, server.channel.mark(), server.log_mark(), watcher, done)
        made = await attempt(case, server, pattern, notes, transcript, bodies=bodies)
        await server.log_grew()  # most servers log a request when they have answered it
        done.set()
    for note in made.evidence.process[len(notes) :]:
        line.put(now := time.monotonic(), partial(watcher.process, now, note))
    line.tell(before=math.inf)
    return made, transcript.whole


async def _relay(
    line: _TimeLine, server: Running, mark: int, log_mark: int, watcher: Watcher, done: trio.Event
) -> None:
    """Tell of what the app and the server's log say after those marks, until `done`."""
    shown = 0
    last = False
    while not last:
        last = done.is_set()
        new = server.channel.since(mark)
        mark += len(new)
        for event in new:
            line.put(event.at, partial(watcher.app, event))
        text = server.log_since(log_mark)
        whole = text if last else text[: text.rfind("\n") + 1]
        # Of a log so long that its middle was cut out, nobody can tell what is new.
        for each in whole[shown:].splitlines() if server.log_mark() - log_mark < EXCERPT else ():
            line.put(now := time.monotonic(), partial(watcher.log, now, each))
        shown = max(shown, len(whole))
        line.tell(before=time.monotonic() - LATE)
        with trio.move_on_after(LOOK):
            await done.wait()


class _Transcript(Transcript):
    """One that tells of each event as it is recorded, and keeps more of the bytes than evidence does."""

    def __init__(self, watch: Callable[[WireEvent], None]) -> None:
        super().__init__()
        self._watch = watch
        self.whole: list[WireEvent] = []
        self._room = WHOLE_LIMIT

    def record(self, connection: int, kind: WireKind, data: bytes = b"", note: str = "") -> None:
        before = len(self.events)
        super().record(connection, kind, data, note)
        for event in self.events[before:]:
            self._watch(event)
        if len(self.whole) < EVENTS_LIMIT:
            self.whole.append(WireEvent(time.monotonic(), connection, kind, bytes(data[: self._room]), note))
            self._room = max(0, self._room - len(data))


class _TimeLine:
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


def _cell(plan: Plan, case: Case, made: Attempt) -> Check:
    return Check(
        server=plan.name,
        case=case.id,
        level=case.level,
        tags=case.tags,
        verdict=made.finding.verdict,
        summary=case.summary,
        expected=made.finding.expected,
        actual=made.finding.actual,
        seconds=round(made.seconds, 4),
        evidence=made.evidence,
        patterns=(made.pattern,) if made.finding.verdict is Verdict.PASS else (),
        findings=made.lint,
    )


def _first(group: BaseExceptionGroup[BaseException], kind: type[BaseException]) -> BaseException | None:
    found = group.subgroup(kind)
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]  # type: ignore[assignment]
    return found
