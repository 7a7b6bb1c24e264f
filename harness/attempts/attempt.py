"""One attempt at one case on one running server, from its first byte to a finding with all the evidence."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import msgspec
import trio

from ..catalog import Case
from ..documents import encoded
from ..errors import HarnessTrouble, HeldUp, ServerTrouble, Skipped
from ..expect import Violation
from ..judge import BROKEN, Finding, judge
from ..launch import Running
from ..launching.processes import processor_time
from ..launching.supervised import UNKNOWN_END
from ..model import AppEvent, Evidence, Verdict
from ..tasks import beside
from ..wire import Transcript
from .clock import patient
from .doubts import Pulse, doubt, held_up
from .exchange import Exchange
from .lint import lint
from .patterns import Pattern

ALIVE_WITHIN = 3.0
"""Seconds in which an instance must answer before a case begins; an idle one needs milliseconds."""

NEWS = 0.05
"""Seconds in which word of a server's end reaches us; only waited for after a case that did not pass."""

LONG = 1.0
"""Seconds of an attempt that blames, from which on the server may be at something that does not end."""

LOOK = 0.1
"""Seconds for which a server is then watched: ten of the kernel's clock ticks."""

BUSY = 0.3
"""Share of one processor from which on a server without a request is not idle; the machine's others want theirs too."""

KEPT = 1 << 19
"""Bytes of the app's events that the evidence of one attempt keeps; the largest case has 200,000."""

FROM_OUTSIDE = ("SIGKILL", "SIGTERM", "SIGINT", UNKNOWN_END)
"""Ends that no fault of a server brings: somebody else, or the kernel short of memory, did."""


@dataclass(frozen=True)
class Attempt:
    """What one attempt came to. `seconds` is how long it took; `pattern` how its bytes were sent.

    `well_formed` says that all it sent was, so that the other ways of sending must come to the same. `lint` is what is
    wrong with the answers, whatever the case looked for.
    """

    finding: Finding
    evidence: Evidence = field(default_factory=Evidence)
    seconds: float = 0.0
    pattern: Pattern = Pattern.WHOLE
    well_formed: bool = False
    lint: tuple[str, ...] = ()

    @property
    def reads(self) -> bool:
        """Whether the app read the bodies that were sent, and so cannot have answered before they were there."""
        return any(event.kind == "body" for event in self.evidence.app)


async def attempt(
    case: Case,
    server: Running,
    pattern: Pattern = Pattern.WHOLE,
    notes: Iterable[str] = (),
    transcript: Transcript | None = None,
    *,
    bodies: bool = False,
) -> Attempt:
    """Run `case` once against `server`. Whatever the case or the server does is in what is returned.

    `bodies` has bodies too sent in that pattern: to be set where an earlier attempt's `reads` was true. `notes` go into
    the evidence. `transcript` is where it is recorded, for those that want to watch.
    """
    told = list(notes)
    started = time.monotonic()
    transcript = transcript or Transcript()
    transcript.bodies = bodies
    exchange = Exchange(server, secrets.token_hex(4), transcript, pattern)
    raised: BaseException | None = None
    scope = trio.CancelScope(deadline=trio.current_time() + case.deadline)
    pulse = Pulse()
    try:
        with scope, patient():
            async with beside() as nursery:
                nursery.start_soon(pulse.beat)
                await case.run(exchange)
    except Exception as problem:  # noqa: BLE001 - whatever a case raises decides its cell, never the run
        raised = problem
    finally:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + 1):
            await exchange.close()
    if scope.cancelled_caught:
        transcript.timed = True
        raised = HarnessTrouble(f"the case did not come to an end within {case.deadline:g} s")
    if raised is not None and (ended := await server.end_within(NEWS)):
        told.append(f"the server ended during the case: {ended}")
        if ended.endswith(FROM_OUTSIDE):
            told.append(f"seen in the attempt: {raised}")
            raised = HarnessTrouble(f"somebody ended the server, itself perhaps, and no fault did: {ended}")
        elif not isinstance(raised, Violation):
            raised = Violation("the server to stay up, whatever the case sends and its app does", f"it ended: {ended}")
    if isinstance(raised, Violation | Skipped) and (why := doubt(server, started)):
        told.append(f"seen in the attempt: {raised}")
        raised = HarnessTrouble(why)
    elif (case.timed or transcript.timed) and (why := held_up(pulse, late=transcript.late)):
        told.append(f"seen in the attempt: {raised or 'nothing wrong'}")
        raised = HeldUp(why)
    reported = exchange.app_events()
    kept = worth_keeping(reported)
    if len(kept) < len(reported):
        told.append(f"{len(reported) - len(kept)} later events of the app were not kept")
    evidence = Evidence(transcript.events, kept, exchange.log_so_far(), tuple(told))
    seconds = time.monotonic() - started
    # An answer of the user's app shows what that gives: nothing of it may be held against the server.
    found = () if case.own_app else lint(evidence.wire, reported, time.time())
    return Attempt(judge(case.level, raised), evidence, seconds, pattern, transcript.well_formed, found)


def worth_keeping(events: Sequence[AppEvent]) -> tuple[AppEvent, ...]:
    """Return the first of `events`, as many as KEPT bytes of the journal hold."""
    kept: list[AppEvent] = []
    room = KEPT
    for event in events:
        room -= len(encoded(event))
        if room < 0:
            break
        kept.append(event)
    return tuple(kept)


async def another(case: Case, server: Running, pattern: Pattern, made: Sequence[Attempt]) -> Attempt:
    """Run `case` once more after the attempts `made`, on a server that answers: it is started afresh where it does not.

    Raises ServerTrouble where it cannot be.
    """
    notes: list[str] = []
    just_answered = bool(made) and made[-1].finding.verdict is Verdict.PASS
    if not just_answered and not await answers(server):
        notes.append(f"did not answer before the attempt ({server.ended or 'still running'}); started afresh")
        await server.restart(grace=0)
    told = await attempt(case, server, pattern, notes, bodies=any(each.reads for each in made))
    if told.finding.verdict in BROKEN and server.alive and await _spins(server, told.seconds):
        process = (*told.evidence.process, "afterwards it kept a processor busy with nothing to do; started afresh")
        told = replace(told, evidence=msgspec.structs.replace(told.evidence, process=process))
        await server.restart(grace=0)
    return told


async def _spins(server: Running, seconds: float) -> bool:
    """Say whether the server computes although nobody asks it anything: all that came after would come late.

    It is watched for a moment, only where the attempt took so many seconds that something must have been waited for.
    """
    if seconds < LONG:
        return False
    before = processor_time(server.processes())
    await trio.sleep(LOOK)
    return processor_time(server.processes()) - before >= LOOK * BUSY


async def answers(server: Running) -> bool:
    """Say whether `server` answers a plain request, as it must before a case begins."""
    if not server.alive:
        return False
    exchange = Exchange(server, secrets.token_hex(4), Transcript())
    try:
        with trio.move_on_after(ALIVE_WITHIN):
            return await exchange.alive()
    except (HarnessTrouble, ServerTrouble):
        return False
    except Violation:
        return True  # it is there, and wrong: the case is to say so
    finally:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + 1):
            await exchange.close()
    return False
