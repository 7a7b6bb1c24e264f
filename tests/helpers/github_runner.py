"""Run the composite actions of this repository as the runner of GitHub does: for tests, on this machine."""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import yaml

ROOT = Path(__file__).parents[2]
EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")


class Step(msgspec.Struct, frozen=True):
    """A step of a composite action."""

    name: str = ""
    id: str = ""
    condition: str = msgspec.field(name="if", default="")
    uses: str = ""
    inputs: dict[str, str | bool | int] = msgspec.field(name="with", default={})
    shell: str = ""
    env: dict[str, str] = {}
    run: str = ""


class Input(msgspec.Struct, frozen=True):
    """An input of an action."""

    description: str
    default: str = ""
    required: bool = False


class Output(msgspec.Struct, frozen=True):
    """An output of an action."""

    description: str
    value: str


class Runs(msgspec.Struct, frozen=True):
    """The steps of a composite action."""

    using: str
    steps: tuple[Step, ...]


class Action(msgspec.Struct, frozen=True):
    """A composite action."""

    name: str
    description: str
    inputs: dict[str, Input]
    outputs: dict[str, Output]
    runs: Runs


def read_action(folder: Path) -> Action:
    """Return the action of `folder`."""
    return msgspec.convert(yaml.safe_load((folder / "action.yml").read_text()), Action)


@dataclass
class FakeRunner:
    """A runner with a workspace and artifacts. `home` is a new folder. `environment` goes to every step.

    It installs nothing: the step "Install" and setup-python are left out.
    """

    home: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    stdout: str = ""
    summary: str = ""

    def __post_init__(self) -> None:
        for each in (self.workspace, self.temporary, self.artifacts, self.home / "bin"):
            each.mkdir(parents=True, exist_ok=True)
        python = self.home / "bin" / "python"
        python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        python.chmod(0o755)

    @property
    def workspace(self) -> Path:
        """The folder of the checked out repository."""
        return self.home / "workspace"

    @property
    def temporary(self) -> Path:
        """The folder for temporary files of the job."""
        return self.home / "temp"

    @property
    def artifacts(self) -> Path:
        """The folder with a folder for each artifact."""
        return self.home / "artifacts"

    def new_job(self) -> None:
        """Begin a job on a new machine: only the artifacts stay."""
        shutil.rmtree(self.temporary)
        self.temporary.mkdir()

    def use(self, folder: Path, **inputs: str) -> int:
        """Run the action of `folder`; return its exit code. `stdout` and `summary` are of this call."""
        action = read_action(folder)
        given = {name.replace("_", "-"): value for name, value in inputs.items()}
        assert given.keys() <= action.inputs.keys()
        values = {f"inputs.{name}": given.get(name, each.default) for name, each in action.inputs.items()}
        values |= {"runner.temp": str(self.temporary), "github.token": "the-token"}
        values = {name: self._evaluated(value, values) for name, value in values.items()}
        code, self.stdout = 0, ""
        summary = self.home / "summary.md"
        summary.write_text("")
        for step in action.runs.steps:
            if not self._wanted(step, values, failed=code != 0):
                continue
            if step.uses:
                self._use(step, values)
            elif step.name == "Install":
                assert step.run.endswith('gauntlet_action.py" install')
            else:
                code = self._run(step, values, folder, summary) or code
        self.summary = summary.read_text()
        return code

    def _evaluated(self, text: str, values: Mapping[str, str]) -> str:
        def value(match: re.Match[str]) -> str:
            name = match[1]
            # An output of a step that did not run is empty.
            return values.get(name, "") if name.startswith("steps.") else values[name]

        return EXPRESSION.sub(value, text)

    def _wanted(self, step: Step, values: Mapping[str, str], *, failed: bool) -> bool:
        terms = re.sub(r"^\$\{\{ (.*) \}\}$", r"\1", step.condition).split(" && ") if step.condition else []
        wanted = not failed or "!cancelled()" in terms
        for term in terms:
            if term == "!cancelled()":
                continue
            name, operator, literal = term.split(" ")
            assert literal == "''"
            found = values.get(name, "") if name.startswith("steps.") else values[name]
            wanted = wanted and ((found == "") == (operator == "=="))
        return wanted

    def _run(self, step: Step, values: dict[str, str], folder: Path, summary: Path) -> int:
        assert step.shell == "bash"
        assert not EXPRESSION.search(step.run)
        outputs = self.home / "outputs"
        outputs.write_text("")
        environment = {
            **os.environ,
            "PATH": f"{self.home / 'bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT / ".src"),
            "GITHUB_ACTIONS": "true",
            "GITHUB_ACTION_PATH": str(folder),
            "GITHUB_OUTPUT": str(outputs),
            "GITHUB_STEP_SUMMARY": str(summary),
            "GITHUB_REPOSITORY": "owner/shop",
            "GITHUB_REF_NAME": "main",
            "GITHUB_BASE_REF": "",
            "GITHUB_RUN_ID": "7",
            "RUNNER_TEMP": str(self.temporary),
            **self.environment,
            **{name: self._evaluated(value, values) for name, value in step.env.items()},
        }
        program = ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", step.run]
        done = subprocess.run(
            program,
            cwd=self.workspace,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        self.stdout += done.stdout
        for name, _, value in re.findall(r"(?ms)^([\w-]+)<<(\w+)\n(.*?)\n\2$", outputs.read_text()):
            values[f"steps.{step.id}.outputs.{name}"] = value
        return done.returncode

    def _use(self, step: Step, values: Mapping[str, str]) -> None:
        given = {name: self._evaluated(str(value), values) for name, value in step.inputs.items()}
        kind = step.uses.partition("@")[0]
        if kind == "actions/upload-artifact":
            target = self.artifacts / given["name"]
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir()
            for each in map(Path, given["path"].split()):
                if each.is_dir():
                    shutil.copytree(each, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".*"))
                elif each.exists():
                    shutil.copy(each, target)
        elif kind == "actions/download-artifact":
            found = [each for each in self.artifacts.iterdir() if fnmatch.fnmatch(each.name, given["pattern"])]
            for artifact in found:
                shutil.copytree(
                    artifact, Path(given["path"], artifact.name if len(found) > 1 else ""), dirs_exist_ok=True
                )
        else:
            assert kind == "actions/setup-python"
