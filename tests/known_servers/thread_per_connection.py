"""A server with a known flaw: N threads, each of which belongs to one connection from accept to close.

N connections that never finish their request take it from everybody else: N* is N by construction. It speaks HTTP/1.0,
so that a served connection gives its thread back at once.

usage: slots.py HOST PORT THREADS MODULE:CALLABLE
"""

import importlib
import sys
from concurrent.futures import ThreadPoolExecutor
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer


class QuietRequestHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
        pass


class ThreadPerConnection(ThreadingMixIn, WSGIServer):
    request_queue_size = 128
    pool: ThreadPoolExecutor

    def process_request(self, request, client_address):  # type: ignore[no-untyped-def]
        self.pool.submit(self.process_request_thread, request, client_address)

    def handle_error(self, request, client_address):  # type: ignore[no-untyped-def]
        pass


if __name__ == "__main__":
    host, port, threads, name = sys.argv[1:]
    module, _, attribute = name.partition(":")
    server = ThreadPerConnection((host, int(port)), QuietRequestHandler)
    server.pool = ThreadPoolExecutor(int(threads))
    server.set_app(getattr(importlib.import_module(module), attribute))
    server.serve_forever()
