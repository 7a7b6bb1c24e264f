"""The traffic files of the known apps and of the example projects, and the one in docs/recommend.md."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.traffic import toml_file
from wsgi_gauntlet.harness.traffic.model import FormBody, Step, Traffic
from wsgi_gauntlet.harness.traffic.read_file import read_traffic
from wsgi_gauntlet.harness.traffic.template import placeholder_names

from ..helpers.example_projects import GUIDE, PROJECTS, documented_commands

TESTS = Path(__file__).parents[1]
FILES = sorted([*TESTS.glob("known_apps/*.toml"), *PROJECTS.glob("*/traffic.toml")])


def owner_checks(traffic: Traffic) -> int:
    """Return the number of steps that prove whose page it is."""
    return sum(
        any(name.startswith("users.") for text in step.contains for name in placeholder_names(text))
        for sequence in traffic.sequences
        for step in sequence.steps
    )


@pytest.mark.parametrize("file", FILES, ids=lambda each: f"{each.parent.name}-{each.stem}")
def test_each_traffic_file_can_be_read(file: Path) -> None:
    traffic = read_traffic(file).traffic
    assert traffic.sequences
    assert all(step.contains or step.status or "static" in step.target for step in last_steps(traffic))


def last_steps(traffic: Traffic) -> list[Step]:
    """Return the last step of each sequence of several steps: it must prove something."""
    return [each.steps[-1] for each in traffic.sequences if len(each.steps) > 1]


def test_all_known_apps_and_projects_have_traffic() -> None:
    apps = {each.stem for each in TESTS.glob("known_apps/*.py")} - {"__init__", "response"}
    assert {each.stem for each in FILES if each.parent.name == "known_apps"} == apps
    assert {each.parent for each in FILES} - {TESTS / "known_apps"} == {
        each for each in PROJECTS.iterdir() if each.is_dir()
    }


@pytest.mark.parametrize("name", ["flask_board", "django_notes", "pyramid_todo"])
def test_a_project_with_a_login_proves_whose_page_it_is(name: str) -> None:
    traffic = read_traffic(PROJECTS / name / "traffic.toml").traffic
    assert owner_checks(traffic) >= 3
    (users,) = traffic.values
    assert len(users.rows) == len(set(users.rows)) == 80
    assert documented_commands(name)


def test_the_app_that_mixes_up_users_is_asked_for_the_owner() -> None:
    assert owner_checks(read_traffic(TESTS / "known_apps" / "mixes_up_users.toml").traffic) == 3


def test_the_file_in_the_guide_can_be_read() -> None:
    (text,) = re.findall(r"^```toml\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    users = (PROJECTS / "flask_board" / "users.csv").read_bytes()
    traffic = toml_file.parse(text, "traffic.toml", {"users.csv": users}.__getitem__)
    (sequence,) = traffic.sequences
    assert [step.method for step in sequence.steps] == ["POST", "POST", "POST"]
    assert isinstance(sequence.steps[0].body, FormBody)
    assert owner_checks(traffic) == 1
