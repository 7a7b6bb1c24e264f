"""Pipelined requests that have come at once are answered last first.

usage: python -m flawed.disorders HOST PORT MODULE:CALLABLE
"""

from __future__ import annotations

from .sound import Client, Request, Server, run


class Disorders(Server):
    def answer(self, client: Client, request: Request) -> bool:
        if b"\r\n\r\n" not in client.buffer:
            return super().answer(client, request)
        following = self.read(client)
        kept = following is None or self.answer(client, following)
        return super().answer(client, request) and kept


if __name__ == "__main__":
    run(Disorders)
