"""The plugin where it is not used, and calls of it that cannot be: nothing is started here."""

import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from ....helpers.pytest_project import PLUGIN, Project, printed

pytestmark = pytest.mark.slow  # starts pytest again and again

HEAVY = (
    "click",
    "httpx",
    "jinja2",
    "matplotlib",
    "msgspec",
    "numpy",
    "psutil",
    "rich",
    "trio",
    "wsgi_gauntlet.harness.server.instance",
)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.made(tmp_path)


def test_loading_it_imports_nothing_heavy() -> None:
    program = (
        "import sys, pytest\n"
        "before = set(sys.modules)\n"
        "import wsgi_gauntlet.harness.pytest_plugin.plugin\n"
        "print(*sorted(set(sys.modules) - before))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert set(done.stdout.split()) == {
        "wsgi_gauntlet",
        "wsgi_gauntlet.harness",
        "wsgi_gauntlet.harness.pytest_plugin",
        "wsgi_gauntlet.harness.pytest_plugin.plugin",
    }


LOOK = """
import sys, threading

def pytest_sessionfinish():
    print("HEAVY", [each for each in {heavy} if each in sys.modules])
    print("THREADS", threading.active_count())

def pytest_collection_modifyitems(config, items):
    print("ITEMS", [each.nodeid for each in items], [each.name for item in items for each in item.iter_markers()])
    print("MARKERS", [each for each in config.getini("markers") if each.startswith("wsgi")])
"""


def test_it_changes_nothing_where_it_is_not_used(project: Project) -> None:
    project.write("conftest.py", LOOK.format(heavy=HEAVY))
    project.write("test_own.py", "def test_one(): pass\n")
    out = printed(project.start("-s", "-q"), 90)
    assert "HEAVY []" in out
    assert "THREADS 1" in out
    assert "ITEMS ['test_own.py::test_one'] []" in out
    assert "MARKERS []" in out
    project.wait_until_clean()


def test_it_is_found_by_its_entry_point(project: Project) -> None:
    (name,) = [each.name for each in entry_points(group="pytest11") if each.value == PLUGIN]
    process = project.call([sys.executable, "-m", "pytest", "-p", name, "--version", "--version"])
    assert "wsgi-gauntlet-" in printed(process, 90)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--wsgi-server", "gunicornn"], "did you mean gunicorn or uvicorn?"),
        (["--wsgi-server", "wsgiref", "--wsgi-select", "nowhere"], "no case's id begins with 'nowhere'"),
        (
            ["--wsgi-server", "wsgiref", "--wsgi-exclude", "own/aera"],
            "--wsgi-exclude own/aera: no case has this id (did you mean own/area",
        ),
        (["--wsgi-exclude", "own/"], "--wsgi-exclude chooses cases, and no server is named"),
        (
            ["--wsgi-server", "wsgiref", "--wsgi-level", "musty"],
            "--wsgi-level musty: no such level (did you mean must?)",
        ),
        (["--wsgi-server", "wsgiref", "--wsgi-tag", "securty"], "did you mean security?"),
        (["--wsgi-server", "wsgiref", "--wsgi-python", "/nowhere"], "--wsgi-python /nowhere: no such program"),
        (["--wsgi-server", "wsgiref", "--wsgi-app", "a:b"], "--wsgi-app a:b does not import"),
        (["--wsgi-server", "wsgiref", "--wsgi-baseline", "nowhere.toml"], "there is no baseline"),
        (["--wsgi-select", "own/"], "--wsgi-select chooses cases, and no server is named: add --wsgi-server NAME"),
        (["--wsgi-server", "wsgiref", "--wsgi-app-path", "/a"], "--wsgi-app-path needs --wsgi-app: name the app"),
        (["--wsgi-server", "wsgiref", "--wsgi-path", "/a"], "--wsgi-app-path needs --wsgi-app: name the app"),
        (["wsgi-gauntlet"], "wsgi-gauntlet names no server"),
        (["wsgi-gauntlet::wsgiref::own/area/hold"], "not found: wsgi-gauntlet::wsgiref::own/area/hold (did you mean"),
        (["wsgi-gauntlet::nobody::own/area/holds"], "no server is named 'nobody'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_call_that_cannot_be_is_one_line(project: Project, arguments: list[str], says: str) -> None:
    assert says in project.one_line(*arguments)


def collected(project: Project, *arguments: str) -> list[str]:
    out = project.run("--collect-only", "-q", *arguments)
    return [each for each in out.splitlines() if "::" in each]


def test_cells_stand_behind_tests_and_paths_narrow_what_addopts_asks_for(project: Project) -> None:
    project.write("test_own.py", "def test_one(): pass\n")
    project.write("test_two.py", "def test_two(): pass\n")
    cell = "wsgi-gauntlet::wsgiref::own/area/holds"
    asked = ("--wsgi-server", "wsgiref", "--wsgi-select", "own/area/holds")
    assert collected(project, *asked) == ["test_own.py::test_one", "test_two.py::test_two", cell]
    assert collected(project, *asked, "test_two.py") == ["test_two.py::test_two", cell]
    assert collected(project, *asked, "wsgi-gauntlet") == [cell]
    assert collected(project, cell, "test_two.py") == ["test_two.py::test_two", cell]
    project.write("pytest.ini", "[pytest]\naddopts = --wsgi-server wsgiref --wsgi-select own/area/holds\n")
    assert collected(project) == ["test_own.py::test_one", "test_two.py::test_two", cell]
    assert collected(project, "test_two.py") == ["test_two.py::test_two"]


def test_levels_tags_and_areas_choose(project: Project) -> None:
    own = ("--wsgi-server", "wsgiref", "--wsgi-select", "own/")
    ids = "wsgi-gauntlet::wsgiref::own/area/"
    assert collected(project, *own, "--wsgi-level", "should", "--wsgi-level", "info") == [
        f"{ids}advises",
        f"{ids}notes",
    ]
    assert collected(project, *own, "--wsgi-tag", "security") == [f"{ids}holds"]
    assert collected(project, *own, "-m", "wsgi_info or wsgi_security") == [f"{ids}holds", f"{ids}notes"]
    assert len(collected(project, "wsgi-gauntlet::wsgiref::own/area")) == 12
    # Those of one setup stand together, whatever the order of the file.
    assert collected(project, *own)[-1] == f"{ids}unix"


def test_what_is_excluded_is_not_collected_also_by_the_file(project: Project) -> None:
    own = ("--wsgi-server", "wsgiref", "--wsgi-select", "own/", "--wsgi-level", "must")
    everything = collected(project, *own)
    without = [each for each in everything if not each.endswith(("own/area/breaks", "own/area/wavers"))]
    assert collected(project, *own, "--wsgi-exclude", "own/area/breaks", "--wsgi-exclude", "wavers") == without
    project.write("pyproject.toml", '[tool.wsgi-gauntlet]\nexclude = ["breaks", "wavers"]\n')
    assert collected(project, *own) == without


def test_the_markers_are_registered_where_cells_are(project: Project) -> None:
    out = project.run("--markers", "--wsgi-server", "wsgiref")
    assert "@pytest.mark.wsgi_must: a case of wsgi-gauntlet of the level must" in out
    assert "@pytest.mark.wsgi_security: a case of wsgi-gauntlet tagged security" in out
