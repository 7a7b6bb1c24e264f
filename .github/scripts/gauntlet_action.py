"""The steps of the GitHub action and of the reusable workflow: `gauntlet_action.py STEP`.

The inputs are environment variables `INPUT_*`. They are text of strangers: they never become part of a shell script,
and each reaches the program as one argument. Only the standard library is imported, because `plan` and `install` run
before anything is installed. `find_base.py` is the step that needs more.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = (sys.executable, "-m", "wsgi_gauntlet")

MAX_SHARDS = 100
"""GitHub allows 256 jobs in a matrix. More than 100 parts would mostly install things."""

MAX_SUMMARY_BYTES = 1024 * 1024
"""GitHub shows no summary of a step if it is larger."""

JOURNAL = "run.jsonl.zst"
PUBLIC = "--public"
FAIL_ON = ("must", "should")
EXIT_FAILED, EXIT_USAGE, EXIT_ERROR = 1, 2, 4
Inputs = Mapping[str, str]


def command(kind: str, message: str) -> None:
    """Print `message` as an annotation: `kind` is error, warning or notice."""
    escaped = message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    print(f"::{kind} title=wsgi-gauntlet::{escaped}", flush=True)


def fail(message: str) -> NoReturn:
    """End the step with a message for the user."""
    command("error", message)
    sys.exit(EXIT_USAGE)


def words(inputs: Inputs, name: str) -> list[str]:
    """Return the words of the input `name`, as a shell splits them, without expanding anything."""
    try:
        return shlex.split(inputs.get(f"INPUT_{name}", ""))
    except ValueError:
        fail(f"the input {name.lower().replace('_', '-')} has a quotation mark that is not closed")


def text(inputs: Inputs, name: str) -> str:
    """Return the input `name` without blanks at its ends."""
    return inputs.get(f"INPUT_{name}", "").strip()


def shard_names(inputs: Inputs) -> list[str]:
    """Return the parts of the input `shards`: 1/3, 2/3 and 3/3."""
    number = text(inputs, "SHARDS") or "1"
    if not re.fullmatch(r"[0-9]{1,3}", number) or not 1 <= int(number) <= MAX_SHARDS:
        fail(f"the input shards is a number from 1 to {MAX_SHARDS}, and not {number!r}")
    return [f"{part}/{int(number)}" for part in range(1, int(number) + 1)]


def check_arguments(inputs: Inputs, run: Path) -> list[str]:
    """Return the arguments of `wsgi-gauntlet check` for the run folder `run`."""
    found = ["check", f"--out={run}"]
    found += [f"--select={each}" for each in words(inputs, "SELECT")]
    for option in ("command", "baseline", "shard"):
        value = text(inputs, option.upper())
        found += [f"--{option}={value}"] if value else []
    if not text(inputs, "SHARD"):
        found += output_arguments(inputs, run)
    return [*found, *words(inputs, "ARGUMENTS"), "--", *words(inputs, "SERVERS")]


def output_arguments(inputs: Inputs, run: Path) -> list[str]:
    """Return the options for what people look at. A part has none of it: the step `join` makes it of all parts."""
    base = text(inputs, "BASE")
    return ["--annotations", f"--markdown={run / 'summary.md'}", f"--junit={run / 'junit.xml'}"] + (
        [f"--base={base}"] if base else []
    )


def fail_on(inputs: Inputs) -> str:
    """Return the input `fail-on`."""
    value = text(inputs, "FAIL_ON")
    if value and value not in FAIL_ON:
        fail(f"the input fail-on is empty, {' or '.join(FAIL_ON)}, and not {value!r}")
    return value


def gate(inputs: Inputs, run: Path, code: int) -> int:
    """Compare `run` with the base run, if there is one, and return the exit code of the step.

    `code` is that of the check. With the input `fail-on`, failures count only if the base run did not have them. All
    other exit codes stay: they say that something was not measured.
    """
    limit, base = fail_on(inputs), text(inputs, "BASE")
    if code > EXIT_FAILED:
        return code
    compared = EXIT_USAGE
    if base:
        arguments = ["diff", base, str(run), f"--markdown={run / 'diff.md'}", f"--fail-on={limit or 'must'}"]
        compared = subprocess.run([*PROGRAM, *arguments], check=False).returncode
    if compared > EXIT_USAGE:
        return compared
    if not limit:
        return code
    if compared == EXIT_USAGE:
        command("notice", "There is no earlier run of the base branch with these servers, so nothing can have broken.")
        return 0
    return compared


def _has_journal(run: Path) -> bool:
    return any((run / name).is_file() for name in (JOURNAL, "run.jsonl"))


def write_summary(run: Path) -> None:
    """Append what changed and the summary of the run to the summary of the job."""
    target = os.environ.get("GITHUB_STEP_SUMMARY")
    if not target:
        return
    parts = [each.read_bytes() for each in (run / "diff.md", run / "summary.md") if each.is_file()]
    while parts and sum(map(len, parts)) + len(parts) > MAX_SUMMARY_BYTES:
        parts.pop()
    with Path(target).open("ab") as file:
        file.writelines(each + b"\n" for each in parts)


def set_output(name: str, value: str) -> None:
    """Set an output of the step. No text in `value` can set another one."""
    target = os.environ.get("GITHUB_OUTPUT")
    if target:
        end = secrets.token_hex(16)
        with Path(target).open("a", encoding="utf-8") as file:
            file.write(f"{name}<<{end}\n{value}\n{end}\n")


def new_folder(name: str) -> Path:
    """Return an empty folder of this job, outside the workspace."""
    folder = Path(os.environ["RUNNER_TEMP"], "wsgi-gauntlet", name)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def is_externally_managed() -> bool:
    """Say whether pip refuses to install into this Python (PEP 668)."""
    mark = Path(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")
    return sys.prefix == sys.base_prefix and mark.exists()


def plan(inputs: Inputs) -> int:
    """Set the output `shards` to the list of the parts."""
    set_output("shards", json.dumps(shard_names(inputs)))
    return 0


def install(inputs: Inputs) -> int:
    """Install the packages of the input `install`, and wsgi-gauntlet of this repository.

    wsgi-gauntlet comes last: its own requirements count if the packages want others.
    """
    if is_externally_managed():
        fail("the Python of the job belongs to the system: set the input python, or call actions/setup-python before")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    for each in (words(inputs, "INSTALL"), [str(ROOT)]):
        code = subprocess.run([*pip, *each], check=False).returncode if each else 0
        if code:
            return code
    return 0


def check(inputs: Inputs) -> int:
    """Check the servers. A part only keeps its exit code, for the step `join`."""
    part = text(inputs, "SHARD")
    fail_on(inputs)
    folder = new_folder("check")
    code = subprocess.run([*PROGRAM, *check_arguments(inputs, folder / "run")], check=False).returncode
    if code == EXIT_FAILED and not _has_journal(folder / "run"):
        code = EXIT_ERROR  # Python itself failed: no server did
    public = PUBLIC in words(inputs, "ARGUMENTS")
    set_output("run", str(folder / "run"))
    # The journal has the evidence, and the paths that --public leaves out.
    set_output("journal", "" if public else str(folder / "run" / JOURNAL))
    if part:
        (folder / "exit-code").write_text(str(code))
        if public:
            (folder / "public").touch()
        set_output("part", part.partition("/")[0])
        set_output("folder", str(folder))
        return 0 if code == EXIT_FAILED else code
    code = gate(inputs, folder / "run", code)
    write_summary(folder / "run")
    return code


def join(inputs: Inputs) -> int:
    """Make one report of all parts, and return the highest of their exit codes.

    A report of several runs has no journal. Its results.json has the evidence of failures, which the journals of the
    parts have.
    """
    names = shard_names(inputs)
    fail_on(inputs)
    # actions/download-artifact makes a folder for each artifact, but none if there is only one.
    parts = sorted(Path(text(inputs, "PARTS")).glob("**/exit-code"))
    runs = [each.parent / "run" for each in parts if _has_journal(each.parent / "run")]
    codes = [int(each.read_text()) for each in parts]
    if len(runs) < len(names):
        command("error", f"{len(runs)} of {len(names)} parts have results; the jobs of the others say why")
        codes.append(EXIT_USAGE)
    if not runs:
        return max(codes)
    run = new_folder("joined") / "run"
    public = [PUBLIC] if any((each.parent / "public").is_file() for each in parts) else []
    arguments = ["report", f"--out={run}", *public, *output_arguments(inputs, run), "--", *map(str, runs)]
    codes.append(subprocess.run([*PROGRAM, *arguments], check=False).returncode)
    set_output("run", str(run))
    code = gate(inputs, run, max(codes))
    write_summary(run)
    return code


STEPS = {"plan": plan, "install": install, "check": check, "join": join}


def main(arguments: Sequence[str]) -> int:
    """Run one step and return its exit code."""
    return STEPS[arguments[0]](os.environ)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
