"""Sends a big page block by block, as the client reads it: a reader that stops costs a thread, and no copy of the page.

`correct` is the contrast: it holds the whole response.

usage: python -m known_servers.streams_pages HOST PORT MODULE:CALLABLE
"""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from .correct import ClientConnection, Request, Server, run

BLOCK = b"x" * 65536


class StreamsPages(Server):
    def answer(self, client: ClientConnection, request: Request) -> bool:
        query = parse_qs(urlsplit(request.target).query)
        size = int(query.get("size", ["0"])[0])
        if size <= len(BLOCK):
            return super().answer(client, request)
        start = f"{query['n'][0]}\n".encode("ascii")
        client.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (size, start))
        left = size - len(start)
        while left:
            client.send(BLOCK[:left])
            left -= min(left, len(BLOCK))
        return request.keep


if __name__ == "__main__":
    run(StreamsPages)
