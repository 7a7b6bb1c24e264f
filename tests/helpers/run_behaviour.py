"""Run one client behaviour against an address; return how it ended and which connections it opened."""

from __future__ import annotations

from dataclasses import dataclass, field

import trio

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load.clients.behaviours import ClientBehaviour, ConnectScript
from wsgi_gauntlet.harness.load.clients.scheduler import Scheduler
from wsgi_gauntlet.harness.load.clients.slow_connection import Script, SlowConnection


@dataclass
class BehaviourRun:
    connections: list[SlowConnection] = field(default_factory=list)
    end: BaseException | None = None


async def run_behaviour(behaviour: ClientBehaviour, address: Address, patience: float = 30) -> BehaviourRun:
    """Return the run of `behaviour` after its end."""
    behaviour_run, over, scheduler = BehaviourRun(), trio.Event(), Scheduler()

    def connect(window: int | None = None, *, tls: bool = True) -> ConnectScript:
        connection = SlowConnection.start_connect(address, window, tls=tls)
        behaviour_run.connections.append(connection)
        scheduler.watch(connection)
        yield from connection.connected()
        yield from connection.handshake()
        return connection

    def script() -> Script:
        try:
            yield from behaviour.script(connect)
        except Exception as end:  # noqa: BLE001 - any end is what the test asks for
            behaviour_run.end = end
        finally:
            for connection in behaviour_run.connections:
                connection.close()
            over.set()

    with trio.fail_after(patience):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(scheduler.run)
            scheduled_client = scheduler.start(script())
            await over.wait()
            scheduler.stop(scheduled_client)
            nursery.cancel_scope.cancel()
    return behaviour_run
