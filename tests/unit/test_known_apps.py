"""Each app of tests/known_apps has the property that its name says."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any
from wsgiref.validate import validator

import pytest

from ..known_apps import cpu_bound, holds_lock, leaks_memory, mixes_up_users, slow_uploads, waits_50_ms

WAIT_SECONDS = 60.0
"""Seconds after which a test gives up waiting for an event."""

App = Callable[..., Any]


class Response:
    """The response of an app to one request, called as a server does."""

    def __init__(self, app: App, path: str = "/", method: str = "GET", body: bytes | None = None, **more: Any) -> None:
        self.status, self.headers = "", list[tuple[str, str]]()
        environ = {
            "REQUEST_METHOD": method,
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": "",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body or b""),
            "wsgi.errors": io.StringIO(),
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            **({} if body is None else {"CONTENT_LENGTH": str(len(body))}),
            **more,
        }
        iterable = app(environ, self.start)
        self.body = b"".join(iterable)
        if hasattr(iterable, "close"):
            iterable.close()
        assert dict(self.headers)["Content-Length"] == str(len(self.body))

    def start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        assert not exc_info
        self.status, self.headers = status, headers
        return io.BytesIO().write

    @property
    def cookie(self) -> str:
        """Return the cookie that the app has set, as the client sends it."""
        return dict(self.headers)["Set-Cookie"].partition(";")[0]


class Threads:
    """Threads of a server, and the pauses of the app in them."""

    def __init__(self, count: int) -> None:
        self.pool = ThreadPoolExecutor(count)
        self.paused = threading.Semaphore(0)
        self.goes_on = threading.Event()

    def pause(self, _seconds: float) -> None:
        """Stand where `time.sleep` stands, until the test goes on."""
        self.paused.release()
        assert self.goes_on.wait(WAIT_SECONDS)

    def get(self, app: App, path: str = "/", **more: Any) -> Future[Response]:
        return self.pool.submit(Response, app, path, **more)

    def wait_for_pauses(self, count: int) -> None:
        for _ in range(count):
            assert self.paused.acquire(timeout=WAIT_SECONDS)

    def finish(self, *requests: Future[Response]) -> list[Response]:
        self.goes_on.set()
        return [each.result(WAIT_SECONDS) for each in requests]


@pytest.fixture
def threads() -> Any:
    """Give threads, and end them."""
    made = Threads(8)
    yield made
    made.goes_on.set()
    made.pool.shutdown()


@pytest.mark.parametrize(
    "app", [cpu_bound.app, waits_50_ms.app, holds_lock.app, leaks_memory.app, mixes_up_users.app, slow_uploads.app]
)
def test_each_app_conforms_to_pep_3333(app: App) -> None:
    for method, path in (("GET", "/"), ("GET", "/account"), ("GET", "/nope"), ("POST", "/login"), ("POST", "/upload")):
        body = b"" if method == "POST" else None
        more = {"CONTENT_TYPE": "text/plain", "HTTP_COOKIE": 'user="; a=b'}
        assert Response(validator(app), path, method, body, **more).status[:1] in "2345"


def test_the_cpu_bound_app_does_the_same_work_for_each_page() -> None:
    assert cpu_bound.work(0) == 1
    assert cpu_bound.work(2) == 48_271**2 % 2_147_483_647
    pages = {Response(cpu_bound.app, path).body for path in ("/", "/other")}
    assert pages == {f"computed {cpu_bound.work(cpu_bound.STEPS)}\n".encode()}
    assert Response(cpu_bound.create_app(3)).body == f"computed {cpu_bound.work(3)}\n".encode()


def test_pages_that_wait_do_not_wait_for_each_other(threads: Threads) -> None:
    app = waits_50_ms.create_app(sleep=threads.pause)
    requests = [threads.get(app) for _ in range(5)]
    threads.wait_for_pauses(5)
    assert {each.body for each in threads.finish(*requests)} == {b"waited 50 ms\n"}


def test_a_page_waits_for_as_long_as_its_name_says() -> None:
    waited: list[float] = []
    Response(waits_50_ms.create_app(sleep=waited.append))
    Response(holds_lock.create_app(sleep=waited.append))
    assert waited == [0.05, 0.02]


def test_the_sleep_of_the_moment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """gevent replaces it, perhaps after the app was imported."""
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    Response(waits_50_ms.app)
    Response(holds_lock.app)
    Response(mixes_up_users.app, "/account")
    assert waited == [0.05, 0.02, 0.002]


@pytest.mark.parametrize("processes", [1, 2])
def test_one_page_at_a_time_holds_the_lock(threads: Threads, tmp_path: Path, processes: int) -> None:
    """Each app has a lock of its own for threads, as processes have. They share the lock of the file."""
    file = tmp_path / "lock"
    file.touch()
    inside: list[int] = []
    most: list[int] = []

    def pause(seconds: float) -> None:
        inside.append(1)
        most.append(len(inside))
        threads.pause(seconds)
        inside.pop()

    apps = [holds_lock.create_app(sleep=pause, file=str(file)) for _ in range(processes)]
    requests = [threads.get(app) for app in apps for _ in range(2)]
    threads.wait_for_pauses(1)
    assert len(inside) == 1
    assert not any(each.done() for each in requests)
    assert {each.body for each in threads.finish(*requests)} == {b"locked for 20 ms\n"}
    assert most == [1] * len(requests)


def test_each_page_keeps_memory_up_to_a_limit() -> None:
    import tracemalloc

    app = leaks_memory.create_app(kilobytes=64, max_megabytes=1)
    tracemalloc.start()
    try:
        kept = []
        for _ in range(4):
            before = tracemalloc.get_traced_memory()[0]
            for _ in range(8):
                assert Response(app).body == b"a page\n"
            kept.append(tracemalloc.get_traced_memory()[0] - before)
    finally:
        tracemalloc.stop()
    first, second, *later = kept
    assert min(first, second) > 8 * 64 * 1024
    assert max(later) < 64 * 1024


def logged_in(app: App, name: str) -> str:
    body = f"name={name}".encode()
    login = Response(app, "/login", "POST", body)
    assert login.status == "303 See Other"
    assert dict(login.headers)["Location"] == "/account"
    return login.cookie


def test_two_users_at_a_time_are_mixed_up(threads: Threads) -> None:
    app = mixes_up_users.create_app(sleep=threads.pause)
    first = threads.get(app, "/account", HTTP_COOKIE=logged_in(app, "ada"))
    threads.wait_for_pauses(1)
    second = threads.get(app, "/account", HTTP_COOKIE=logged_in(app, "grace"))
    threads.wait_for_pauses(1)
    pages = [each.body for each in threads.finish(first, second)]
    assert pages == [b"<h1>The account of grace</h1>\n"] * 2


def test_one_user_after_the_other_is_not_mixed_up() -> None:
    app = mixes_up_users.create_app(sleep=lambda _seconds: None)
    for name in ("ada", "grace", "ada"):
        page = Response(app, "/account", HTTP_COOKIE=logged_in(app, name))
        assert page.body == f"<h1>The account of {name}</h1>\n".encode()


def test_who_has_logged_out_has_no_account() -> None:
    app = mixes_up_users.create_app(sleep=lambda _seconds: None)
    gone = Response(app, "/logout", "POST", HTTP_COOKIE=logged_in(app, "ada"))
    assert "Max-Age=0" in dict(gone.headers)["Set-Cookie"]
    assert Response(app, "/account", HTTP_COOKIE=gone.cookie).status == "403 Forbidden"
    assert Response(app, "/account").status == "403 Forbidden"


@pytest.mark.parametrize("name", ["", "%3Cscript%3E", "%C3%A4", "%0D%0A"])
def test_a_name_that_is_none_gets_no_cookie(name: str) -> None:
    login = Response(mixes_up_users.app, "/login", "POST", f"name={name}".encode())
    assert b"\r" not in str(login.headers).encode()
    assert (login.status == "400 Bad Request") is (name != "%3Cscript%3E")
    assert "<" not in str(login.headers)


class SlowBody:
    """An upload whose client sends a block when the test says so."""

    def __init__(self, blocks: list[bytes]) -> None:
        self.blocks = blocks
        self.asked = threading.Semaphore(0)
        self.sent = threading.Semaphore(0)

    def read(self, size: int) -> bytes:
        self.asked.release()
        assert self.sent.acquire(timeout=WAIT_SECONDS)
        block = self.blocks.pop(0)
        assert len(block) <= size
        return block


def test_a_slow_upload_holds_a_thread_and_no_other_one(threads: Threads) -> None:
    blocks = [b"a" * 9000, b"b" * 9000, b"c"]
    body = SlowBody(list(blocks))
    upload = threads.get(slow_uploads.app, "/upload", method="POST", CONTENT_LENGTH="18001", **{"wsgi.input": body})
    for _ in blocks:
        assert body.asked.acquire(timeout=WAIT_SECONDS)
        assert not upload.done()
        assert Response(slow_uploads.app).status == "200 OK"
        body.sent.release()
    digest = hashlib.sha256(b"".join(blocks)).hexdigest()
    assert upload.result(WAIT_SECONDS).body == f"18001 bytes, {digest}\n".encode()


def test_uploads_that_end_early_or_are_too_large_are_refused() -> None:
    short = Response(slow_uploads.app, "/upload", "POST", b"abc", CONTENT_LENGTH="4")
    assert short.status == "400 Bad Request"
    large = Response(slow_uploads.create_app(1), "/upload", "POST", b"", CONTENT_LENGTH=str((1 << 20) + 1))
    assert large.status == "413 Content Too Large"
    assert Response(slow_uploads.app, "/upload", "POST", b"").body.startswith(b"0 bytes, e3b0c442")
