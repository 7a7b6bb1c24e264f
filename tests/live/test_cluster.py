"""A real dask scheduler with four workers on 127.0.0.x, and what the harness does with them."""

from __future__ import annotations

import gc
import hmac
import itertools
import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest
import trio

from wsgi_gauntlet.harness import session
from wsgi_gauntlet.harness.cluster.cluster import Cluster, open_cluster
from wsgi_gauntlet.harness.config import Configuration
from wsgi_gauntlet.harness.conformance.selection import Selection
from wsgi_gauntlet.harness.errors import ConfigurationError, TargetRefused, UsageError, WorkerLost
from wsgi_gauntlet.harness.events import Event, Message, ignore_event
from wsgi_gauntlet.harness.load.arrivals import Uniform, schedule
from wsgi_gauntlet.harness.load.clients.behaviours import SlowReader
from wsgi_gauntlet.harness.load.generator.cluster_result import ClusterResult
from wsgi_gauntlet.harness.load.generator.loop import LoopOptions
from wsgi_gauntlet.harness.load.generator.process_pool import parallel_closed_loop, parallel_open_loop
from wsgi_gauntlet.harness.model import Results
from wsgi_gauntlet.harness.registry import load_results
from wsgi_gauntlet.harness.server.ports import leased_port
from wsgi_gauntlet.harness.server.remote.guard import guarded
from wsgi_gauntlet.harness.server.remote.proof import VerifiedAddress, resolve_and_verify
from wsgi_gauntlet.harness.server.remote.remote_server import RemoteServer, target_plan
from wsgi_gauntlet.harness.server.remote.target import Target

from ..helpers.cpu_priority import first_in_line
from ..helpers.dask_cluster import DaskCluster, dask_cluster
from ..helpers.processes import command_lines
from ..helpers.pytest_project import install_catalogue
from ..helpers.requirements import module
from ..helpers.scenario_runs import attempts
from ..helpers.script_server import PATIENCE
from ..helpers.socket_servers import PAGE, Behaviour, answer, requests, serving

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

HOSTS = ("127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.5")
TOKEN = "open-sesame"

TESTS = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module", autouse=True)
def distributed() -> None:
    """Require the extra `cluster`."""
    module("distributed")


@pytest.fixture(autouse=True)
def _collect_connections() -> Iterator[None]:
    """Collect connections to workers that distributed did not close: later they would fail any other test."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(scope="module")
def dask() -> Iterator[DaskCluster]:
    with ExitStack() as stack:
        with first_in_line():
            found = stack.enter_context(dask_cluster(HOSTS))
        yield found


CLOCK_UNKNOWN = "its clock is known only"


@contextmanager
def opened(dask: DaskCluster, workers: int = len(HOSTS)) -> Iterator[Cluster]:
    """Connect as soon as all workers have registered."""
    until = time.monotonic() + PATIENCE
    connected = False
    while True:
        try:
            with open_cluster(dask.address) as cluster:
                if len(cluster.workers) >= workers:
                    connected = True
                    yield cluster
                    return
        except ConfigurationError as error:
            # On a busy machine a round trip to the scheduler can take too long.
            if connected or not any(each in str(error) for each in ("it has no workers", CLOCK_UNKNOWN)):
                raise
        assert time.monotonic() < until


def proving(on_page: Callable[[], object], token: str = TOKEN) -> Behaviour:
    """Return a server that proves itself as the test app does, and calls `on_page` for each page."""

    def behave(conn: Any, _number: int) -> None:
        for head in requests(conn):
            path = head.split(b" ")[1]
            challenge = path.partition(b"/proof?c=")[2]
            if challenge:
                proof = hmac.new(token.encode(), b"wsgi-gauntlet proof " + challenge, "sha256").hexdigest()
                conn.sendall(answer(f"wsgi-gauntlet proof {proof}".encode()))
            else:
                on_page()
                conn.sendall(answer())

    return behave


@asynccontextmanager
async def watched(address: VerifiedAddress | Any, token: str = TOKEN) -> AsyncIterator[VerifiedAddress]:
    """Yield the address of a server that has proved itself and is watched, as in a scenario."""
    target = Target("127.0.0.1", address.port)
    named = VerifiedAddress("127.0.0.1", address.port, named=target.authority)
    plan = target_plan(target, named, token)
    async with guarded(plan.adapter.guard(RemoteServer(plan, target, named))) as found:  # type: ignore[attr-defined]
        yield found


@contextmanager
def target_app() -> Iterator[str]:
    """Serve the app to deploy, with TOKEN, and yield its URL."""
    with leased_port() as port:
        server = subprocess.Popen(
            [sys.executable, "-m", "known_servers.correct", "127.0.0.1", str(port), "wsgi_gauntlet.target:application"],
            cwd=TESTS,
            env={**os.environ, "WSGI_GAUNTLET_TOKEN": TOKEN},
        )
        try:
            until = time.monotonic() + PATIENCE
            while True:
                with suppress(TargetRefused):
                    trio.run(resolve_and_verify, Target("127.0.0.1", port), TOKEN)
                    break
                assert server.poll() is None
                assert time.monotonic() < until
                time.sleep(0.05)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.kill()
            server.wait()


def processes(dask: DaskCluster) -> list[psutil.Process]:
    """Return the processes that our workers have started and that still run."""
    found: list[psutil.Process] = []
    for worker in dask.workers.values():
        with suppress(psutil.NoSuchProcess):
            found += psutil.Process(worker.pid).children()
    return found


def wait_until_gone(dask: DaskCluster, more: Sequence[psutil.Process] = ()) -> None:
    """Return as soon as no process is left, also none of `more`, whose worker may have been killed."""
    until = time.monotonic() + PATIENCE
    while left := [*processes(dask), *(each for each in more if each.is_running())]:
        assert time.monotonic() < until, left
        time.sleep(0.05)


def test_four_workers_send_one_schedule_and_report_their_health(dask: DaskCluster) -> None:
    seen = itertools.count()
    with opened(dask) as cluster, serving(proving(lambda: next(seen))) as address:

        async def work() -> None:
            async with watched(address) as target:
                options = LoopOptions(20, window=0.5)
                found = await parallel_open_loop(target, PAGE, options, Uniform(200), 1, processes=cluster)
                assert isinstance(found, ClusterResult)
                assert (found.ok, found.scheduled, found.processes) == (199, 199, 4)
                assert [each.result.scheduled for each in found.shards] == [50, 50, 50, 49]
                assert sum(each.scheduled for each in found.windows) == 199
                assert [each.worker.split()[1] for each in found.shards] == list(HOSTS)
                assert [each.worker for each in found.health().workers] == [each.worker for each in found.shards]
                assert found.repeated == ()
                # All began at the same moment, on one clock: these four machines are one.
                assert max(each.result.began for each in found.shards) - found.began < 0.01
                closed = await parallel_closed_loop(target, PAGE, LoopOptions(5), 0.2, processes=cluster)
                assert isinstance(closed, ClusterResult)
                assert [each.result.connections for each in closed.shards] == [2, 1, 1, 1]
                assert closed.latency == type(closed.latency).merged(each.result.latency for each in closed.shards)
                few = await parallel_closed_loop(target, PAGE, LoopOptions(2), 0.1, processes=cluster)
                assert few.processes == 2

        trio.run(work)
    wait_until_gone(dask)
    assert next(seen) >= 199


def test_each_worker_asks_for_the_proof_itself(dask: DaskCluster) -> None:
    pages = itertools.count()
    with opened(dask) as cluster, serving(proving(lambda: next(pages), token="another")) as address:

        async def work() -> None:
            async with watched(address) as target:
                # The watcher of the harness has not asked yet. A worker does so before it sends anything else.
                await parallel_closed_loop(target, PAGE, LoopOptions(4), 1, processes=cluster)

        with pytest.raises(TargetRefused, match="another token than yours"):
            trio.run(work)
    wait_until_gone(dask)
    assert next(pages) == 0


def never_answering(connected: threading.Semaphore, gone: threading.Semaphore) -> Behaviour:
    """Return a server that sends no page, and says who has come and who has gone."""

    def behave(conn: Any, number: int) -> None:
        def hold() -> None:
            connected.release()
            with suppress(OSError):
                conn.recv(1)  # until the client goes
            gone.release()

        with suppress(OSError):
            proving(hold)(conn, number)

    return behave


async def all_of(semaphore: threading.Semaphore, number: int) -> None:
    for _ in range(number):
        assert await trio.to_thread.run_sync(semaphore.acquire, True, PATIENCE)


def test_slow_clients_are_on_all_workers_until_they_are_released(dask: DaskCluster) -> None:
    connected, gone = threading.Semaphore(0), threading.Semaphore(0)
    with opened(dask) as cluster, serving(never_answering(connected, gone)) as address:

        async def work() -> None:
            async with watched(address) as target, trio.open_nursery() as nursery:
                kind = SlowReader("/page", target.authority, interval=600.0)
                pool = cluster.slow_clients(target, kind, nursery, per_second=1000)
                assert pool is not None
                assert cluster.uses == 0
                await pool.scale_to(41)
                assert cluster.uses == 1
                await all_of(connected, 41)
                assert (pool.size, pool.connected_count, pool.refused) == (41, 41, 0)
                await pool.scale_to(9)
                await all_of(gone, 32)
                pool.release()
                await all_of(gone, 9)
                assert pool.size == 0
                assert pool.first_disconnect().how == "never"
                nursery.cancel_scope.cancel()

        trio.run(work)
        wait_until_gone(dask)


def test_a_check_on_workers_has_the_verdicts_of_one_here(dask: DaskCluster, folder: Path) -> None:
    here = session.RunOptions(
        servers=("reference", "nginx+waitress"),
        cases=Selection(prefixes=("pep3333/start-response/signature", "pep3333/start-response/returns-write")),
        out=folder / "here",
    )
    events: list[Event] = []
    expected, _, code = session.run(here, Configuration(), ignore_event)
    there = replace(here, cluster=dask.address, out=folder / "there")
    with opened(dask):
        found, _, code_there = session.run(there, Configuration(), events.append)

    def verdicts(results: Results) -> dict[tuple[str, str], str]:
        return {(each.server, each.case): each.verdict for each in results.conformance}

    assert verdicts(found) == verdicts(expected)
    assert len(verdicts(found)) >= 6
    assert code_there == code
    for name, server in found.servers.items():
        assert {**expected.servers[name].conditions, "runs on": server.conditions["runs on"]} == server.conditions
    workers = {str(each.conditions["runs on"]).split()[1] for each in found.servers.values()}
    assert workers <= set(HOSTS)
    assert any(isinstance(each, Message) and "4 workers, clocks within" in each.text for each in events)


CATALOGUE = '''
"""Three cases. In the last one each worker waits for the test."""

import os
from pathlib import Path

import trio

from wsgi_gauntlet.harness.conformance.assertions import fail_case
from wsgi_gauntlet.harness.conformance.basis import MUST_TEXT, pep3333
from wsgi_gauntlet.harness.conformance.catalog import MUST, case

REF = pep3333("environ Variables", "a sentence that asks for it")
NOTES = Path(os.environ["NOTES"])


@case(MUST, REF, basis=MUST_TEXT, segmentable=False)
async def holds(x):
    """The app is called."""
    await x.app("/echo")


@case(MUST, REF, basis=MUST_TEXT, segmentable=False)
async def breaks(x):
    """The moon is a moon."""
    await x.app("/echo")
    fail_case("the moon", "cheese")


@case(MUST, REF, basis=MUST_TEXT, segmentable=False, deadline=200)
async def waits(x):
    """The test lets it go on."""
    (NOTES / str(os.getppid())).touch()
    while not (NOTES / "go on").exists():
        await trio.sleep(0.01)
'''


@pytest.mark.parametrize("moment", ["asked", "checks"])
def test_a_worker_that_is_killed_in_a_check_costs_no_cell(moment: str, folder: Path) -> None:
    """It is killed while it is asked for the version of a server, or while it checks one."""
    install_catalogue(folder / "lib", CATALOGUE)
    (folder / "notes").mkdir()
    environment = {
        "NOTES": str(folder / "notes"),
        "PYTHONPATH": os.pathsep.join([str(folder / "lib"), *filter(None, [os.environ.get("PYTHONPATH")])]),
    }
    with dask_cluster(HOSTS[:2], environment) as workers:
        with opened(workers, 2):
            pass
        run = subprocess.Popen(
            [
                *(sys.executable, "-m", "wsgi_gauntlet", "check", "reference", "wsgiref", "--select", "own/"),
                *("--out", str(folder / "there"), "--cluster", workers.address),
            ],
            env={**os.environ, **environment},
            stderr=subprocess.PIPE,
            text=True,
            cwd=folder,
        )
        try:
            victim = workers.workers[HOSTS[1]]

            def has_come() -> bool:
                return bool(victim.children()) if moment == "asked" else (folder / "notes" / str(victim.pid)).exists()

            until = time.monotonic() + PATIENCE
            while not has_come():
                assert run.poll() is None, run.communicate()
                assert time.monotonic() < until
                time.sleep(0.02)
            victim.send_signal(signal.SIGKILL)
            (folder / "notes" / "go on").touch()
            _, printed = run.communicate(timeout=PATIENCE)
        finally:
            run.kill()
            run.wait()
    assert run.returncode == 1, printed
    found = load_results(folder / "there" / "results.json")
    assert all(str(each.conditions["runs on"]).split()[1] == HOSTS[0] for each in found.servers.values())
    verdicts = {"breaks": "fail", "holds": "pass", "waits": "pass"}
    assert sorted((each.server, each.case, each.verdict.value) for each in found.conformance) == [
        (server, f"own/area/{case}", verdict)
        for server in ("reference", "wsgiref")
        for case, verdict in verdicts.items()
    ]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"servers": ("no-such-server",)}, "no server is named 'no-such-server'"),
        ({"servers": ("wsgiref", "wsgiref")}, "is named twice"),
        ({"servers": ("mine.py",)}, "a worker starts only servers that it knows by name"),
        ({"servers": ()}, "requires the names of servers"),
        ({"servers": ("wsgiref",), "server_worker": "nobody"}, "--server-worker nobody: no worker has this name"),
        ({"servers": ("wsgiref",), "python": "/no/such/python"}, "/no/such/python"),
    ],
)
def test_servers_that_no_worker_can_start_are_one_line(
    dask: DaskCluster, folder: Path, options: dict[str, Any], words: str
) -> None:
    call = session.RunOptions(scenarios=("throughput",), cluster=dask.address, out=folder / "out", **options)
    for _ in attempts():
        with opened(dask), pytest.raises(UsageError) as raised:
            session.run(call, Configuration(), ignore_event)
        if CLOCK_UNKNOWN not in str(raised.value):
            break  # on a busy machine a round trip to the scheduler can take too long
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)
    assert not (folder / "out").exists()


def test_a_cancelled_load_and_a_closed_cluster_leave_no_process(dask: DaskCluster) -> None:
    answered = threading.Event()
    with opened(dask) as cluster, serving(proving(answered.set)) as address:

        async def work() -> None:
            async with watched(address) as target, trio.open_nursery() as nursery:
                nursery.start_soon(lambda: parallel_closed_loop(target, PAGE, LoopOptions(8), 600, processes=cluster))
                await trio.to_thread.run_sync(answered.wait, PATIENCE)
                assert processes(dask)
                nursery.cancel_scope.cancel()

        trio.run(work)
        wait_until_gone(dask)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_a_run_that_ends_in_the_middle_ends_its_load(
    dask: DaskCluster, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    # After SIGKILL nobody tells the workers. They notice that nobody renews their lease.
    with opened(dask), target_app() as url:
        run = subprocess.Popen(
            [
                *(sys.executable, "-m", "wsgi_gauntlet", "load", "--target", url),
                *("--token", TOKEN, "--cluster", dask.address, "--scenario", "throughput", "--duration", "600"),
                *("--slow-clients", "4", "--set", "factor=2", "--out", str(tmp_path / "out")),
            ],
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
        )
        try:
            until = time.monotonic() + PATIENCE
            while not processes(dask):
                assert run.poll() is None, run.communicate()[1]
                assert time.monotonic() < until
                time.sleep(0.05)
            run.send_signal(number)
            _, printed = run.communicate(timeout=PATIENCE)
        finally:
            run.kill()
            run.wait()
        assert run.returncode == code, printed
        assert "Traceback" not in printed
        wait_until_gone(dask)


def test_a_cluster_that_cannot_be_reached_is_one_line(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-c", "from wsgi_gauntlet.harness.cli.main import main; main()"),
            *("load", "wsgiref", "--cluster", "tcp://127.0.0.1:1", "--out", str(tmp_path / "out")),
        ],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 2
    (line,) = [each for each in done.stderr.splitlines() if "no dask scheduler answers there" in each]
    assert line.startswith("wsgi-gauntlet: --cluster tcp://127.0.0.1:1:")
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("reply", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xff" * 64, b"\0" * 64])
def test_a_server_that_is_no_scheduler_is_one_line(reply: bytes) -> None:
    def behave(conn: Any, _number: int) -> None:
        with suppress(OSError):
            conn.sendall(reply)

    with (
        serving(behave) as address,
        pytest.raises(ConfigurationError, match="no dask scheduler answers there") as raised,
        open_cluster(f"tcp://{address.authority}"),
    ):
        pass
    assert "\n" not in str(raised.value)


def test_a_worker_that_is_killed_costs_its_round(dask: DaskCluster) -> None:
    # Only the next test comes after it with these workers: the killed one does not come back.
    pages = threading.Semaphore(0)
    orphans: list[psutil.Process] = []
    with opened(dask) as cluster, serving(proving(pages.release)) as address:

        async def work() -> None:
            async with watched(address) as target, trio.open_nursery() as nursery:

                async def kill() -> None:
                    for _ in range(20):
                        await trio.to_thread.run_sync(pages.acquire)
                    orphans.extend(psutil.Process(dask.workers[HOSTS[1]].pid).children())
                    dask.workers[HOSTS[1]].send_signal(signal.SIGKILL)

                nursery.start_soon(kill)
                found = await parallel_open_loop(target, PAGE, LoopOptions(20), Uniform(100), 3, processes=cluster)
                assert isinstance(found, ClusterResult)
                assert len(found.repeated) == 1
                assert "is lost" in found.repeated[0] or "was killed" in found.repeated[0]
                assert [each.worker.split()[1] for each in found.shards] == [HOSTS[0], *HOSTS[2:]]
                # The lost round does not count, not even in part.
                due = sum(1 for _ in schedule(Uniform(100), 3, 1000))
                assert found.ok == found.scheduled == due
                assert sum(each.result.scheduled for each in found.shards) == due

        trio.run(work)
    assert orphans
    wait_until_gone(dask, orphans)


def test_a_worker_that_is_killed_under_slow_clients_costs_the_round(dask: DaskCluster) -> None:
    connected, gone = threading.Semaphore(0), threading.Semaphore(0)
    with opened(dask, 3) as cluster, serving(never_answering(connected, gone)) as address:
        workers = {each.name for each in cluster.workers}

        async def work() -> None:
            async with watched(address) as target:
                kind = SlowReader("/page", target.authority, interval=600.0)
                with trio.fail_after(PATIENCE), pytest.RaisesGroup(WorkerLost):
                    async with trio.open_nursery() as nursery:
                        pool = cluster.slow_clients(target, kind, nursery, per_second=1000)
                        assert pool is not None
                        await pool.scale_to(12)
                        await all_of(connected, 12)
                        dask.workers[HOSTS[2]].send_signal(signal.SIGKILL)
                        await trio.sleep_forever()
                # The scenario is run again, with the workers that are left.
                await all_of(gone, 12)
                async with trio.open_nursery() as nursery:
                    pool = cluster.slow_clients(target, kind, nursery, per_second=1000)
                    assert pool is not None
                    await pool.scale_to(12)
                    await all_of(connected, 12)
                    assert (pool.size, pool.connected_count) == (12, 12)
                    nursery.cancel_scope.cancel()

        trio.run(work)
        assert {each.name for each in cluster.workers} == workers - {HOSTS[2]}
        wait_until_gone(dask)


def test_a_worker_with_another_version_is_refused(tmp_path: Path) -> None:
    installed = tmp_path / "wsgi_gauntlet-99.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: wsgi-gauntlet\nVersion: 99.0\n")
    path = f"{tmp_path}:{os.environ.get('PYTHONPATH', '')}"
    with dask_cluster(HOSTS[:1], {"PYTHONPATH": path}) as workers:
        refused = pytest.raises(ConfigurationError, match=r"has wsgi-gauntlet 99\.0, and this is .*; install the same")
        with refused, opened(workers, 1):
            pass


def test_local_workers_end_with_the_cluster() -> None:
    before = {each.pid for each in psutil.Process(os.getpid()).children(recursive=True)}
    with open_cluster("local:1") as cluster:
        assert len(cluster.workers) == 1
        assert cluster.server_worker is cluster.workers[0]
    left = [each for each in psutil.Process(os.getpid()).children(recursive=True) if each.pid not in before]
    # Python's own tracker of shared resources stays as long as this process.
    assert all("resource_tracker" in each for each in command_lines(left)), left
