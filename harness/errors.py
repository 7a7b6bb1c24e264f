"""The exceptions of the harness, named by situation. Each message says what is wrong and what to do.

    GauntletError                     everything below; the command line prints the message and ends with `exit_code`
    ├── UsageError               (2)  the user asked for something that is not possible
    │   ├── UnknownName               no server, case, scenario, suite or output has this name
    │   ├── NotInstalled              the server is known but not installed; the message has the install command
    │   ├── EnvironmentUnavailable    the version is not available, or its environment cannot be made
    │   ├── ConfigurationError        a setting, option or file is wrong
    │   ├── PageError                 the user app answers the requested page with an error
    │   └── TargetRefused             the remote server did not prove that it serves the test app
    ├── ServerError              (4)  a server under test did not start or run as needed
    │   ├── ServerDidNotStart         it ended, or never answered with the nonce of this run
    │   ├── PortTaken                 another process uses the port
    │   └── InstanceFilesDeleted      somebody deleted the files of the instance
    └── InternalError            (4)  the harness cannot go on
        ├── HarnessStalled            the machine paused; the attempt must be repeated
        ├── EventsLost                app events were dropped or never arrived
        ├── StorageFull               the run folder cannot be written
        ├── WorkerLost                a worker of the cluster is gone, and its round must be repeated
        └── OutOfResources            no descriptors, memory or local ports are left

In a case, `Violation` blames the server; `Unsupported` and `Skipped` decide a cell without blame.
"""

from __future__ import annotations

from collections.abc import Iterator

EXIT_FAILED, EXIT_USAGE, EXIT_INVALID, EXIT_ERROR, EXIT_INTERRUPTED = 1, 2, 3, 4, 130
"""The exit codes of the command. Its help (cli/options.py) lists their meanings."""


class GauntletError(Exception):
    """Base of all errors whose message alone is shown to the user."""

    exit_code = EXIT_ERROR


class UsageError(GauntletError):
    """The user asked for something that is not possible."""

    exit_code = EXIT_USAGE


class UnknownName(UsageError):
    """No server, case, scenario, suite or output has this name."""


class NotInstalled(UsageError):
    """The server is known but not installed; the message has the install command."""


class EnvironmentUnavailable(UsageError):
    """The requested version is not available; the message says why and names the nearest version."""


class ConfigurationError(UsageError):
    """A setting, option or file is wrong."""


class PageError(UsageError):
    """The user app answers the requested page with an error, before anything is measured."""


class TargetRefused(UsageError):
    """The remote server did not prove that it serves the test app and knows the token."""


class ServerError(GauntletError):
    """A server under test did not start or run as needed."""


class ServerDidNotStart(ServerError):
    """The server ended, or never answered with the nonce of this run; the message has its last log lines."""


class PortTaken(ServerError):
    """Another process uses the port of the server."""


class InstanceFilesDeleted(ServerError):
    """A server, or another process, deleted the files of an instance."""


class InternalError(GauntletError):
    """The harness cannot go on."""


class HarnessStalled(InternalError):
    """The harness paused during an attempt that depends on time: the attempt proves nothing and must be repeated."""


class EventsLost(InternalError):
    """App events were dropped or never arrived, so they cannot support a verdict."""


class StorageFull(InternalError):
    """The run folder cannot be written."""


class WorkerLost(InternalError):
    """A worker of the cluster is gone, or does not answer: the round proves nothing and must be repeated."""


class OutOfResources(InternalError):
    """The harness has no descriptors, memory or local ports left."""


class Unsupported(Exception):
    """Raised in a case or adapter: the server has no way to do what the case needs."""


class Skipped(Exception):
    """Raised in a case: another case that it needs did not pass; the message names that case."""


def leaf_exceptions(problem: BaseException) -> Iterator[BaseException]:
    """Yield the errors of an exception group and of the groups in it; yield any other error as it is."""
    if isinstance(problem, BaseExceptionGroup):
        for each in problem.exceptions:
            yield from leaf_exceptions(each)
    else:
        yield problem


def expected_error(group: BaseExceptionGroup) -> GauntletError | OSError:
    """Return the first error of `group` that a user can understand. Raises `group` if it has none."""
    for each in leaf_exceptions(group):
        if isinstance(each, GauntletError | OSError):
            return each
    raise group


def reportable_error(problem: BaseException) -> BaseException:
    """Return the error that describes `problem`, which may be an exception group of a nursery.

    This is the first GauntletError or Unsupported of a group, else its only error, else the group itself.
    """
    leaves = list(leaf_exceptions(problem))
    explained = [each for each in leaves if isinstance(each, GauntletError | Unsupported)]
    return explained[0] if explained else leaves[0] if len(leaves) == 1 else problem
