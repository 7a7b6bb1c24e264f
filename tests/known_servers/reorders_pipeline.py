"""Pipelined requests that have come at once are answered last first.

usage: python -m known_servers.reorders_pipeline HOST PORT MODULE:CALLABLE
"""

from __future__ import annotations

from .correct import ClientConnection, Request, Server, run


class ReordersPipeline(Server):
    def answer(self, client: ClientConnection, request: Request) -> bool:
        if b"\r\n\r\n" not in client.buffer:
            return super().answer(client, request)
        following = self.read(client)
        kept = following is None or self.answer(client, following)
        return super().answer(client, request) and kept


if __name__ == "__main__":
    run(ReordersPipeline)
