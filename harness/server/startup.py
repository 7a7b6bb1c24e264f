"""Waiting for a server that was started: until it serves, or why it never will."""

from __future__ import annotations

from collections.abc import Callable

import trio

from wsgi_gauntlet.harness.errors import OutOfResources, PortTaken, ServerDidNotStart
from wsgi_gauntlet.harness.server import readiness
from wsgi_gauntlet.harness.server.adapter import Launch
from wsgi_gauntlet.harness.server.process import procfs
from wsgi_gauntlet.harness.server.process.supervised_process import SupervisedProcess
from wsgi_gauntlet.harness.server.server_log import most_relevant_line
from wsgi_gauntlet.harness.server.user_app import control_prefix

WRONG_RESPONSE_TIMEOUT = 2.0
"""Seconds of answers that are not the app's after which no better one is waited for."""


async def wait_until_ready(
    launch: Launch,
    supervised: SupervisedProcess,
    *,
    name: str,
    nonce: str,
    deadline: float,
    read_log: Callable[[], str],
) -> None:
    """Return when the server answers with `nonce`; with '' any answer of its own will do.

    `name` is what messages call it, `deadline` is in seconds, `logged` gives what it has logged since its start.
    Raises ServerDidNotStart with the telling line of that, PortTaken, OutOfResources.
    """
    response = readiness.ReadinessResponse(readiness.ReadinessState.REFUSED)
    port_taken = False
    target = f"{launch.settings.mount}{control_prefix(launch.app)}/nonce"

    async def poll() -> None:
        nonlocal response, port_taken
        give_up_at = trio.current_time() + WRONG_RESPONSE_TIMEOUT
        while True:
            response = await readiness.probe_readiness(launch.address, target, nonce, launch.protocol)
            foreign = response.state in (readiness.ReadinessState.OTHER, readiness.ReadinessState.INSECURE)
            if foreign or (response.state is readiness.ReadinessState.READY and not nonce):
                port_taken = _foreign_server_answers(launch, supervised)
            if port_taken or response.state in (
                readiness.ReadinessState.READY,
                readiness.ReadinessState.OUT_OF_RESOURCES,
            ):
                break
            if foreign and trio.current_time() > give_up_at:
                break
            await trio.sleep(readiness.PROBE_INTERVAL)
        nursery.cancel_scope.cancel()

    async def watch_exit() -> None:
        await supervised.wait_ended()
        nursery.cancel_scope.cancel()

    with trio.move_on_after(deadline) as start_scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(poll)
            nursery.start_soon(watch_exit)
    ended = supervised.ended
    if response.state is readiness.ReadinessState.READY and not ended and not port_taken:
        return
    if port_taken or (ended and _foreign_server_listens(launch)):
        raise PortTaken(f"{name} could not have port {launch.address.port}: another program listens there")
    if response.state is readiness.ReadinessState.OUT_OF_RESOURCES:
        raise OutOfResources(f"{name} {response.state.value}; raise `ulimit -n` or run less at a time")
    what = f"{name} did not start: {ended}" if ended else _not_ready_message(name, response, target)
    if ended == "exit code 0":
        what += " (a server must stay in the foreground)"
    elif start_scope.cancelled_caught and response.state is not readiness.ReadinessState.OTHER:
        what += f" for {deadline:g} s"
    log_line = most_relevant_line(read_log())
    raise ServerDidNotStart(f"{what}: {log_line}" if log_line else f"{what}, and logged nothing")


def _not_ready_message(name: str, response: readiness.ReadinessResponse, target: str) -> str:
    if response.state is readiness.ReadinessState.OTHER:
        return f"{name} did not serve the app: GET {target} was answered with {response.first_line}"
    return f"{name} did not start: it {response.state.value}"


def _foreign_server_answers(launch: Launch, supervised: SupervisedProcess) -> bool:
    port = launch.address.tcp_port
    return bool(port) and not procfs.owns_port(supervised.processes(), port)


def _foreign_server_listens(launch: Launch) -> bool:
    port = launch.address.tcp_port
    return bool(port) and bool(procfs.listening_inodes(port))
