"""What can go wrong, named by situation. Each message says what was wrong and what to do about it.

    GauntletError                 everything below; the command line prints its message and ends with `exit_code`
    ├── UsageError          (2)   the user asked for something that cannot be
    │   ├── UnknownName           no server, case, scenario, suite or output of that name
    │   ├── NotInstalled          the server is known and not here; says the command that gets it
    │   ├── EnvironmentUnavailable         the version asked for cannot be had, or no environment be made for it
    │   ├── ConfigurationError      a setting, option or file does not hold together
    │   ├── PageError            the page to ask the user's own app for is answered with an error
    │   └── TargetRefused         the target did not prove that it serves the reference app
    ├── ServerError       (4)   a server under test did not do what launching needs
    │   ├── ServerDidNotStart     it ended, or never answered with this run's nonce
    │   ├── PortTaken             a stranger holds the port
    │   └── InstanceFilesDeleted             somebody deleted the instance's files
    └── InternalError      (4)   the harness itself could not go on
        ├── HarnessStalled                the machine stood still for a moment; the attempt is to be made again
        ├── EventsLost            the app's side channel dropped or never delivered something
        ├── StorageFull           the run folder cannot be written
        └── OutOfResources        no descriptors, memory or local ports left

Inside a case, `expect.Violation` blames the server, `Unsupported` and `Skipped` decide a cell without blame.
"""

from __future__ import annotations

from collections.abc import Iterator


class GauntletError(Exception):
    """Base of all errors that are ours to explain."""

    exit_code = 4


class UsageError(GauntletError):
    """The user asked for something that cannot be."""

    exit_code = 2


class UnknownName(UsageError):
    """No server, case, scenario, suite or output has that name."""


class NotInstalled(UsageError):
    """The server is known but not installed; the message carries the command that gets it."""


class EnvironmentUnavailable(UsageError):
    """The version that the user asked for cannot be had; the message says why, and what comes nearest."""


class ConfigurationError(UsageError):
    """A setting, option or file does not hold together."""


class PageError(UsageError):
    """The user's own app answers the page that it is to be asked for with an error, before anything is measured."""


class TargetRefused(UsageError):
    """The target did not prove that it serves the reference app with the right token."""


class ServerError(GauntletError):
    """A server under test did not do what launching needs."""


class ServerDidNotStart(ServerError):
    """The server ended, or never answered with this run's nonce; the message ends with its last log lines."""


class PortTaken(ServerError):
    """Something else holds the port that the server was to listen on."""


class InstanceFilesDeleted(ServerError):
    """Somebody deleted the files that an instance was started with: a server, or a stranger."""


class InternalError(GauntletError):
    """The harness itself could not go on."""


class HarnessStalled(InternalError):
    """The harness stood still during an attempt that rests on time: it proves nothing, and is to be made again."""


class EventsLost(InternalError):
    """The app's side channel dropped or never delivered an event, so no verdict can rest on it."""


class StorageFull(InternalError):
    """The run folder cannot be written."""


class OutOfResources(InternalError):
    """No descriptors, memory or local ports left for the harness."""


class Unsupported(Exception):
    """Raised in a case or adapter: the server has no way to do what is asked (unsupported, not failed)."""


class Skipped(Exception):
    """Raised in a case: what it depends on does not work on this server; the message names the dependency."""


def leaf_exceptions(problem: BaseException) -> Iterator[BaseException]:
    """Yield the errors of an exception group and of the groups in it; yield any other error as it is."""
    if isinstance(problem, BaseExceptionGroup):
        for each in problem.exceptions:
            yield from leaf_exceptions(each)
    else:
        yield problem


def reportable_error(problem: BaseException) -> BaseException:
    """Return the error that describes `problem`, which may be an exception group of a nursery.

    This is the first GauntletError or Unsupported of a group, else its only error, else the group itself.
    """
    leaves = list(leaf_exceptions(problem))
    explained = [each for each in leaves if isinstance(each, GauntletError | Unsupported)]
    return explained[0] if explained else leaves[0] if len(leaves) == 1 else problem
