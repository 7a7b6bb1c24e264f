"""Makes an environment and installs into it: with uv where that is on PATH, else with the venv module and pip.

Every program that is run here is bounded in time, is ended with all that it started when the call is interrupted, and
writes nowhere but into the environment's own folder and its own cache.
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
"""Hears what goes on; '' for the same as before, every PROGRESS_INTERVAL seconds."""

PROGRESS_INTERVAL = 0.5
"""Seconds between two words to whoever waits."""

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
"""Settings of pip (PIP_*) that would put something else, or put it elsewhere; where from is the user's to say."""

_INDEX_VARIABLES = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS", "PIP_NO_INDEX", "PIP_CONFIG_FILE")
"""By these the user tells pip where packages are; uv reads none of them."""

LIST_VERSIONS_ARGUMENTS = ("download", "-vv", "--pre", "--no-deps")
"""A command of pip that says which versions there are, or why an index could not be asked."""

_PIP_OPTIONS = ("--no-input", "--disable-pip-version-check")

_NO_NETWORK = re.compile(
    r"NewConnectionError|NameResolutionError|ConnectTimeout|Connection refused|Network is unreachable|ProxyError"
    r"|Failed to establish a new connection|[Tt]emporary failure in name resolution|dns error|tcp connect error"
    r"|connection error: |Max retries exceeded|[Rr]ead timed out"
)
_INDEX_ERROR = re.compile(r"Could not fetch URL (?P<url>\S+): (?!404 )(?P<why>.+?) - skipping")
"""What pip says, with -vv alone, of an index that answered with an error."""
_BUILD_ERROR = re.compile(
    r"^\s*(?P<why>(?:\S+: (?:fatal )?error: |[\w.]*(?:Error|Exception): "
    r"|error: (?!subprocess-exited-with-error|failed-wheel-build|metadata-generation-failed)).+)$",
    re.MULTILINE,
)
"""The line of a compiler or a build script that says what is wrong; pip's own last line says that something is."""
_FROM_VERSIONS = re.compile(r"No matching distribution|\(from versions: (?P<versions>[^)]*)\)")
_REQUIRES_PYTHON = re.compile(r"(?P<version>\S+) Requires-Python (?P<needs>[^;\n]+)")


@dataclass(frozen=True)
class CommandResult:
    """What a program came to: its exit code, and stdout and stderr together."""

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
    """Make an environment of `python` in `folder` with `wanted`, the first of them `name==version`; return how.

    `room` is a private folder for what is temporary. `tell` hears what is going on; `until` is a time.monotonic().
    Raises EnvironmentUnavailable, whose message says what was wrong in one line.
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
        # pip may know a place for packages that uv was not told of, and says better what was wrong.
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
    """Say whether the user tells pip where packages are."""
    return any(each in os.environ for each in _INDEX_VARIABLES)


def is_offline_index() -> bool:
    """Say whether pip is to take packages from the user's folders alone; any index may mirror the public one."""
    return os.environ.get("PIP_NO_INDEX", "").lower() in ("1", "true", "yes", "on", "y", "t")


def interpreter(folder: Path) -> Path:
    """Return the interpreter of the environment in `folder`."""
    return folder / "bin" / "python"


def _create_venv(
    python: str, folder: Path, temp_folder: Path, on_progress: ProgressCallback, deadline: float
) -> list[str]:
    """Make an empty environment; return how pip is called for it."""
    on_progress(f"{python} -m venv")
    # Without pip in it: that takes ten times as long as all the rest, and what is here can do it from outside.
    made = _run_command([python, "-I", "-m", "venv", "--without-pip", str(folder)], temp_folder, on_progress, deadline)
    if made.code:
        raise EnvironmentUnavailable(
            f"{python} cannot make an environment ({last_error_line(made.output)}); install its venv module "
            "(Debian: python3-venv), or put uv on PATH"
        )
    inside = str(interpreter(folder))
    if (pip := find_pip(inside, temp_folder, on_progress, deadline, python)) is not None:
        return pip
    output = _run_command([inside, "-I", "-m", "ensurepip"], temp_folder, on_progress, deadline)
    if output.code:
        raise EnvironmentUnavailable(
            f"neither {python} nor this program's interpreter has a pip ({last_error_line(output.output)}); install "
            f"one "
            "(Debian: python3-pip), or put uv on PATH"
        )
    return [inside, "-I", "-m", "pip"]


def find_pip(
    python: str, temp_folder: Path, on_progress: ProgressCallback, deadline: float, *having: str
) -> list[str] | None:
    """Return how a pip is called that installs for `python`, None where there is none.

    It may be its own, that of one of the interpreters `having`, or ours: since 22.3 pip takes --python.
    """
    for argv in (
        [python, "-I", "-m", "pip"],
        *([each, "-I", "-m", "pip", "--python", python] for each in (*having, sys.executable)),
    ):
        if not _run_command([*argv, "--version"], temp_folder, on_progress, deadline).code:
            return argv
    return None


def run_pip(argv: Sequence[str], temp_folder: Path, on_progress: ProgressCallback, deadline: float) -> CommandResult:
    """Run a command of pip that installs nothing, and return what it said."""
    return _run_command([*argv, *_PIP_OPTIONS], temp_folder, on_progress, deadline)


def installation_error(output: str, wanted: str, python: str) -> str:
    """Return what was wrong, from what pip said of not being able to install `wanted` (`name==version`)."""
    name, _, version = wanted.partition("==")
    plain = name.partition("[")[0]
    about = re.search(rf"requirement {re.escape(plain)}(\[[^]]*\])?==", output) is not None
    if found := _FROM_VERSIONS.search(output):
        for each in _REQUIRES_PYTHON.finditer(output):
            if about and each["version"] == version:
                return f"{plain} {version} needs Python {each['needs'].strip()}, which {python} is not"
        known = [each.strip() for each in (found["versions"] or "").split(",")]
        if about and known not in ([""], ["none"]):
            return f"{plain} has no version {version}{nearest_versions(version, known)}"
        if _NO_NETWORK.search(output):
            return f"no package index could be reached for {wanted}; is there a network?"
        if refused := _INDEX_ERROR.search(output):
            return f"the package index refused to say what it has: {refused['url']}: {refused['why']}"
        if about:
            return f"the package index has no {plain} for {python} ({last_error_line(output)})"
    elif _NO_NETWORK.search(output):
        return f"no package index could be reached for {wanted}; is there a network?"
    line = last_error_line(output)
    reason = _BUILD_ERROR.search(output)
    more = f" ({reason['why'].strip()[:300]})" if reason and reason["why"].strip() not in line else ""
    return f"{wanted} cannot be installed for {python}: {line}{more}"


def nearest_versions(version: str, known: Sequence[str]) -> str:
    """Return `; the nearest are 20.0.4 and 20.1.0` for the versions on both sides, '' where nothing can be compared."""
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
    """Return the line of pip's (or uv's) that tells most: its last error, else its last line."""
    lines = [
        each.strip() for each in output.splitlines() if each.strip() and not each.startswith(("[notice]", "hint:"))
    ]
    for place, line in reversed(list(enumerate(lines))):
        if line.startswith("╰─>") and place:  # pip draws its boxes so: what is wrong, and below it with what
            return f"{lines[place - 1].removeprefix('×').strip()}: {line.removeprefix('╰─>').strip()}"
        if line.startswith("ERROR:"):
            return line.removeprefix("ERROR:").strip()
    return lines[-1][:400] if lines else "it said nothing"


def _run_command(
    argv: Sequence[str], temp_folder: Path, on_progress: ProgressCallback, deadline: float
) -> CommandResult:
    """Run `argv` in `room`. Raises EnvironmentUnavailable where it is not done by `until`."""
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
                    raise EnvironmentUnavailable(
                        f"{_command_text(argv)} was not done in time and has been ended; try again"
                    )
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(PROGRESS_INTERVAL)
                on_progress("")
        finally:
            # A build has processes of its own; the session is ours alone.
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
    """Give a list that gets the number of each SIGINT and SIGTERM that comes during the block.

    An exception raised by the signal itself could come when a process is started and nobody holds it yet.
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
    # LC_ALL: messages are read. TMPDIR: an interrupted pip leaves its folders behind.
    return {**remaining, "TMPDIR": str(temp_folder), "LC_ALL": "C.UTF-8", "PIP_USER": "0"}


def _command_text(argv: Sequence[str]) -> str:
    return " ".join(each for each in argv if each != "-I")[:200]
