"""Launching, with servers that do everything wrong, and a harness that is killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import trio

from wsgi_gauntlet.harness import launch, processes
from wsgi_gauntlet.harness.adapter import Adapter, Command, Found, Launch, Settings
from wsgi_gauntlet.harness.errors import (
    NotInstalled,
    PortTaken,
    ServerDidNotStart,
    StorageFull,
    Unsupported,
)
from wsgi_gauntlet.harness.launch import Plan, Running
from wsgi_gauntlet.harness.ports import leased_port
from wsgi_gauntlet.harness.ready import State, ask

pytestmark = pytest.mark.live

PATIENCE = 20.0

GOOD = """
import importlib, socketserver, sys
from wsgiref.simple_server import WSGIServer, make_server
module, _, attribute = sys.argv[3].partition(":")
application = getattr(importlib.import_module(module), attribute)
class Server(socketserver.ThreadingMixIn, WSGIServer): daemon_threads = True
def serve(): make_server(sys.argv[1], int(sys.argv[2]), application, Server).serve_forever()
"""


class Script(Adapter):
    """A server that is a few lines of Python; `serve()` in them is a good server."""

    name = "script"
    title = "a script"

    def __init__(self, script: str) -> None:
        self.script = script

    def command(self, launch: Launch) -> Command:
        argv = (launch.python, "s.py", launch.address.host, str(launch.address.port), launch.app)
        return Command(argv, files={"s.py": GOOD + self.script}, reload=signal.SIGHUP)


def plan(script: str = "serve()", **changed: object) -> Plan:
    adapter = Script(script)
    found = Found(version="1", executable=sys.executable)
    return replace(Plan("script", adapter, found, "", Settings(), sys.executable), **changed)  # type: ignore[arg-type]


@pytest.fixture
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="g-") as name:
        for each in ("scratch", "logs"):
            Path(name, each).mkdir()
        yield Path(name)


@asynccontextmanager
async def running(plan: Plan, folder: Path, *, observe: bool = True, deadline: float = 15.0) -> AsyncIterator[Running]:
    """Run it, and see that nothing of it is left afterwards."""
    seen: list[int] = []
    try:
        async with launch.running(
            plan, scratch=folder / "scratch", logs=folder / "logs", observe=observe, deadline=deadline
        ) as server:
            yield server
            seen += server.processes()
    finally:
        assert list((folder / "scratch").iterdir()) == []
        assert not [pid for pid in seen if alive(pid)]


async def refused(plan: Plan, folder: Path, deadline: float = 15.0) -> str:
    """Return why it did not start."""
    with pytest.raises(ServerDidNotStart) as raised:
        async with running(plan, folder, deadline=deadline):
            pass
    message = str(raised.value)
    assert "\n" not in message
    return message


def still_there(path: Path) -> bool:
    return path.exists()


def parent(pid: int) -> int:
    return int(Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[1])


def alive(pid: int) -> bool:
    try:
        return Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def until(condition: Callable[[], object]) -> None:
    with trio.fail_after(PATIENCE):
        while not condition():  # noqa: ASYNC110 - processes and files set no event of ours
            await trio.sleep(0.01)


# ---------------------------------------------------------------------- a good server


async def test_a_good_server_runs_answers_and_leaves_nothing(folder: Path) -> None:
    async with running(plan(), folder) as server:
        assert server.alive
        assert server.ended == ""
        assert server.pid in server.processes()
        assert server.pid != os.getpid()
        assert os.getsid(server.pid) != os.getsid(0)
        assert (await ask(server.address, "/nonce", server.nonce)).state is State.READY
        assert server.command_line.startswith(sys.executable)
        assert server.conditions["version"] == "1"
        assert server.history == [f"started as pid {server.pid} on {server.address}"]
        pid, port = server.pid, server.address.port
    assert not alive(pid)
    assert processes.listening_inodes(port) == set()
    assert server.ended == "stopped"
    assert server.pid == 0
    assert server.conditions == {}


async def test_the_log_is_read_from_a_mark_and_noticed_to_grow(folder: Path) -> None:
    async with running(plan("print('hello', flush=True); serve()"), folder) as server:
        await until(lambda: "hello" in server.log_since(0))
        mark = server.log_mark()
        await ask(server.address, "/echo?t=mark", "")
        await until(lambda: "t=mark" in server.log_since(mark))
        assert "hello" not in server.log_since(mark)
        await server.log_grew()
    assert "hello" in server.log_path.read_text()


async def test_the_app_reports_events_unless_it_is_not_observed(folder: Path) -> None:
    async with running(plan(), folder) as server:
        await ask(server.address, "/echo?t=token", "")
        with trio.fail_after(PATIENCE):
            event = await server.channel.wait(0, lambda each: each.token == "token")
        assert event.pid == server.pid
    async with running(plan(), folder, observe=False) as server:
        assert server.channel.environment == {}
        assert (await ask(server.address, "/echo?t=token", "")).data.startswith(b"HTTP/1.0 200")


async def test_the_servers_environment_is_clean(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--workers 9")
    monkeypatch.setenv("PYTHONWARNINGS", "error")
    script = "import os; print(sorted(os.environ), os.getcwd(), flush=True); serve()"
    async with running(plan(script, environment={"EXTRA": "1"}), folder) as server:
        await until(lambda: "HOME" in server.log_since(0))
        log = server.log_since(0)
    assert "'EXTRA'" in log
    assert "GUNICORN_CMD_ARGS" not in log
    assert "PYTHONWARNINGS" not in log
    assert str(folder / "scratch") in log


async def test_a_users_own_app_is_found_on_its_path_and_ready_with_any_answer(folder: Path) -> None:
    (folder / "own.py").write_text("def application(e, s):\n    s('404 Not Found', [])\n    return [b'mine']\n")
    async with running(plan(app="own:application", app_path=folder), folder) as server:
        assert b"mine" in (await ask(server.address, "/", "")).data


async def test_restarting_gives_a_fresh_process_under_the_same_name(folder: Path) -> None:
    async with running(plan(), folder) as server:
        before = server.pid
        os.kill(before, signal.SIGSEGV)
        await until(lambda: not server.alive)
        assert server.ended == "signal SIGSEGV"
        await server.restart()
        assert server.alive
        assert server.pid != before
        assert server.history[1] == "restarted (signal SIGSEGV)"
        await server.restart()
        assert server.history[3] == "restarted (it still ran)"


async def test_reloading_that_brings_no_new_process_is_said_so(folder: Path) -> None:
    script = "import signal; signal.signal(signal.SIGHUP, lambda *_: None); serve()"
    async with running(plan(script), folder, deadline=5.0) as server:
        server._deadline = 0.2
        with pytest.raises(ServerDidNotStart, match="did not load the app anew"):
            await server.reload()


async def test_many_at_once_do_not_disturb_each_other(folder: Path) -> None:
    ports = []
    all_there = trio.Event()

    async def one() -> None:
        async with running_quietly(plan(), folder) as server:
            ports.append(server.address.port)
            assert (await ask(server.address, "/nonce", server.nonce)).state is State.READY
            with trio.fail_after(PATIENCE):
                if len(ports) == 4:
                    all_there.set()
                await all_there.wait()

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(one)
    assert len(set(ports)) == 4
    assert len(list((folder / "logs").iterdir())) == 4


@asynccontextmanager
async def running_quietly(plan: Plan, folder: Path) -> AsyncIterator[Running]:
    async with launch.running(plan, scratch=folder / "scratch", logs=folder / "logs") as server:
        yield server


# ---------------------------------------------------------------------- servers that do it wrong


async def test_a_server_that_ignores_sigterm_is_killed(folder: Path) -> None:
    script = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); serve()"
    async with running(plan(script), folder) as server:
        pid = server.pid
    assert not alive(pid)


async def test_what_a_server_abandons_ends_with_it(folder: Path) -> None:
    script = (
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork() == 0:\n"
        "        print('abandoned', os.getpid(), flush=True)\n"
        "        time.sleep(600)\n"
        "    os._exit(0)\n"
        "os.wait()\n"
        "serve()"
    )
    async with running(plan(script), folder) as server:
        await until(lambda: "abandoned" in server.log_since(0))
        pid = int(server.log_since(0).split("abandoned ")[1].split()[0])
        assert pid in server.processes()
    assert not alive(pid)


async def test_a_server_that_leaves_the_foreground_did_not_start(folder: Path) -> None:
    script = "import os, sys, time\nif os.fork(): os._exit(0)\ntime.sleep(600)"
    message = await refused(plan(script), folder)
    assert message == "script did not start: exit code 0 (a server must stay in the foreground), and logged nothing"


async def test_ten_megabytes_of_log_do_no_harm(folder: Path) -> None:
    script = "import sys\nfor _ in range(10_000): sys.stderr.write('x' * 1023 + '\\n')\nserve()"
    async with running(plan(script), folder) as server:
        assert 10_000_000 < server.log_mark() < 17_000_000
        assert "bytes left out]" in server.log_since(0)
        assert len(server.log_since(0)) < 70_000


async def test_an_app_that_does_not_import_is_one_line(folder: Path) -> None:
    message = await refused(plan(app="nowhere:application"), folder)
    assert message == "script did not start: exit code 1: ModuleNotFoundError: No module named 'nowhere'"


async def test_a_server_that_crashes_at_start_names_its_signal(folder: Path) -> None:
    message = await refused(plan("import os; os.kill(os.getpid(), 11)"), folder)
    assert message == "script did not start: signal SIGSEGV, and logged nothing"


async def test_a_server_that_never_listens_is_given_up(folder: Path) -> None:
    message = await refused(plan("import time; print('waiting', flush=True); time.sleep(600)"), folder, deadline=0.5)
    assert message == "script did not start: it accepted no connection for 0.5 s: waiting"


async def test_a_server_that_never_answers_is_given_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wsgi_gauntlet.harness.ready.PATIENCE", 0.1)
    script = "import socket, time; s = socket.create_server((sys.argv[1], int(sys.argv[2]))); time.sleep(600)"
    message = await refused(plan(script), folder, deadline=1.0)
    assert message.startswith("script did not start: it accepted a connection and said nothing for 1 s")


async def test_a_server_that_answers_garbage_is_given_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "HOPELESS", 0.1)
    script = (
        "import socket\n"
        "s = socket.create_server((sys.argv[1], int(sys.argv[2])))\n"
        "while True:\n"
        "    c, _ = s.accept(); c.recv(9999); c.sendall(b'\\0\\xffgarbage'); c.close()"
    )
    message = await refused(plan(script), folder)
    assert "did not serve the app: GET /nonce was answered with '\\x00ÿgarbage'" in message


async def test_a_command_that_cannot_be_run_is_said_so(folder: Path) -> None:
    message = await refused(plan(python="/nonexistent/python"), folder)
    assert "No such file" in message


async def test_a_server_that_is_not_here_says_how_to_get_it(folder: Path) -> None:
    with pytest.raises(NotInstalled, match="script: it is not here; get it with: get-it"):
        async with running(plan(found=Found(why="it is not here", get="get-it")), folder):
            pass


async def test_what_the_adapter_has_no_option_for_is_unsupported(folder: Path) -> None:
    class Without(Script):
        def command(self, _: Launch) -> Command:
            raise Unsupported("no such option")

    with pytest.raises(Unsupported, match="no such option"):
        async with running(plan(adapter=Without("")), folder):
            pass


async def test_a_folder_that_cannot_be_made_is_said_so(folder: Path) -> None:
    with pytest.raises(StorageFull, match="TMPDIR"):
        async with launch.running(plan(), scratch=folder / "missing", logs=folder / "logs"):
            pass


async def test_a_log_that_cannot_be_written_is_said_so(folder: Path) -> None:
    with pytest.raises(StorageFull, match="No such file or directory"):
        async with launch.running(plan(), scratch=folder / "scratch", logs=folder / "missing"):
            pass


@pytest.mark.parametrize("room", [0, 8, 20, 26])
def test_a_machine_without_descriptors_is_no_fault_of_the_server(folder: Path, room: int) -> None:
    """In a process of its own, which then has only so many left."""
    argv = [sys.executable, "-c", STARVED, str(folder / "scratch"), str(folder / "logs"), str(room)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.stdout.startswith(("OutOfResources", "it runs")), done.stderr[-2000:]


STARVED = """
import os, resource, sys, trio
from pathlib import Path
from wsgi_gauntlet.harness import launch
from wsgi_gauntlet.harness.adapter import Settings
from wsgi_gauntlet.harness.errors import GauntletError
from wsgi_gauntlet.servers.wsgiref import ADAPTER

async def main():
    plan = launch.Plan("wsgiref", ADAPTER, ADAPTER.find(sys.executable), "", Settings(), sys.executable)
    lowest = os.dup(0)
    os.close(lowest)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest + int(sys.argv[3]), 4096))
    try:
        async with launch.running(plan, scratch=Path(sys.argv[1]), logs=Path(sys.argv[2])):
            print("it runs")
    except GauntletError as error:
        print(type(error).__name__, error)

trio.run(main)
"""


async def test_what_the_block_raises_comes_out_as_it_is(folder: Path) -> None:
    with pytest.raises(KeyError, match="mine"):
        async with running(plan(), folder):
            raise KeyError("mine")


async def test_giving_up_in_the_middle_of_a_start_leaves_nothing(folder: Path) -> None:
    with trio.move_on_after(0.3) as scope:
        async with running(plan("import time; time.sleep(600)"), folder):
            pass
    assert scope.cancelled_caught


# ---------------------------------------------------------------------- strangers on the port


@pytest.fixture
def stranger() -> Iterator[int]:
    """A program that is not ours and answers every request on its port."""
    script = (
        "import http.server as h\n"
        "s = h.ThreadingHTTPServer(('127.0.0.1', 0), h.SimpleHTTPRequestHandler)\n"
        "print(s.server_port, flush=True); s.serve_forever()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd="/"
    ) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.kill()


def leasing(monkeypatch: pytest.MonkeyPatch, *ports: int) -> None:
    """Have these ports given out first, as if they had been free a moment ago."""
    given = list(ports)

    @contextmanager
    def lease() -> Iterator[int]:
        if given:
            yield given.pop(0)
        else:
            with leased_port() as port:
                yield port

    monkeypatch.setattr(launch, "leased_port", lease)


async def test_a_lost_race_for_a_port_is_run_again(
    folder: Path, monkeypatch: pytest.MonkeyPatch, stranger: int
) -> None:
    leasing(monkeypatch, stranger)
    async with running(plan(), folder) as server:
        assert server.address.port != stranger
        assert "another program listens there" in server.history[0]


async def test_a_stranger_is_never_mistaken_for_the_server(
    folder: Path, monkeypatch: pytest.MonkeyPatch, stranger: int
) -> None:
    leasing(monkeypatch, stranger, stranger, stranger)
    script = "import time; time.sleep(600)"
    (folder / "own.py").write_text("application = None\n")
    with pytest.raises(PortTaken, match=f"could not have port {stranger}"):
        async with running(plan(script, app="own:application", app_path=folder), folder):
            pass


# ---------------------------------------------------------------------- Unix sockets


async def test_a_path_too_long_for_a_socket_is_avoided(folder: Path) -> None:
    class OnSocket(Script):
        unix_only = True

        def command(self, launch: Launch) -> Command:
            argv = (launch.python, "s.py", launch.address.path, "0", launch.app)
            script = (
                "import os, socket\n"
                "s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen()\n"
                "while True:\n"
                "    c, _ = s.accept(); c.recv(9999)\n"
                "    c.sendall(b'HTTP/1.0 200 OK\\r\\n\\r\\n' + os.environ['GAUNTLET_NONCE'].encode()); c.close()"
            )
            return Command(argv, files={"s.py": GOOD + script})

    deep = folder / "scratch" / ("d" * 90)
    deep.mkdir()
    async with launch.running(plan(adapter=OnSocket("")), scratch=deep, logs=folder / "logs") as server:
        assert len(server.address.path) < 108
        home = Path(server.address.path).parents[1]
        assert home.parent != deep
    assert not still_there(home)


# ---------------------------------------------------------------------- the harness dies


HARNESS = """
import json, os, signal, sys, trio
from pathlib import Path
from wsgi_gauntlet.harness import launch
from wsgi_gauntlet.harness.adapter import Settings
from wsgi_gauntlet.servers.gunicorn import ADAPTER

async def main():
    plan = launch.Plan("gunicorn", ADAPTER, ADAPTER.find(sys.executable), "sync", Settings(workers=2), sys.executable)
    async with launch.running(plan, scratch=Path(sys.argv[1]), logs=Path(sys.argv[2])) as server:
        while len(server.processes()) < 3:
            await trio.sleep(0.01)
        print(json.dumps({"pids": server.processes(), "port": server.address.port}), flush=True)
        await trio.sleep_forever()

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell that started us in the background ignores it
trio.run(main)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_harness_that_is_killed_leaves_nothing(folder: Path, number: signal.Signals) -> None:
    argv = [sys.executable, "-c", HARNESS, str(folder / "scratch"), str(folder / "logs")]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as harness:
        assert harness.stdout is not None
        told = json.loads(harness.stdout.readline())
        supervisors = [int(each) for each in children(harness.pid)]
        assert supervisors
        harness.send_signal(number)
        harness.wait(PATIENCE)
    deadline = time.monotonic() + PATIENCE
    while [pid for pid in (*told["pids"], *supervisors) if alive(pid)] or (folder / "scratch").exists() != (
        number is signal.SIGINT
    ):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    if number is signal.SIGINT:  # it could clear up by itself, and the scratch folder is its caller's
        assert list((folder / "scratch").iterdir()) == []
    (folder / "scratch").mkdir(exist_ok=True)
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", told["port"])) != 0


def children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


async def test_a_killed_supervisor_shows_as_an_end(folder: Path) -> None:
    async with running(plan(), folder) as server:
        pid = server.pid
        os.kill(parent(pid), signal.SIGKILL)
        await until(lambda: not server.alive)
        assert server.ended == "an unknown end: its supervisor was killed"
        await until(lambda: not alive(pid))
