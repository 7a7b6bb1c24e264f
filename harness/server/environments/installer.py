"""Makes an environment and installs into it: with uv if that is on PATH, else with the venv module and pip.

Every program here has a time limit, and ends with all its children if the call is interrupted. It writes only to the
folder of the environment and to its own cache.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from packaging.version import InvalidVersion, Version

from wsgi_gauntlet.harness.errors import EnvironmentUnavailable
from wsgi_gauntlet.harness.events import EventHandler, Progress

ProgressCallback = Callable[[str], None]
"""Gets the present activity, or '' for the same one, every PROGRESS_INTERVAL seconds."""

PROGRESS_INTERVAL = 0.5
"""Seconds between two progress reports."""

_REMOVED_PIP_SETTINGS = frozenset(
    {
        "CONSTRAINT",
        "DRY_RUN",
        "NO_DEPS",
        "PREFIX",
        "PYTHON",
        "REQUIREMENT",
        "REQUIRE_HASHES",
        "REQUIRE_VIRTUALENV",
        "ROOT",
        "TARGET",
        "UPGRADE",
        "USER",
    }
)
"""Settings of pip (PIP_*) that change what is installed, or where to. The user may choose the package index."""

_INDEX_VARIABLES = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_CONFIG_FILE")
"""The variables that say where pip finds packages; uv reads none of them."""

LIST_VERSIONS_ARGUMENTS = ("download", "-vv", "--pre", "--no-deps")
"""A command of pip that lists the versions, or says why an index cannot be reached."""

_REQUIRE_PIP_FOR_ANOTHER_INTERPRETER = "import pip; assert [*map(int, pip.__version__.split('.')[:2])] >= [22, 3]"
"""A program that fails without a pip that has --python."""

_PIP_OPTIONS = ("--no-input", "--disable-pip-version-check")

_NO_NETWORK = re.compile(
    r"NewConnectionError|NameResolutionError|ConnectTimeout|Connection refused|Network is unreachable|ProxyError"
    r"|Failed to establish a new connection|[Tt]emporary failure in name resolution|dns error|tcp connect error"
    r"|connection error: |Max retries exceeded|[Rr]ead timed out"
)
_INDEX_ERROR = re.compile(r"Could not fetch URL (?P<url>\S+): (?!404 )(?P<why>.+?) - skipping")
"""The message of pip, with -vv alone, about an index whose response was an error."""
_BUILD_ERROR = re.compile(
    r"^\s*(?P<why>(?:\S+: (?:fatal )?error: |[\w.]*(?:Error|Exception): "
    r"|error: (?!subprocess-exited-with-error|failed-wheel-build|metadata-generation-failed)).+)$",
    re.MULTILINE,
)
"""The line of a compiler or a build script with the reason; the last line of pip itself names none."""
_FROM_VERSIONS = re.compile(r"No matching distribution|\(from versions: (?P<versions>[^)]*)\)")
_REQUIRES_PYTHON = re.compile(r"(?P<version>\S+) Requires-Python (?P<needs>[^;\n]+)")


@dataclass(frozen=True)
class CommandResult:
    """The result of a program: its exit code, and stdout and stderr together."""

    code: int
    output: str


def progress_callback(handle: EventHandler, server: str) -> ProgressCallback:
    """Return a callback that reports to `handle` what is done for `server`."""
    last_message = ""

    def on_progress(doing: str) -> None:
        nonlocal last_message
        last_message = doing or last_message
        handle(Progress(server, last_message))

    return on_progress


def install(
    python: str, folder: Path, temp_folder: Path, wanted: Sequence[str], on_progress: ProgressCallback, deadline: float
) -> str:
    """Make an environment of `python` in `folder` with `wanted`, the first of them `name==version`.

    Return the installer. `temp_folder` is private. `deadline` is a time.monotonic(). Raises EnvironmentUnavailable with
    the reason in one line.
    """
    uv = shutil.which("uv")
    if uv is not None and not has_user_index():
        on_progress(f"uv pip install {' '.join(wanted)}")
        made = _run_command(
            [uv, "venv", "--quiet", "--python", python, str(folder)], temp_folder, on_progress, deadline
        )
        if not made.code:
            argv = [uv, "pip", "install", "--quiet", "--python", str(interpreter(folder)), *wanted]
            made = _run_command(argv, temp_folder, on_progress, deadline)
        if not made.code:
            return "uv"
        # pip may know an index that uv does not know, and its messages are better.
        shutil.rmtree(folder, ignore_errors=True)
    pip = _create_venv(python, folder, temp_folder, on_progress, deadline)
    on_progress(f"pip install {' '.join(wanted)}")
    argv = [*pip, "install", *_PIP_OPTIONS, "--progress-bar", "off", "--retries", "2", *wanted]
    done = _run_command(argv, temp_folder, on_progress, deadline)
    if done.code:
        output = done.output
        if "from versions: none" in output:
            output += run_pip(
                [*pip, *LIST_VERSIONS_ARGUMENTS, "--dest", str(temp_folder), wanted[0]],
                temp_folder,
                on_progress,
                deadline,
            ).output
        raise EnvironmentUnavailable(installation_error(output, wanted[0], python))
    return "pip"


def has_user_index() -> bool:
    """Return whether the user configured a package index for pip."""
    return any(each in os.environ for each in _INDEX_VARIABLES)


def is_offline_index() -> bool:
    """Return whether pip may use only folders of the user; any other index may mirror the public one."""
    return os.environ.get("PIP_NO_INDEX", "").lower() in ("1", "true", "yes", "on", "y", "t")


def interpreter(folder: Path) -> Path:
    """Return the interpreter of the environment in `folder`."""
    return folder / "bin" / "python"


def _create_venv(
    python: str, folder: Path, temp_folder: Path, on_progress: ProgressCallback, deadline: float
) -> list[str]:
    """Make an empty environment; return the command of a pip that installs into it."""
    on_progress(f"{python} -m venv")
    # Without pip in it: that takes ten times as long as the rest, and another pip can install from outside.
    made = _run_command([python, "-I", "-m", "venv", "--without-pip", str(folder)], temp_folder, on_progress, deadline)
    if made.code:
        raise EnvironmentUnavailable(
            f"{python} cannot make an environment ({last_error_line(made.output)}); install the venv module "
            "(Debian: python3-venv), or put uv on PATH"
        )
    inside = str(interpreter(folder))
    if (pip := find_pip(inside, temp_folder, on_progress, deadline, python)) is not None:
        return pip
    output = _run_command([inside, "-I", "-m", "ensurepip"], temp_folder, on_progress, deadline)
    if output.code:
        raise EnvironmentUnavailable(
            f"neither {python} nor the interpreter of wsgi-gauntlet has pip ({last_error_line(output.output)}); "
            "install it (Debian: python3-pip), or put uv on PATH"
        )
    return [inside, "-I", "-m", "pip"]


def find_pip(
    python: str, temp_folder: Path, on_progress: ProgressCallback, deadline: float, *having: str
) -> list[str] | None:
    """Return the command of a pip that installs for `python`, None if there is none.

    It may belong to `python`, to one of the interpreters `having` of the same version, or to this one.
    """

    def works(*argv: str) -> bool:
        return not _run_command(argv, temp_folder, on_progress, deadline).code

    own = [python, "-I", "-m", "pip"]
    if works(*own, "--version"):
        return own
    for each in having:
        # To start pip for another interpreter takes a second: it starts itself again there.
        if works(each, "-I", "-c", _REQUIRE_PIP_FOR_ANOTHER_INTERPRETER):
            return [each, "-I", "-m", "pip", "--python", python]
    this = [sys.executable, "-I", "-m", "pip", "--python", python]
    return this if works(*this, "--version") else None


def run_pip(argv: Sequence[str], temp_folder: Path, on_progress: ProgressCallback, deadline: float) -> CommandResult:
    """Run a command of pip that installs nothing, and return its result."""
    return _run_command([*argv, *_PIP_OPTIONS], temp_folder, on_progress, deadline)


def installation_error(output: str, wanted: str, python: str) -> str:
    """Return why pip could not install `wanted` (`name==version`), given its output."""
    name, _, version = wanted.partition("==")
    plain = name.partition("[")[0]
    about = re.search(rf"requirement {re.escape(plain)}(\[[^]]*\])?==", output) is not None
    if found := _FROM_VERSIONS.search(output):
        for each in _REQUIRES_PYTHON.finditer(output):
            if about and each["version"] == version:
                return f"{plain} {version} needs Python {each['needs'].strip()}, and {python} is another version"
        known = [each.strip() for each in (found["versions"] or "").split(",")]
        if about and known not in ([""], ["none"]):
            return f"{plain} has no version {version}{nearest_versions(version, known)}"
        if _NO_NETWORK.search(output):
            return f"no package index could be reached for {wanted}; is there a network?"
        if refused := _INDEX_ERROR.search(output):
            return f"the package index responded with an error: {refused['url']}: {refused['why']}"
        if about:
            return f"the package index has no {plain} for {python} ({last_error_line(output)})"
    elif _NO_NETWORK.search(output):
        return f"no package index could be reached for {wanted}; is there a network?"
    line = last_error_line(output)
    reason = _BUILD_ERROR.search(output)
    more = f" ({reason['why'].strip()[:300]})" if reason and reason["why"].strip() not in line else ""
    return f"{wanted} cannot be installed for {python}: {line}{more}"


def nearest_versions(version: str, known: Sequence[str]) -> str:
    """Return `; the nearest are 20.0.4 and 20.1.0` for the versions on both sides, '' if none can be compared."""
    try:
        asked = Version(version)
        ordered = sorted({Version(each) for each in known if each})
    except InvalidVersion:
        return ""
    below = [each for each in ordered if each < asked][-1:]
    above = [each for each in ordered if each > asked][:1]
    sides = " and ".join(map(str, below + above))
    return f"; the nearest {'are' if below and above else 'is'} {sides}" if sides else ""


def last_error_line(output: str) -> str:
    """Return the most useful line of pip's (or uv's) output: its last error, else its last line."""
    lines = [
        each.strip() for each in output.splitlines() if each.strip() and not each.startswith(("[notice]", "hint:"))
    ]
    for place, line in reversed(list(enumerate(lines))):
        if line.startswith("╰─>") and place:  # a box of pip: the fault, and below it its object
            return f"{lines[place - 1].removeprefix('×').strip()}: {line.removeprefix('╰─>').strip()}"
        if line.startswith("ERROR:"):
            return line.removeprefix("ERROR:").strip()
    return lines[-1][:400] if lines else "it printed nothing"


def _run_command(
    argv: Sequence[str], temp_folder: Path, on_progress: ProgressCallback, deadline: float
) -> CommandResult:
    """Run `argv` in `temp_folder`. Raises EnvironmentUnavailable if it has not ended by `deadline`."""
    with tempfile.TemporaryFile(dir=temp_folder) as output, _record_interrupts() as interrupts:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=temp_folder,
            env=_subprocess_environment(os.environ, temp_folder),
            start_new_session=True,
        )
        try:
            while process.poll() is None and not interrupts:
                if time.monotonic() >= deadline:
                    raise EnvironmentUnavailable(f"{_command_text(argv)} took too long and was stopped; try again")
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(PROGRESS_INTERVAL)
                on_progress("")
        finally:
            # A build starts processes of its own. All of them are in the session that was made above.
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if interrupts:
            raise KeyboardInterrupt
        output.seek(0)
        return CommandResult(process.returncode, output.read().decode(errors="replace"))


@contextlib.contextmanager
def _record_interrupts() -> Iterator[list[int]]:
    """Give a list that gets the number of each SIGINT and SIGTERM during the block.

    An exception from a signal handler could lose a process that has just been started.
    """
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return

    def note(number: int, _frame: FrameType | None) -> None:
        received.append(number)

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _subprocess_environment(inherited: Mapping[str, str], temp_folder: Path) -> dict[str, str]:
    remaining = {
        name: value
        for name, value in inherited.items()
        if not name.startswith(("PYTHON", "COVERAGE_", "COV_CORE_"))
        and name not in ("VIRTUAL_ENV", "CONDA_PREFIX")
        and not (name.startswith("PIP_") and name.removeprefix("PIP_") in _REMOVED_PIP_SETTINGS)
    }
    # LC_ALL: the messages are parsed. TMPDIR: an interrupted pip does not remove its folders.
    return {**remaining, "TMPDIR": str(temp_folder), "LC_ALL": "C.UTF-8", "PIP_USER": "0"}


def _command_text(argv: Sequence[str]) -> str:
    return " ".join(each for each in argv if each != "-I")[:200]
