"""Run one case once on a running server, and collect the evidence of it."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate

import msgspec
import trio

from wsgi_gauntlet.harness.conformance.assertions import Violation
from wsgi_gauntlet.harness.conformance.catalog import Case
from wsgi_gauntlet.harness.conformance.exchange import open_exchange
from wsgi_gauntlet.harness.conformance.shell_variables import without_names, without_shell_variables
from wsgi_gauntlet.harness.conformance.validity import EventLoopWatchdog, invalid_reason, stall_message
from wsgi_gauntlet.harness.conformance.verdict import Judgement, judge
from wsgi_gauntlet.harness.errors import HarnessStalled, InternalError, ServerError, Skipped, Unsupported
from wsgi_gauntlet.harness.http.connection import Transcript
from wsgi_gauntlet.harness.http.lint.linter import lint
from wsgi_gauntlet.harness.http.segmentation import Segmentation
from wsgi_gauntlet.harness.model import AppEvent, ConnectionEventKind, Evidence, Verdict
from wsgi_gauntlet.harness.server.process.procfs import cpu_seconds
from wsgi_gauntlet.harness.server.process.supervised_process import UNKNOWN_EXIT
from wsgi_gauntlet.harness.server.server_under_test import ObservedServer
from wsgi_gauntlet.harness.store.json_encoding import to_json

LATE_CLOSE_PATIENCE = 1.2
"""The factor on the time-outs of responses after an attempt that saw the end of a connection too late.

Many servers close after 5 s (Apache, uvicorn), which is also the time-out of a response. If both fall together, no
further attempt of the same kind can say which was first. The factor keeps shorter time-outs of 1.5 s below 2 s, after
which gunicorn closes an idle connection: otherwise that close would look like one at once, on a busy machine only."""

RESPONDING_TIMEOUT_SECONDS = 3.0
"""Seconds in which an instance must respond before a case begins. An idle instance needs milliseconds."""

EXIT_NOTICE_SECONDS = 0.05
"""Seconds in which the harness learns that a server ended. It waits only after a case that did not pass, if the server
does not respond."""

SLOW_ATTEMPT_SECONDS = 1.0
"""After an attempt of this many seconds, the harness checks whether the server is still busy."""

CPU_SAMPLE_SECONDS = 0.1
"""Seconds of that check: ten clock ticks of the kernel."""

BUSY_CPU_SHARE = 0.3
"""A server without requests counts as busy above this share of one processor. Other processes use the rest."""

APP_EVENTS_LIMIT_BYTES = 1 << 19
"""Bytes of app events in the evidence of one attempt. The largest case makes 200,000."""

EXTERNAL_END_CAUSES = ("SIGKILL", "SIGTERM", "SIGINT", UNKNOWN_EXIT)
"""Ends that no fault of a server causes: another program or the kernel (out of memory) ended the server."""


@dataclass(frozen=True)
class Attempt:
    """The result of one attempt. `seconds` is its duration, `segmentation` how its requests were cut.

    `well_formed` says that all requests were well-formed: other segmentations must then give the same result. `lint`
    lists the faults of the responses that the case does not check.
    """

    judgement: Judgement
    evidence: Evidence = field(default_factory=Evidence)
    seconds: float = 0.0
    segmentation: Segmentation = Segmentation.WHOLE
    well_formed: bool = False
    lint: tuple[str, ...] = ()
    closed_late: bool = False
    """Whether the harness saw the end of a connection after its time-out."""

    @property
    def app_read_body(self) -> bool:
        """Whether the app read the request bodies, and so cannot have responded before they arrived."""
        return any(event.kind == "body" for event in self.evidence.app)


async def attempt(
    case: Case,
    server: ObservedServer,
    segmentation: Segmentation = Segmentation.WHOLE,
    notes: Iterable[str] = (),
    transcript: Transcript | None = None,
    *,
    split_bodies: bool = False,
) -> Attempt:
    """Run `case` once on `server`. Errors of the case and of the server are in the returned attempt.

    `split_bodies` also cuts request bodies: set it if an earlier attempt has `app_read_body`. `notes` go into the
    evidence. `transcript` records the connections, for callers that watch them.
    """
    process_notes = list(notes)
    started = time.monotonic()
    transcript = transcript or Transcript()
    transcript.split_bodies = split_bodies
    watchdog = EventLoopWatchdog()
    log_position = server.log_position()
    async with open_exchange(server, transcript, segmentation) as exchange:
        raised: BaseException | None = None
        scope = trio.CancelScope(deadline=trio.current_time() + case.deadline)
        try:
            with scope:
                async with watchdog.watching():
                    await case.run(exchange)
        except Exception as problem:  # noqa: BLE001 - an error of a case decides its cell and never ends the run
            raised = problem
    stalled = stall_message(watchdog, closed_late=transcript.closed_late)  # before anything else takes time
    if scope.cancelled_caught:
        transcript.time_sensitive = True
        raised = InternalError(f"the case did not come to an end within {case.deadline:g} s")
    blamed = isinstance(raised, Violation | Skipped)
    if blamed and server.end_visible:
        await server.channel.read_pending()
    disturbance = invalid_reason(server, started) if blamed else ""  # of this attempt, before a further request
    if raised is not None and (ended := await _end_after(server, raised, transcript)):
        process_notes.append(f"the server ended during the case: {ended}")
        if ended.endswith(EXTERNAL_END_CAUSES):
            process_notes.append(f"result of the attempt: {raised}")
            raised = InternalError(f"the server was ended from outside, or ended itself, without a fault: {ended}")
        elif not isinstance(raised, Violation):
            raised = Violation("the server to stay up, whatever the case sends and its app does", f"it ended: {ended}")
            disturbance = disturbance or invalid_reason(server, started)
    if (raised is None or isinstance(raised, Violation | Skipped)) and (why := server.channel.unsupported_reason):
        raised = Unsupported(why)
    blamed = isinstance(raised, Violation | Skipped)
    if raised is not None and (why := (blamed and disturbance) or await server.doubt(blamed=blamed)):
        process_notes.append(f"result of the attempt: {raised}")
        raised = InternalError(why)
    elif (case.time_sensitive or transcript.time_sensitive) and stalled:
        process_notes.append(f"result of the attempt: {raised or 'nothing wrong'}")
        raised = HarnessStalled(stalled)
    app_events = exchange.app_events()
    stored_events = limit_app_events(app_events)
    if len(stored_events) < len(app_events):
        process_notes.append(f"{len(app_events) - len(stored_events)} events in the middle of the app's were not kept")
    own_variables = {name for name, _ in (*case.setup.environment, *case.setup.deployed)}
    shown_events = without_shell_variables(stored_events, server.inherited_variables, own_variables)
    notes = tuple(without_names(each, stored_events, shown_events) for each in process_notes)
    evidence = Evidence(transcript.events, shown_events, server.log_since(log_position), notes)
    judgement = judge(case.level, raised)
    raised = None  # its traceback holds this frame: only the garbage collector would free the bodies of the case
    judgement = replace(judgement, actual=without_names(judgement.actual, stored_events, shown_events))
    seconds = time.monotonic() - started
    # A response of the user app shows the user app's headers: they say nothing about the server.
    found = () if case.own_app else lint(evidence.wire, app_events, time.time())
    return Attempt(judgement, evidence, seconds, segmentation, transcript.well_formed, found, transcript.closed_late)


async def _end_after(server: ObservedServer, raised: BaseException, transcript: Transcript) -> str:
    """Return how the server ended in an attempt that raised `raised`, '' if it runs.

    The harness learns of an end a moment later. A server that responds until then has not ended. One that the attempt
    waited for in vain may still be busy, and gets no further request.
    """
    waited = any(each.kind is ConnectionEventKind.WAITED for each in transcript.events)
    if isinstance(raised, Violation) and server.end_visible and not server.ended and not waited:
        responds = False
        with trio.move_on_after(EXIT_NOTICE_SECONDS):
            responds = await is_responding(server)
        server.responded_last = False  # it may be about to end: the next attempt asks again
        if responds:
            return server.ended
    return await server.wait_for_end(EXIT_NOTICE_SECONDS)


def limit_app_events(events: Sequence[AppEvent]) -> tuple[AppEvent, ...]:
    """Return those of `events` that fit into APP_EVENTS_LIMIT_BYTES of the journal: the first and the last ones."""
    if len(to_json(events)) <= APP_EVENTS_LIMIT_BYTES:
        return tuple(events)
    sizes = [len(to_json(event)) for event in events]
    tail = _count_within(reversed(sizes), APP_EVENTS_LIMIT_BYTES // 4)
    head = _count_within(sizes, APP_EVENTS_LIMIT_BYTES - APP_EVENTS_LIMIT_BYTES // 4)
    return (*events[:head], *events[len(events) - tail :])


def _count_within(sizes: Iterable[int], limit: int) -> int:
    """Return how many of the first `sizes` are together at most `limit`."""
    return sum(each <= limit for each in accumulate(sizes))


async def ensure_responding(server: ObservedServer) -> list[str]:
    """Restart `server` if it does not respond. Return notes for the evidence. Raises ServerError."""
    if (server.responded_last and server.alive) or await is_responding(server):
        return []
    note = f"the server did not respond before the attempt ({server.ended or 'still running'}); it was restarted"
    await server.restart(grace=0)
    return [note]


async def run_again(
    case: Case, server: ObservedServer, segmentation: Segmentation, previous_attempts: Sequence[Attempt]
) -> Attempt:
    """Run `case` once more after `previous_attempts`, on a server that responds.

    Raises ServerError if the server does not respond and cannot be restarted.
    """
    just_passed = bool(previous_attempts) and previous_attempts[-1].judgement.verdict is Verdict.PASS and server.alive
    notes = [] if just_passed else await ensure_responding(server)
    split_bodies = any(each.app_read_body for each in previous_attempts)
    patience = LATE_CLOSE_PATIENCE if any(each.closed_late for each in previous_attempts) else 1.0
    made = await attempt(case, server, segmentation, notes, Transcript(patience), split_bodies=split_bodies)
    if made.seconds >= SLOW_ATTEMPT_SECONDS and server.alive and await _keeps_cpu_busy(server):
        note = "afterwards the server kept a processor busy without a request; it was restarted"
        try:
            await server.restart(grace=0)
        except ServerError as failed:  # it counts for the next attempt, not for this one
            note += f", and did not start: {failed}"
        process = (*made.evidence.process, note)
        made = replace(made, evidence=msgspec.structs.replace(made.evidence, process=process))
    return made


async def _keeps_cpu_busy(server: ObservedServer) -> bool:
    """Say whether the server uses the processor without a request: later cases, and other servers, would be slow then.

    The check takes time, so it is made only after slow attempts.
    """
    before = cpu_seconds(server.visible_processes())
    await trio.sleep(CPU_SAMPLE_SECONDS)
    return cpu_seconds(server.visible_processes()) - before >= CPU_SAMPLE_SECONDS * BUSY_CPU_SHARE


async def is_responding(server: ObservedServer) -> bool:
    """Say whether `server` responds to a plain request, as it must before a case begins."""
    if not server.alive:
        return False
    async with open_exchange(server) as exchange:
        try:
            with trio.move_on_after(RESPONDING_TIMEOUT_SECONDS):
                return await exchange.alive()
        except (InternalError, ServerError, Unsupported):
            return False
        except Violation:
            return True  # it responds wrongly: the case must report that
    return False
