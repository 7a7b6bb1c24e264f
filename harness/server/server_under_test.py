"""A server under test as the load scenarios see it, whoever started it."""

from __future__ import annotations

import os
import secrets
import signal
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server.app_events import AppEventChannel
from wsgi_gauntlet.harness.server.plan import Plan
from wsgi_gauntlet.harness.server.user_app import control_prefix

STOP_GRACE = 1.5
"""Seconds from the signal that asks a server to stop until SIGKILL: uWSGI needs one; Ctrl-C has three in total."""


@dataclass(frozen=True)
class StopSignals:
    """The signals that a server documents: after `graceful` ones it finishes requests, after `quick` ones not."""

    graceful: tuple[signal.Signals, ...] = ()
    quick: tuple[signal.Signals, ...] = ()


class ServerUnderTest(ABC):
    """A server that serves the test app: a ServerInstance that the harness started, or a RemoteServer.

    After a restart `address` is new: read it each time. Methods that look into or control its processes raise
    Unsupported for a remote server.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.name = plan.name
        self.settings = plan.settings
        self.nonce = secrets.token_hex(16)
        self.address = Address()

    @property
    def reference_app_path(self) -> str:
        """The prefix of the test app's own paths: `f"{reference_app_path}/page"` is its page."""
        return f"{self.settings.mount}{control_prefix(self.plan.app)}"

    @property
    @abstractmethod
    def conditions(self) -> dict[str, object]:
        """The effective settings that a reader of a figure must know."""

    @property
    @abstractmethod
    def ended(self) -> str:
        """How the server ended, as 'exit code 3' or 'signal SIGSEGV'; '' while it runs."""

    @property
    def alive(self) -> bool:
        """Whether the server runs; of a chain, whether both servers run."""
        return not self.ended

    @abstractmethod
    def processes(self) -> list[int]:
        """Return the pids of all processes of the server and of the proxy before it."""

    @abstractmethod
    def server_processes(self) -> list[int]:
        """Return the pids of the server that runs the app, without those of a proxy before it."""

    @abstractmethod
    def front_processes(self) -> list[int]:
        """Return the pids of the proxy, none if there is no proxy."""

    @abstractmethod
    def log_position(self) -> int:
        """Return the present end of the log."""

    @abstractmethod
    def log_since(self, position: int) -> str:
        """Return what was logged after `position`: at most 64 KiB, with a note if the middle was cut out."""

    @abstractmethod
    async def wait_for_log(self) -> None:
        """Return when the log is longer than at the last read, or after 50 ms."""

    @abstractmethod
    async def restart(self, grace: float = STOP_GRACE) -> None:
        """Stop the server and start it again, on another port.

        `grace` is the seconds from the signal that asks it to stop until SIGKILL. Raises the errors of `running`.
        """

    @abstractmethod
    async def restart_in_place(self, grace: float = STOP_GRACE) -> None:
        """Stop the server that runs the app and start it with the same command on the same port.

        This is what an operator does with a server that cannot reload; a proxy keeps running. Raises ServerDidNotStart,
        and PortTaken if another program takes the port.
        """

    @property
    @abstractmethod
    def stop_signals(self) -> StopSignals:
        """What its documentation says of the signals that stop it; of a chain, those of the proxy."""

    @abstractmethod
    def send_signal(self, number: signal.Signals) -> None:
        """Send `number` to its first process; of a chain, to the first process of the proxy."""

    @abstractmethod
    async def wait_for_end(self, seconds: float) -> str:
        """Return how the server ended, waiting up to `seconds` for that; '' if it still runs then."""

    @abstractmethod
    async def reload(self) -> None:
        """Make the server load its app again; return when a process that it started since then answers.

        Raises Unsupported if the server has no signal for that, ServerDidNotStart if no new process answers.
        """


class ObservedServer(ServerUnderTest):
    """A server whose app reports events to `channel`, as the cases see it: a ServerInstance or an ObservedTarget."""

    channel: AppEventChannel
    history: list[str]
    """What was done to it, in words: starts, signals, restarts."""

    responded_last = False
    """Whether nothing was done to it since it responded to a plain request, so that it need not be asked again."""

    @cached_property
    def inherited_variables(self) -> Mapping[str, str]:
        """The user's environment variables, which no report may show: those of the shell and of `--env-file`."""
        return {**os.environ, **self.plan.app_plan.app_setup.variables}

    @property
    @abstractmethod
    def command_line(self) -> str:
        """The commands that were run, for people; '' for a target."""

    @property
    @abstractmethod
    def intact(self) -> bool:
        """Whether its folder and the sockets of its channel are as they were made: a server can delete them."""

    @property
    @abstractmethod
    def folders(self) -> tuple[Path, ...]:
        """The folders on this machine that the server and its log write to."""

    @property
    def end_visible(self) -> bool:
        """Whether the harness can see that the server ended."""
        return True

    @property
    def log_visible(self) -> bool:
        """Whether the harness can read the server's log."""
        return True

    def visible_processes(self) -> list[int]:
        """Return the pids of all its processes that the harness can see."""
        return self.processes()

    async def doubt(self, *, blamed: bool) -> str:  # noqa: ARG002 - see the other server
        """Return why an attempt that did not pass proves nothing, '' if it does.

        `blamed` says that the attempt blames the server, or skips the case.
        """
        return ""
