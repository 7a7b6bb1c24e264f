"""A dask client in a thread with an asyncio loop of its own; trio and plain functions call it.

dask.distributed comes with the extra `cluster`. Only this module and worker.py import it, and only when they are used.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import trio

from wsgi_gauntlet.harness.cluster.cluster_name import ClusterName
from wsgi_gauntlet.harness.errors import ConfigurationError, NotInstalled

if TYPE_CHECKING:
    from distributed import Client

CONNECT_TIMEOUT = 10.0
"""Seconds in which the scheduler must answer."""

LOCAL_START_TIMEOUT = 60.0
"""Seconds for the workers of a local cluster to start. Each of them imports dask, which takes a second on a fast
machine."""

CLOSE_TIMEOUT = 10.0
"""Seconds in which a cluster must close."""

T = TypeVar("T")
P = ParamSpec("P")


class DaskThread:
    """A connected client. Its coroutines run in the thread of the client."""

    def __init__(self, loop: asyncio.AbstractEventLoop, client: Client) -> None:
        self._loop = loop
        self._client = client

    def wait_for(
        self,
        function: Callable[Concatenate[Client, P], Coroutine[object, object, T]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run `function` with the client, and block until it ends."""
        return asyncio.run_coroutine_threadsafe(function(self._client, *args, **kwargs), self._loop).result()

    async def run(
        self,
        function: Callable[Concatenate[Client, P], Coroutine[object, object, T]],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Run `function` with the client, as a call of trio. If the call is cancelled, so is the function."""
        done, token = trio.Event(), trio.lowlevel.current_trio_token()

        def set_done(_future: Future[T]) -> None:
            with contextlib.suppress(trio.RunFinishedError):
                token.run_sync_soon(done.set)

        future = asyncio.run_coroutine_threadsafe(function(self._client, *args, **kwargs), self._loop)
        future.add_done_callback(set_done)
        try:
            await done.wait()
        except trio.Cancelled:
            future.cancel()
            raise
        return future.result()


@contextmanager
def dask_thread(name: ClusterName) -> Iterator[DaskThread]:
    """Connect to the cluster, or start a local one, for the block.

    Raises NotInstalled without the extra, and ConfigurationError if no scheduler answers there.
    """
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise NotInstalled(
            f"--cluster requires dask.distributed ({error}): pip install 'wsgi-gauntlet[cluster]'"
        ) from None
    _silence_logs()
    with contextlib.ExitStack() as stack:
        loop = stack.enter_context(_loop_thread())
        opened = contextlib.AsyncExitStack()

        async def open_client() -> Client:
            source: object = name.address
            if name.workers:
                source = await opened.enter_async_context(
                    LocalCluster(
                        n_workers=name.workers,
                        threads_per_worker=1,
                        processes=True,
                        memory_limit=0,  # no nanny may kill a worker: what it does here needs no data in memory
                        host="127.0.0.1",
                        # Not the fixed port of dask, where another cluster may listen.
                        scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
                        silence_logs=logging.CRITICAL,
                        asynchronous=True,
                    )
                )
            client = Client(source, asynchronous=True, timeout=CONNECT_TIMEOUT, set_as_default=False)
            try:
                await opened.enter_async_context(client)
            except BaseException:
                with contextlib.suppress(Exception):
                    await asyncio.wait_for(client.close(), CLOSE_TIMEOUT)
                raise
            return client

        async def close() -> None:
            with contextlib.suppress(OSError, TimeoutError):
                await asyncio.wait_for(opened.aclose(), CLOSE_TIMEOUT)

        stack.callback(lambda: asyncio.run_coroutine_threadsafe(close(), loop).result())
        limit = LOCAL_START_TIMEOUT if name.workers else CONNECT_TIMEOUT + 1
        future = asyncio.run_coroutine_threadsafe(asyncio.wait_for(open_client(), limit), loop)
        try:
            client = future.result()
        except Exception as error:  # noqa: BLE001 - dask takes any reply of another server for its own, with any outcome
            raise ConfigurationError(f"--cluster {name}: {_connect_problem(name, error)}") from None
        except KeyboardInterrupt:
            future.cancel()
            raise
        yield DaskThread(loop, client)


def _connect_problem(name: ClusterName, error: Exception) -> str:
    if name.workers:
        return f"the local cluster did not start ({_one_line(error)}); use fewer workers, or close other programs"
    return (
        f"no dask scheduler answers there ({_one_line(error)}); start one with `dask scheduler`, and name its address, "
        "such as tcp://127.0.0.1:8786"
    )


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


@contextmanager
def _loop_thread() -> Iterator[asyncio.AbstractEventLoop]:
    loop = asyncio.new_event_loop()

    def work() -> None:
        # Workers of a local cluster inherit the mask: Ctrl-C is for the harness, which ends them itself.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        asyncio.set_event_loop(loop)
        loop.run_forever()

    thread = threading.Thread(target=work, name="dask", daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(CLOSE_TIMEOUT)
        if not thread.is_alive():
            loop.close()


def _silence_logs() -> None:
    """Keep the logs of dask out of the terminal: what matters of them becomes an error of the harness."""
    for name in list(logging.root.manager.loggerDict):
        if name.split(".")[0] in {"distributed", "tornado"}:
            logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    logging.getLogger("distributed").setLevel(logging.CRITICAL + 1)
