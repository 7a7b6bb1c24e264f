"""Every K-th connection gets one answer, stays open, and gets no other.

usage: python -m flawed.half_hearted HOST PORT K MODULE:CALLABLE
"""

from __future__ import annotations

from .sound import Client, Request, Server, run


class HalfHearted(Server):
    def answer(self, client: Client, request: Request) -> bool:
        kept = super().answer(client, request)
        while kept and client.number % int(self.arguments[0]) == 0:
            client.more()  # until the client goes
        return kept


if __name__ == "__main__":
    run(HalfHearted)
