"""The app of a target, called in the test's own process: control requests reach it without a server."""

from __future__ import annotations

from wsgi_gauntlet.harness.http.parser import Framing, Response
from wsgi_gauntlet.harness.server.remote.control import Control
from wsgi_gauntlet.harness.server.remote.proof import VerifiedAddress
from wsgi_gauntlet.suites.testapp import standalone

from .testapp_client import FakeServer, environ

TOKEN = "sesam-öffne-dich"


def serve(path: str, token: str = "") -> tuple[str, bytes]:
    """Return the status and the body for GET `path`, with `token` as X-Gauntlet."""
    server = FakeServer()
    body = standalone.application({**environ(path), "HTTP_X_GAUNTLET": token}, server.start_response)
    return server.status, b"".join(body)


class DirectControl(Control):
    """Control requests to the app in this process. Without `connected` nobody responds; `sent` are the targets."""

    def __init__(self, token: str = TOKEN) -> None:
        super().__init__(VerifiedAddress("127.0.0.1", 1), "", token)
        self.connected = True
        self.sent: list[str] = []

    async def _get(self, query: str, seconds: float) -> Response:
        return self._get_blocking(query, seconds)

    def _get_blocking(self, query: str, seconds: float) -> Response:  # noqa: ARG002 - the app responds at once
        if not self.connected:
            return Response(status=None)
        self.sent.append(f"/control?{query}")
        status, body = serve(self.sent[-1])
        return Response(status=int(status[:3]), body=body, framing=Framing.LENGTH, complete=True)

    async def observe(self) -> None:
        """Begin a session."""
        offered = await self.hello(1)
        assert not (await self.begin(offered.session, 1)).error
