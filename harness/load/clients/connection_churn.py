"""Clients that come once: each connects, requests one page, reads it, and closes the connection with FIN or RST."""

from __future__ import annotations

import enum
import errno
import os
import time
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field

import trio

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.http.admission import wait_for_admission
from wsgi_gauntlet.harness.http.parser import ConnectionState, ResponseParser
from wsgi_gauntlet.harness.limits import as_out_of_resources
from wsgi_gauntlet.harness.load.arrivals import Pacer, schedule
from wsgi_gauntlet.harness.load.clients.scheduler import ScheduledClient, Scheduler
from wsgi_gauntlet.harness.load.clients.slow_connection import (
    RECEIVE_BYTES,
    Script,
    ServerDisconnected,
    SlowConnection,
    Wait,
)
from wsgi_gauntlet.harness.load.generator.generator_health import health_of_sends
from wsgi_gauntlet.harness.load.generator.source_addresses import SourceAddresses
from wsgi_gauntlet.harness.load.workload import Workload
from wsgi_gauntlet.harness.model import Outcome
from wsgi_gauntlet.harness.stats.histogram import Histogram

TIMEOUT = 5.0
"""Seconds after which a client gives up."""

PAGE_BYTES = 2000
"""Bytes of the page that a client requests."""


class CloseMode(enum.StrEnum):
    """How a client closes its connection after the response."""

    ORDERLY = "in good order"
    RESET = "by RST"


@dataclass
class ChurnResult:
    """The results of clients that come once. Times in seconds, histograms in nanoseconds.

    `seconds` is from the first intended time to the last arrival. Every client is `ok`, `failed` (a wrong or broken
    response), `refused` (no connection) or `timed_out` after TIMEOUT; together they are `due`. `first_error` describes
    the first wrong or broken response.
    """

    close_mode: CloseMode
    due: int = 0
    seconds: float = 0.0
    ok: int = 0
    failed: int = 0
    refused: int = 0
    timed_out: int = 0
    first_error: str = ""
    connect: Histogram = field(default_factory=Histogram)
    response: Histogram = field(default_factory=Histogram)
    lateness: list[float] = field(default_factory=list)

    @property
    def started(self) -> int:
        """The number of clients that came."""
        return len(self.lateness)

    @property
    def per_second(self) -> float:
        """Clients that came, per second."""
        return self.started / self.seconds if self.seconds else 0.0

    @property
    def lost(self) -> int:
        """The number of clients without a correct response."""
        return self.failed + self.refused + self.timed_out

    @property
    def generator_problem(self) -> str:
        """Why the generator did not keep up, '' if it did."""
        return health_of_sends(self.lateness, due=self.due, seconds=max(self.seconds, 1e-9)).why


class ConnectionChurn:
    """Sends such clients to `address`. They request `workload`. The caller runs the scheduler."""

    def __init__(self, address: Address, workload: Workload, scheduler: Scheduler) -> None:
        self._address = address
        self._workload = workload
        self._scheduler = scheduler
        self._source_addresses = SourceAddresses(address)
        self._request_number = 0
        self._in_flight: deque[tuple[float, ScheduledClient, ChurnResult]] = deque()

    async def run(self, pacer: Pacer, seconds: float, close_mode: CloseMode) -> ChurnResult:
        """Send clients at the times of `pacer` for `seconds`, and return the results of all of them.

        Returns at most TIMEOUT later. Raises OutOfResources if this machine has no port or descriptor left.
        """
        found = ChurnResult(close_mode)
        begin = trio.current_time()
        for due in schedule(pacer, seconds):
            if begin + due > trio.current_time():
                await trio.sleep_until(begin + due)
                self._stop_overdue()
            found.due += 1
            self._start_client(found, begin + due)
        found.seconds = max(seconds, trio.current_time() - begin)
        until = trio.current_time() + TIMEOUT
        while self._in_flight and trio.current_time() < until:
            await trio.sleep(0.01)
            self._stop_overdue()
        self._stop_overdue(all_clients=True)
        return found

    def _start_client(self, found: ChurnResult, due: float) -> None:
        found.lateness.append(trio.current_time() - due)
        scheduled_client = self._scheduler.start(self._client_script(found))
        if scheduled_client.script is not None:
            self._in_flight.append((trio.current_time(), scheduled_client, found))

    def _stop_overdue(self, *, all_clients: bool = False) -> None:
        """Stop the clients that wait for too long. They are in the order of their arrival."""
        limit = trio.current_time() - TIMEOUT
        while self._in_flight:
            came, scheduled_client, found = self._in_flight[0]
            if scheduled_client.script is not None:
                if came > limit and not all_clients:
                    return
                self._scheduler.stop(scheduled_client)
                found.timed_out += 1
            self._in_flight.popleft()

    def _client_script(self, found: ChurnResult) -> Script:
        began = time.perf_counter_ns()
        connection = None
        try:
            yield from wait_for_admission(self._address)
            connection = self._start_connect()
            self._scheduler.watch(connection)
            yield from connection.connected()
            found.connect.record(time.perf_counter_ns() - began)
            yield from connection.handshake()
            first_error = yield from self._request_page(connection)
        except ServerDisconnected as disconnected:
            found.failed += 1
            found.first_error = found.first_error or f"{disconnected.how} before the request was sent"
        except OSError:
            found.refused += 1
        else:
            if first_error:
                found.failed += 1
                found.first_error = found.first_error or first_error
            else:
                found.ok += 1
                found.response.record(time.perf_counter_ns() - began)
        finally:
            if connection is not None:
                if found.close_mode is CloseMode.RESET:
                    connection.reset()
                else:
                    connection.close()

    def _request_page(self, connection: SlowConnection) -> Generator[Wait, bool, str]:
        """Request a page and return the error of its response, '' if it is correct."""
        self._request_number += 1
        nonce = f"churn-{self._request_number:x}"
        # Without `Connection: close`: the FIN or RST of the client must end the connection.
        request = self._workload.request(self._address, nonce, PAGE_BYTES, keep=True)
        yield from connection.send(request)
        parser = ResponseParser(head=request.startswith(b"HEAD "))
        while not parser.done:
            try:
                parser.feed((yield from connection.read(RECEIVE_BYTES)))
            except ServerDisconnected as disconnected:
                parser.eof(ConnectionState.EOF if disconnected.how == "FIN" else ConnectionState.RESET)
        response = parser.response()
        outcome = self._workload.outcome(response, nonce, PAGE_BYTES)
        return "" if outcome is Outcome.OK else f"{outcome.label}: {response.describe()}"

    def _start_connect(self) -> SlowConnection:
        sock, code = self._source_addresses.connect()
        if code not in (0, errno.EINPROGRESS):
            sock.close()
            raise as_out_of_resources(OSError(code, os.strerror(code)))
        return SlowConnection.on_socket(sock, self._address)
