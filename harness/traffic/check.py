"""Play each sequence of some traffic on a server twice: what came, what is wrong, and what of each body is stable.

If all responses are correct, visits in turn follow (in_turn.py): they show what users change on each other's pages.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import trio

from wsgi_gauntlet.harness.errors import ConfigurationError, GauntletError, leaf_exceptions
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server import instance
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.server_log import last_traceback
from wsgi_gauntlet.harness.server.server_under_test import ServerUnderTest
from wsgi_gauntlet.harness.server.temp_dirs import scratch_folder
from wsgi_gauntlet.harness.server.user_app import plan_with_control_paths
from wsgi_gauntlet.harness.traffic.compiled import CompiledTraffic
from wsgi_gauntlet.harness.traffic.expected import ExpectedBody
from wsgi_gauntlet.harness.traffic.in_turn import play_in_turn
from wsgi_gauntlet.harness.traffic.model import Traffic
from wsgi_gauntlet.harness.traffic.mount import with_mount
from wsgi_gauntlet.harness.traffic.player import PlayedRequest, expected_body, play
from wsgi_gauntlet.harness.traffic.visit import Visit

SECOND_VISIT_DELAY_SECONDS = 1.1
"""Seconds between the two visits of a sequence, so that a clock that shows seconds changes between them."""

VISITS = 2
"""Visits of each sequence."""


@dataclass(frozen=True)
class CheckedStep:
    """One step: the requests of the first visit, with redirects, and the reason why the second visit failed.

    `expected` is what later visits are compared with, None if a visit failed or the file says so. `log` is the end of a
    traceback in the server's log.
    """

    requests: tuple[PlayedRequest, ...]
    second_fault: str
    expected: ExpectedBody | None
    log: str = ""

    @property
    def fault(self) -> str:
        """Why the first visit failed at this step, '' if it did not."""
        return self.requests[-1].outcome.reason

    @property
    def ok(self) -> bool:
        """Whether both visits got the correct response."""
        return self.requests[-1].outcome.ok and not self.second_fault


@dataclass(frozen=True)
class CheckedSequence:
    """One sequence and its steps."""

    name: str
    weight: float
    steps: tuple[CheckedStep, ...]


@dataclass(frozen=True)
class TrafficCheck:
    """The result of a check on the server `server` of version `version`."""

    server: str
    version: str
    sequences: tuple[CheckedSequence, ...]

    @property
    def wrong_steps(self) -> int:
        """The number of steps with a wrong response."""
        return sum(not step.ok for each in self.sequences for step in each.steps)


def check(plan: Plan, traffic: Traffic, progress: Callable[[str], None] = lambda _: None) -> TrafficCheck:
    """Start the server of `plan`, play each sequence of `traffic` twice, and stop the server.

    `progress` gets what is being done. The paths of `traffic` are below the mount of the server, as under load. Raises
    the errors of the start.
    """
    try:
        return trio.run(_check, plan_with_control_paths(plan), traffic, progress)
    except BaseExceptionGroup as group:
        for kind in (KeyboardInterrupt, GauntletError):
            for each in leaf_exceptions(group):
                if isinstance(each, kind):
                    raise each from None
        raise


async def _check(plan: Plan, traffic: Traffic, progress: Callable[[str], None]) -> TrafficCheck:
    with scratch_folder() as scratch:
        progress(f"starting {plan.name}")
        async with instance.running(plan, scratch=scratch, logs=None, observe=False) as server:
            if server.address.pipe_socket:
                raise ConfigurationError(f"{plan.name} has no socket, and traffic needs one; name another server")
            sequences = await check_sequences(server, with_mount(traffic, plan.settings.mount), progress)
            return TrafficCheck(plan.name, plan.app_plan.found.version, sequences)


async def check_sequences(
    server: ServerUnderTest, traffic: Traffic, progress: Callable[[str], None] = lambda _: None
) -> tuple[CheckedSequence, ...]:
    """Play each sequence of `traffic` twice on a running server, with different rows of the value lists."""
    compiled = CompiledTraffic(traffic)
    began = time.monotonic()
    first: list[tuple[list[PlayedRequest], PlayedRequest | None, str]] = []
    for number, sequence in enumerate(traffic.sequences):
        progress(f"{sequence.name}: first visit")
        mark = server.log_position()
        played = await _visit(server.address, compiled, number, _row(number, 0))
        logged, log = _logged_request(played), ""
        if logged is not None:
            await server.wait_for_log()
            log = last_traceback(server.log_since(mark))
        first.append((played, logged, log))
    await trio.sleep(max(0.0, began + SECOND_VISIT_DELAY_SECONDS - time.monotonic()))
    found = []
    second = []
    for number, sequence in enumerate(traffic.sequences):
        progress(f"{sequence.name}: second visit")
        second.append(await _visit(server.address, compiled, number, _row(number, 1)))
    in_turn: Sequence[Sequence[Sequence[PlayedRequest]]] = [[[] for _ in each.steps] for each in traffic.sequences]
    if all(request.outcome.ok for each in (*(played for played, _, _ in first), *second) for request in each):
        progress("visits in turn")
        in_turn = (await play_in_turn(server.address, compiled, _row(len(traffic.sequences), 0))).steps
    for number, sequence in enumerate(traffic.sequences):
        played, logged, log = first[number]
        steps = []
        for requests, again, others in zip(_by_step(played), _by_step(second[number]), in_turn[number], strict=True):
            last, last_again = requests[-1], again[-1]
            ok = last.outcome.ok and last_again.outcome.ok
            steps.append(
                CheckedStep(
                    requests,
                    last_again.outcome.reason if last.outcome.ok else "",
                    expected_body([last, last_again, *others]) if ok else None,
                    log if last is logged else "",
                )
            )
        found.append(CheckedSequence(sequence.name, sequence.weight, tuple(steps)))
    return tuple(found)


def _logged_request(played: list[PlayedRequest]) -> PlayedRequest | None:
    """Return the request that the last traceback in the log belongs to: the last one with status 500 or none.

    Without such a request it is the last one with a wrong response, None if all are correct.
    """
    wrong = [each for each in played if not each.outcome.ok and each.target]
    broken = [each for each in wrong if each.status is None or each.status >= 500]
    return next(reversed(broken or wrong), None)


def _row(sequence: int, visit: int) -> int:
    """Return the row of a visit: the visits of a sequence have different users if a list has two rows or more."""
    return sequence * VISITS + visit


async def _visit(address: Address, traffic: CompiledTraffic, sequence: int, row: int) -> list[PlayedRequest]:
    return await play(address, Visit(traffic, sequence, row, give_up=False))


def _by_step(played: list[PlayedRequest]) -> list[tuple[PlayedRequest, ...]]:
    found: list[list[PlayedRequest]] = [[]]
    for each in played:
        found[-1].append(each)
        if each.is_last_of_step:
            found.append([])
    return [tuple(each) for each in found if each]
