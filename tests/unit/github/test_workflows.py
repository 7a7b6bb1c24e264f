"""The files of GitHub Actions. `make check` lints them, too."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
import yaml

from tests.helpers.github_runner import EXPRESSION, ROOT, read_action

ACTIONS = (ROOT, ROOT / ".github" / "actions" / "join")
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


class WorkflowStep(msgspec.Struct, frozen=True):
    """What the tests look at in a step."""

    uses: str = ""
    run: str = ""
    inputs: dict[str, str | int | bool] = msgspec.field(name="with", default={})


class Job(msgspec.Struct, frozen=True):
    """What the tests look at in a job."""

    steps: tuple[WorkflowStep, ...] = ()


def read_jobs(path: Path) -> dict[str, Job]:
    return msgspec.convert(yaml.safe_load(path.read_text())["jobs"], dict[str, Job])


@pytest.mark.parametrize("folder", ACTIONS, ids=lambda each: each.name)
def test_each_input_of_an_action_is_used_and_declared(folder: Path) -> None:
    text = (folder / "action.yml").read_text()
    used = {name for each in EXPRESSION.findall(text) for name in re.findall(r"inputs\.([\w-]+)", each)}
    assert used == read_action(folder).inputs.keys()


@pytest.mark.parametrize("folder", ACTIONS, ids=lambda each: each.name)
def test_no_expression_is_in_a_script_of_an_action(folder: Path) -> None:
    assert not [each.run for each in read_action(folder).runs.steps if "${{" in each.run]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda each: each.name)
def test_no_expression_is_in_a_script_of_a_workflow(path: Path) -> None:
    steps = [step for job in read_jobs(path).values() for step in job.steps]
    assert not [each.run for each in steps if "${{" in each.run]


@pytest.mark.parametrize("path", [*WORKFLOWS, *(each / "action.yml" for each in ACTIONS)], ids=str)
def test_actions_of_others_are_pinned_to_a_commit_with_its_version(path: Path) -> None:
    for used in re.findall(r"uses: (.*)", path.read_text()):
        assert used.startswith("./") or re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", used)


def test_the_reusable_workflow_gives_the_actions_only_their_inputs() -> None:
    jobs = read_jobs(ROOT / ".github" / "workflows" / "check.yml")
    steps = {step.uses: step for job in jobs.values() for step in job.steps}
    assert steps["./.wsgi-gauntlet"].inputs.keys() <= read_action(ROOT).inputs.keys()
    join = steps["./.wsgi-gauntlet/.github/actions/join"]
    assert join.inputs.keys() <= read_action(ROOT / ".github" / "actions" / "join").inputs.keys()
