"""One attempt at one case on one running server, from its first byte to a finding with all the evidence."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import msgspec
import trio

from wsgi_gauntlet.harness.conformance.assertions import Violation
from wsgi_gauntlet.harness.conformance.catalog import Case
from wsgi_gauntlet.harness.conformance.exchange import Exchange
from wsgi_gauntlet.harness.conformance.stall_clock import exclude_stalls
from wsgi_gauntlet.harness.conformance.validity import EventLoopWatchdog, invalid_reason, stall_message
from wsgi_gauntlet.harness.conformance.verdict import BLAMING_VERDICTS, Judgement, judge
from wsgi_gauntlet.harness.errors import HarnessStalled, InternalError, ServerError, Skipped
from wsgi_gauntlet.harness.http.connection import Transcript
from wsgi_gauntlet.harness.http.lint.linter import lint
from wsgi_gauntlet.harness.http.segmentation import Segmentation
from wsgi_gauntlet.harness.model import AppEvent, Evidence, Verdict
from wsgi_gauntlet.harness.server.background_tasks import background_nursery
from wsgi_gauntlet.harness.server.instance import ServerInstance
from wsgi_gauntlet.harness.server.process.procfs import cpu_seconds
from wsgi_gauntlet.harness.server.process.supervised_process import UNKNOWN_EXIT
from wsgi_gauntlet.harness.store.json_encoding import to_json

RESPONDING_TIMEOUT_SECONDS = 3.0
"""Seconds in which an instance must answer before a case begins; an idle one needs milliseconds."""

EXIT_NOTICE_SECONDS = 0.05
"""Seconds in which word of a server's end reaches us; only waited for after a case that did not pass."""

SLOW_ATTEMPT_SECONDS = 1.0
"""Seconds of an attempt that blames, from which on the server may be at something that does not end."""

CPU_SAMPLE_SECONDS = 0.1
"""Seconds for which a server is then watched: ten of the kernel's clock ticks."""

BUSY_CPU_SHARE = 0.3
"""Share of one processor from which on a server without a request is not idle; the machine's others want theirs too."""

APP_EVENTS_LIMIT_BYTES = 1 << 19
"""Bytes of the app's events that the evidence of one attempt keeps; the largest case has 200,000."""

EXTERNAL_END_CAUSES = ("SIGKILL", "SIGTERM", "SIGINT", UNKNOWN_EXIT)
"""Ends that no fault of a server brings: somebody else, or the kernel short of memory, did."""


@dataclass(frozen=True)
class Attempt:
    """What one attempt came to. `seconds` is how long it took; `pattern` how its bytes were sent.

    `well_formed` says that all it sent was, so that the other ways of sending must come to the same. `lint` is what is
    wrong with the answers, whatever the case looked for.
    """

    judgement: Judgement
    evidence: Evidence = field(default_factory=Evidence)
    seconds: float = 0.0
    segmentation: Segmentation = Segmentation.WHOLE
    well_formed: bool = False
    lint: tuple[str, ...] = ()

    @property
    def app_read_body(self) -> bool:
        """Whether the app read the bodies that were sent, and so cannot have answered before they were there."""
        return any(event.kind == "body" for event in self.evidence.app)


async def attempt(
    case: Case,
    server: ServerInstance,
    segmentation: Segmentation = Segmentation.WHOLE,
    notes: Iterable[str] = (),
    transcript: Transcript | None = None,
    *,
    split_bodies: bool = False,
) -> Attempt:
    """Run `case` once against `server`. Whatever the case or the server does is in what is returned.

    `bodies` has bodies too sent in that pattern: to be set where an earlier attempt's `reads` was true. `notes` go into
    the evidence. `transcript` is where it is recorded, for those that want to watch.
    """
    told = list(notes)
    started = time.monotonic()
    transcript = transcript or Transcript()
    transcript.split_bodies = split_bodies
    exchange = Exchange(server, secrets.token_hex(4), transcript, segmentation)
    raised: BaseException | None = None
    scope = trio.CancelScope(deadline=trio.current_time() + case.deadline)
    watchdog = EventLoopWatchdog()
    try:
        with scope, exclude_stalls():
            async with background_nursery() as nursery:
                nursery.start_soon(watchdog.watch)
                await case.run(exchange)
    except Exception as problem:  # noqa: BLE001 - whatever a case raises decides its cell, never the run
        raised = problem
    finally:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + 1):
            await exchange.close()
    if scope.cancelled_caught:
        transcript.time_sensitive = True
        raised = InternalError(f"the case did not come to an end within {case.deadline:g} s")
    if raised is not None and (ended := await server.wait_for_end(EXIT_NOTICE_SECONDS)):
        told.append(f"the server ended during the case: {ended}")
        if ended.endswith(EXTERNAL_END_CAUSES):
            told.append(f"seen in the attempt: {raised}")
            raised = InternalError(f"somebody ended the server, itself perhaps, and no fault did: {ended}")
        elif not isinstance(raised, Violation):
            raised = Violation("the server to stay up, whatever the case sends and its app does", f"it ended: {ended}")
    if isinstance(raised, Violation | Skipped) and (why := invalid_reason(server, started)):
        told.append(f"seen in the attempt: {raised}")
        raised = InternalError(why)
    elif (case.time_sensitive or transcript.time_sensitive) and (
        why := stall_message(watchdog, closed_late=transcript.closed_late)
    ):
        told.append(f"seen in the attempt: {raised or 'nothing wrong'}")
        raised = HarnessStalled(why)
    app_events = exchange.app_events()
    stored_events = limit_app_events(app_events)
    if len(stored_events) < len(app_events):
        told.append(f"{len(app_events) - len(stored_events)} later events of the app were not kept")
    evidence = Evidence(transcript.events, stored_events, exchange.log_text(), tuple(told))
    seconds = time.monotonic() - started
    # An answer of the user's app shows what that gives: nothing of it may be held against the server.
    found = () if case.own_app else lint(evidence.wire, app_events, time.time())
    return Attempt(judge(case.level, raised), evidence, seconds, segmentation, transcript.well_formed, found)


def limit_app_events(events: Sequence[AppEvent]) -> tuple[AppEvent, ...]:
    """Return the first of `events`, as many as APP_EVENTS_LIMIT_BYTES bytes of the journal hold."""
    stored_events: list[AppEvent] = []
    room = APP_EVENTS_LIMIT_BYTES
    for event in events:
        room -= len(to_json(event))
        if room < 0:
            break
        stored_events.append(event)
    return tuple(stored_events)


async def run_again(
    case: Case, server: ServerInstance, segmentation: Segmentation, previous_attempts: Sequence[Attempt]
) -> Attempt:
    """Run `case` once more after the attempts `made`, on a server that answers: it is started afresh where it does not.

    Raises ServerError where it cannot be.
    """
    notes: list[str] = []
    just_answered = bool(previous_attempts) and previous_attempts[-1].judgement.verdict is Verdict.PASS
    if not just_answered and not await is_responding(server):
        notes.append(f"did not answer before the attempt ({server.ended or 'still running'}); started afresh")
        await server.restart(grace=0)
    told = await attempt(
        case, server, segmentation, notes, split_bodies=any(each.app_read_body for each in previous_attempts)
    )
    if told.judgement.verdict in BLAMING_VERDICTS and server.alive and await _keeps_cpu_busy(server, told.seconds):
        process = (*told.evidence.process, "afterwards it kept a processor busy with nothing to do; started afresh")
        told = replace(told, evidence=msgspec.structs.replace(told.evidence, process=process))
        await server.restart(grace=0)
    return told


async def _keeps_cpu_busy(server: ServerInstance, seconds: float) -> bool:
    """Say whether the server computes although nobody asks it anything: all that came after would come late.

    It is watched for a moment, only where the attempt took so many seconds that something must have been waited for.
    """
    if seconds < SLOW_ATTEMPT_SECONDS:
        return False
    before = cpu_seconds(server.processes())
    await trio.sleep(CPU_SAMPLE_SECONDS)
    return cpu_seconds(server.processes()) - before >= CPU_SAMPLE_SECONDS * BUSY_CPU_SHARE


async def is_responding(server: ServerInstance) -> bool:
    """Say whether `server` answers a plain request, as it must before a case begins."""
    if not server.alive:
        return False
    exchange = Exchange(server, secrets.token_hex(4), Transcript())
    try:
        with trio.move_on_after(RESPONDING_TIMEOUT_SECONDS):
            return await exchange.alive()
    except (InternalError, ServerError):
        return False
    except Violation:
        return True  # it is there, and wrong: the case is to say so
    finally:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + 1):
            await exchange.close()
    return False
