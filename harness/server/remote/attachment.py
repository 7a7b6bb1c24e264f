"""Observe a target for a check: begin a session, and make sure that the events of all its processes arrive."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import trio

from wsgi_gauntlet.harness.errors import InternalError, ServerError, TargetRefused
from wsgi_gauntlet.harness.http.http_connection import HttpConnection
from wsgi_gauntlet.harness.http.parser import Response
from wsgi_gauntlet.harness.http.request import get_request
from wsgi_gauntlet.harness.model import AppEvent
from wsgi_gauntlet.harness.server.background_tasks import background_nursery
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.remote.control import Control, ControlRefused, ControlResponse, NoControlResponse
from wsgi_gauntlet.harness.server.remote.proof import VerifiedAddress
from wsgi_gauntlet.harness.server.remote.remote_server import RemoteDescription, RemoteServer
from wsgi_gauntlet.harness.server.remote.target_events import SEVERAL_PLACES, TargetEventChannel, gate_hash
from wsgi_gauntlet.harness.server.server_under_test import STOP_GRACE, ObservedServer
from wsgi_gauntlet.harness.server.temp_dirs import app_version, reference_app_sources

RESPONSE_SECONDS = 5.0
"""Seconds in which an idle target must respond."""

TRIAL_REQUESTS = 12
"""Requests whose events must all arrive before a check begins: they should reach each process of a target."""

TRIAL_REQUESTS_BEFORE_BLAME = 6
"""The same before a target is blamed."""

TRIAL_EVENTS_SECONDS = 1.0
"""Seconds in which the events of these requests must arrive. The app writes them before it responds."""

MEETING_MILLISECONDS = 400
"""Milliseconds for which a control request waits for another one, to find out whether both are served at once."""

MEETINGS = 3
"""Pairs of such requests. Some servers choose a busy process for a connection by chance."""

RETURN_SECONDS = 12.0
"""Seconds for which the harness waits for a target that does not respond: the app gives up a barrier after ten."""

RETRY_SECONDS = 0.1
"""Seconds between two attempts meanwhile."""

END_SECONDS = 1.0
"""Seconds in which a target learns that the check has ended."""

FORWARDING_FIELDS = ("HTTP_VIA", "HTTP_FORWARDED", "HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP", "HTTP_X_FORWARDED_PROTO")
"""Header fields that only a proxy adds."""


@dataclass(frozen=True)
class TrialRequest:
    """One plain request: its token, its response and the port that it was sent from (0 on a Unix socket)."""

    token: str
    response: Response
    port: int


class ObservedTarget(RemoteServer, ObservedServer):
    """A target whose app events arrive. The harness cannot start it again: it waits until it responds."""

    channel: TargetEventChannel

    def __init__(self, plan: Plan, address: VerifiedAddress, description: RemoteDescription, control: Control) -> None:
        RemoteServer.__init__(self, plan, description.target, address)
        self._control = control
        self.channel = TargetEventChannel(control)
        self.history: list[str] = []
        self.one_at_a_time = False
        self._lost = ""

    @property
    def conditions(self) -> dict[str, object]:
        seen = {"front": self.plan.front} if self.plan.front else {}
        return {**super().conditions, **seen, "requests at a time": "one" if self.one_at_a_time else "several"}

    @property
    def intact(self) -> bool:
        return True

    @property
    def folders(self) -> tuple[Path, ...]:
        return ()

    @property
    def command_line(self) -> str:
        return ""

    def visible_processes(self) -> list[int]:
        return []

    @property
    def end_visible(self) -> bool:
        return False

    @property
    def log_visible(self) -> bool:
        return False

    async def wait_for_end(self, seconds: float) -> str:  # noqa: ARG002 - its end is not visible
        return ""

    async def restart(self, grace: float = STOP_GRACE) -> None:  # noqa: ARG002 - there is no process to stop
        if self._lost or (why := await self._wait_until_back()):
            self._lost = self._lost or why
            raise ServerError(f"{self.name}: {self._lost}")

    async def doubt(self, *, blamed: bool) -> str:
        if why := self._lost or await self._wait_until_back():
            self._lost = why
            return why
        if not blamed:
            return ""
        try:
            return missing_message(*await self._trials(TRIAL_REQUESTS_BEFORE_BLAME))
        except InternalError as problem:
            return str(problem)
        except (OSError, trio.TooSlowError):
            return ""  # it responds to control requests, so the case may say more about this

    async def _wait_until_back(self) -> str:
        """Return why the target does not respond any more, '' as soon as it does."""
        with trio.move_on_after(RETURN_SECONDS):
            while not await self.channel.fetch(RESPONSE_SECONDS):
                if failure := self.channel.failure_message(0):
                    return failure
                await trio.sleep(RETRY_SECONDS)
            return ""
        return (
            f"it has not responded for {RETURN_SECONDS:g} s; the harness cannot know whether it was ended, or whether "
            "a request of the check did that; start it again, then run the check with --resume"
        )

    # ------------------------------------------------------------------ before the check

    async def begin(self) -> None:
        """Begin the session. Raises TargetRefused."""
        try:
            before = time.monotonic()
            offered = _accepted(await self._control.hello(RESPONSE_SECONDS))
            clock = offered.clock - (before + time.monotonic()) / 2
            _require_version(offered)
            if offered.in_use:
                raise TargetRefused("another check of it is running; wait for its end, which takes a while if it died")
            _accepted(await self._control.begin(offered.session, RESPONSE_SECONDS))
        except NoControlResponse as reason:
            raise TargetRefused(str(reason)) from None
        except ControlRefused as refused:
            raise TargetRefused(
                f"{refused}: the test app there is older than this wsgi-gauntlet, or {SEVERAL_PLACES}. "
                "`wsgi-gauntlet target-app` prints the app"
            ) from None
        self.channel = TargetEventChannel(self._control, clock)

    async def try_out(self) -> None:
        """Find out how the target can be checked. Raises TargetRefused if the events of its app do not arrive."""
        try:
            concurrent = await self._serves_two_at_once()
            await self._control.send("barriers", RESPONSE_SECONDS, on=int(concurrent))
            trials, events = await self._trials(TRIAL_REQUESTS)
        except NoControlResponse as reason:
            raise TargetRefused(str(reason)) from None
        except ControlRefused as refused:
            raise TargetRefused(f"{refused}: {SEVERAL_PLACES}") from None
        except (OSError, trio.TooSlowError) as error:
            raise TargetRefused(f"it does not serve a plain request: {error or 'no response'}") from None
        for each in trials:
            if is_unaware(each.response):
                raise TargetRefused(f"one of its processes knows nothing of this check: {SEVERAL_PLACES}")
            if each.response.status != 200 or each.response.body != f"gauntlet {each.token}\n".encode():
                raise TargetRefused(f"it does not serve a plain request: {each.response.describe()}")
        if why := self.channel.failure_message(0) or missing_message(trials, events):
            raise TargetRefused(why)
        self.plan = replace(self.plan, front=describe_front(trials, events))
        self.one_at_a_time = not concurrent

    async def _serves_two_at_once(self) -> bool:
        for _ in range(MEETINGS):
            if not await self._meet():
                return False
        return True

    async def _meet(self) -> bool:
        """Say whether the target serves a request while another one waits."""
        gate = gate_hash(secrets.token_hex(8))
        met: list[bool] = []
        refused: list[ControlRefused] = []

        async def send(action: str, **values: object) -> None:
            try:
                response, _ = await self._control.send(action, RESPONSE_SECONDS, **values)
                met.append(response.met)
            except NoControlResponse:
                met.append(False)
            except ControlRefused as error:
                refused.append(error)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(partial(send, "meet", gate=gate, ms=MEETING_MILLISECONDS))
            await trio.sleep(MEETING_MILLISECONDS / 4000)  # the first request must have reached the app
            await send("fetch", **{"from": 1 << 50, "open": gate})
        if refused:
            raise refused[0]
        return any(met)

    async def _trials(self, count: int) -> tuple[list[TrialRequest], list[AppEvent]]:
        """Send plain requests, and return them with the events that arrived of their calls."""
        mark, token = self.channel.mark(), secrets.token_hex(4)
        events: list[AppEvent] = []
        trials = [await self._try(f"{token}.{number}", number) for number in range(count)]
        tokens = {each.token for each in trials}
        with trio.move_on_after(TRIAL_EVENTS_SECONDS):
            while True:
                await self.channel.read_pending()
                events = [each for each in self.channel.since(mark) if each.token in tokens and each.kind == "called"]
                if len(events) >= count:
                    return trials, events
                await trio.sleep(RETRY_SECONDS)
        return trials, events

    async def _try(self, token: str, number: int) -> TrialRequest:
        # Different paths: a front may choose the server by the path.
        request = get_request(
            self.address, f"{self.target.mount}/echo/{number}", f"X-Gauntlet: {token}", "Connection: close"
        )
        with trio.fail_after(RESPONSE_SECONDS):
            connection = await HttpConnection.open(self.address)
            try:
                port = connection.local_port
                return TrialRequest(token, await connection.send_request(request), port)
            finally:
                connection.close()


@asynccontextmanager
async def attached(plan: Plan) -> AsyncIterator[ObservedTarget]:
    """Observe the target of `plan` until the block ends. Raises TargetRefused, with the name of the target."""
    description = plan.adapter
    assert isinstance(description, RemoteDescription)
    proven = (await description.verify_again(plan)).proven
    control = Control(proven, description.target.mount, description.token)
    server = ObservedTarget(plan, proven, description, control)
    try:
        await server.begin()
    except TargetRefused as refused:
        raise TargetRefused(f"{description.target}: {refused}") from None
    try:
        try:
            await server.try_out()
        except TargetRefused as refused:
            raise TargetRefused(f"{description.target}: {refused}") from None
        async with background_nursery() as nursery:
            nursery.start_soon(server.channel.keep_alive)
            yield server
    finally:
        with trio.CancelScope(shield=True), contextlib.suppress(NoControlResponse, ControlRefused):
            await control.send("end", END_SECONDS)


def _accepted(response: ControlResponse) -> ControlResponse:
    """Return `response`. Raises TargetRefused if the app reports an error in it."""
    if response.error:
        raise TargetRefused(response.error)
    return response


def _require_version(offered: ControlResponse) -> None:
    own = app_version(reference_app_sources())
    if offered.version != own:
        raise TargetRefused(
            f"it serves another version of the test app ({offered.version!a}, this wsgi-gauntlet has {own!r}): deploy "
            "the file that `wsgi-gauntlet target-app` prints now"
        )


def is_unaware(response: Response) -> bool:
    """Return whether the test app responded that no check is running."""
    return response.status == 404 and response.body.startswith(b"this is the test app of wsgi-gauntlet")


def missing_message(trials: Sequence[TrialRequest], events: Sequence[AppEvent]) -> str:
    """Return that the events of some requests did not arrive, and what to do; '' if all did."""
    missing = {each.token for each in trials} - {each.token for each in events}
    if not missing:
        return ""
    return (
        f"the events of {len(missing)} of {len(trials)} plain requests did not arrive: the processes of the target do "
        f"not share a folder for them; {SEVERAL_PLACES}, or set WSGI_GAUNTLET_STORE to a folder that all can write to"
    )


def describe_front(trials: Sequence[TrialRequest], events: Sequence[AppEvent]) -> str:
    """Return what shows that the requests pass a proxy or a translation of addresses, '' if nothing does."""
    ports = {each.token: each.port for each in trials}
    for event in events:
        environ = event.detail.get("environ", {})
        if (port := environ.get("REMOTE_PORT")) and ports[event.token]:
            if port != str(ports[event.token]):
                return "the app sees other connections than the client opens"
        elif found := next((name for name in FORWARDING_FIELDS if name in environ), ""):
            return f"it adds {found.removeprefix('HTTP_').replace('_', '-').title()}"
        elif environ.get("SERVER_PROTOCOL") == "HTTP/1.0":
            return "it sends HTTP/1.0 requests"
    return ""
