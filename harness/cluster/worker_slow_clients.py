"""Slow clients on the workers of a cluster, an equal share on each."""

from __future__ import annotations

import trio

from wsgi_gauntlet.harness.cluster.cluster import START_TIMEOUT, Cluster, Worker, WorkerProcess, unexpected
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.load.clients.behaviour_message import BehaviourMessage
from wsgi_gauntlet.harness.load.clients.slow_client_pool import most_common_disconnect
from wsgi_gauntlet.harness.load.generator.process_messages import (
    CountSlowClients,
    Ready,
    ScaleSlowClients,
    SlowClientCounts,
    SlowClientJob,
)
from wsgi_gauntlet.harness.model import Disconnect
from wsgi_gauntlet.harness.server.remote.guard import watch_credentials
from wsgi_gauntlet.harness.server.remote.proof import address_fields

MODULE = "wsgi_gauntlet.harness.load.clients.slow_client_main"

COUNT_INTERVAL = 0.5
"""Seconds between two looks at the counts of a worker."""

REPLY_TIMEOUT = 60.0
"""Seconds beyond the arrival of the clients in which a worker must answer."""


class _Share:
    """The clients of one worker: how many there shall be, how many there are, and the latest counts."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.wanted = self.present = 0
        self.counts = SlowClientCounts(0, 0, 0, ())
        self.changed = trio.Event()
        """Set to wake up its task."""


class WorkerSlowClients:
    """Slow clients on several workers; see SlowClients. Made by `Cluster.slow_clients`."""

    def __init__(
        self,
        cluster: Cluster,
        address: Address,
        kinds: tuple[BehaviourMessage, ...],
        nursery: trio.Nursery,
        *,
        per_second: float,
    ) -> None:
        self.address = address
        self._cluster = cluster
        self._shares: list[_Share] = []
        self._kinds = kinds
        self._nursery = nursery
        self._per_second = per_second
        self._settled = trio.Event()

    @property
    def size(self) -> int:
        """The number of clients, connected or not."""
        return sum(each.wanted for each in self._shares)

    @property
    def connected_count(self) -> int:
        """The number of clients with a connection, as the workers last said."""
        return sum(each.counts.connected for each in self._shares)

    @property
    def refused(self) -> int:
        """The number of refused connections, as the workers last said."""
        return sum(each.counts.refused for each in self._shares)

    async def scale_to(self, size: int, patience: float = 1.0) -> None:  # noqa: ARG002 - the workers know it
        """Add or remove clients until there are `size` of them. See SlowClients.

        If a worker is lost, its task raises WorkerLost in the nursery, which cancels this call.
        """
        if not self._shares:
            await self._cluster.rediscover_if_lost()  # an earlier round may have lost a worker
            self._shares = [_Share(each) for each in self._cluster.generators]
            for each in self._shares:
                self._nursery.start_soon(self._run, each)
        self._want(size)
        while any(each.present != each.wanted for each in self._shares):
            self._settled = trio.Event()
            await self._settled.wait()

    def release(self) -> None:
        """Remove all clients. The message to the workers is under way when this returns."""
        self._want(0)

    def first_disconnect(self) -> Disconnect:
        """Return how the server disconnected most clients, as the workers last said."""
        every = [each for share in self._shares for each in share.counts.disconnects]
        return most_common_disconnect(every, sum(each.counts.total for each in self._shares))

    def _want(self, size: int) -> None:
        self._cluster.uses += size > 0
        for place, share in enumerate(self._shares):
            each, more = divmod(size, len(self._shares))
            share.wanted = each + (place < more)
            if share.wanted != share.present:  # if its task is at work, it looks again when it is done
                share.changed.set()

    async def _run(self, share: _Share) -> None:
        """Run the process on the worker of `share` until it is cancelled. Raises WorkerLost, and the worker's error."""
        await share.changed.wait()  # a worker without clients needs no process
        async with self._cluster.process(share.worker, MODULE) as process:
            job = SlowClientJob(
                address_fields(self.address),
                self._kinds,
                self._per_second / len(self._shares),
                watch_credentials(self.address, len(self._shares)),
            )
            reply = await process.request(job, START_TIMEOUT)
            if not isinstance(reply, Ready):
                raise unexpected(share.worker, reply)
            while True:
                share.changed = trio.Event()
                wanted = share.wanted
                await self._update(share, process, wanted)
                if wanted == share.wanted:
                    with trio.move_on_after(COUNT_INTERVAL):
                        await share.changed.wait()

    async def _update(self, share: _Share, process: WorkerProcess, wanted: int) -> None:
        message = ScaleSlowClients(wanted) if wanted != share.present else CountSlowClients()
        arrival = abs(wanted - share.present) * len(self._shares) / self._per_second
        reply = await process.request(message, arrival + REPLY_TIMEOUT)
        if not isinstance(reply, SlowClientCounts):
            raise unexpected(share.worker, reply)
        share.counts, share.present = reply, wanted
        self._settled.set()
