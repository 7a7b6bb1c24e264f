"""The wheel works in an environment of its own, and from a folder that has another `reports` package.

`make check-dist` checks more, with a package index: new environments of pip and uv, and several Pythons.
"""

import datetime as dt
import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from configparser import ConfigParser
from pathlib import Path

import pytest

import wsgi_gauntlet
from wsgi_gauntlet import adapters, target
from wsgi_gauntlet.suites.testapp import standalone

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


PUBLIC = {"__init__.py", "__main__.py", "adapters.py", "target.py"}
EPOCH = "1700000000"


def build(source: Path, out: Path, *options: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(out), *options],
        cwd=source,
        check=True,
        capture_output=True,
        env={**os.environ, "SOURCE_DATE_EPOCH": EPOCH},
    )


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build(ROOT, folder)
    return folder


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    return next(dist.glob("*.whl"))


@pytest.fixture(scope="module")
def unpacked_sdist(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked sdist, as another person has it on another day: with other dates and modes."""
    folder = tmp_path_factory.mktemp("sdist")
    with tarfile.open(next(dist.glob("*.tar.gz"))) as archive:
        archive.extractall(folder, filter="data")
    (source,) = folder.iterdir()
    for each in (path for path in source.rglob("*") if path.is_file()):
        os.utime(each, (1_600_000_000, 1_600_000_000))
        each.chmod(0o600)
    return source


def files_of(*folders: str) -> set[str]:
    """Return the files of `folders` that are committed, or would be by `git add`."""
    program = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate", *folders]
    done = subprocess.run(program, cwd=ROOT, check=True, capture_output=True, text=True)
    return {each for each in done.stdout.splitlines() if (ROOT / each).exists()}


def test_the_wheel_contains_the_files_of_the_packages_and_nothing_else(wheel: Path) -> None:
    packed = set(zipfile.ZipFile(wheel).namelist())
    metadata = {each for each in packed if each.partition("/")[0].endswith(".dist-info")}
    source = {*files_of("harness", "suites", "servers", "reports"), *PUBLIC}
    assert packed - metadata == {f"wsgi_gauntlet/{name}" for name in source}
    assert {each.partition("/")[2] for each in metadata} == {
        "METADATA",
        "WHEEL",
        "RECORD",
        "entry_points.txt",
        "licenses/LICENSE",
    }


def test_the_wheel_has_the_command_and_the_pytest_plugin(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    points = ConfigParser()
    points.read_string(
        archive.read(next(each for each in archive.namelist() if each.endswith("entry_points.txt"))).decode()
    )
    assert {(group, name) for group in points.sections() for name in points[group]} == {
        ("console_scripts", "wsgi-gauntlet"),
        ("pytest11", "wsgi_gauntlet"),
    }


def test_the_sdist_contains_the_sources_and_the_tests_and_no_cache(unpacked_sdist: Path) -> None:
    packed = {str(each.relative_to(unpacked_sdist)) for each in unpacked_sdist.rglob("*") if each.is_file()}
    expected = files_of("harness", "suites", "servers", "reports", "tests", "docs")
    expected |= {f".src/wsgi_gauntlet/{name}" for name in PUBLIC}
    assert packed == expected | {".gitignore", "CHANGELOG.md", "LICENSE", "PKG-INFO", "README.md", "pyproject.toml"}


def test_the_sdist_builds_the_same_bytes(dist: Path, unpacked_sdist: Path, tmp_path: Path) -> None:
    build(unpacked_sdist, tmp_path)
    built = {each.name: each.read_bytes() for each in tmp_path.iterdir()}
    assert built == {each.name: each.read_bytes() for each in dist.iterdir()}


def test_a_changed_file_changes_the_wheel(wheel: Path, unpacked_sdist: Path, tmp_path: Path) -> None:
    source = shutil.copytree(unpacked_sdist, tmp_path / "source")
    (source / "reports" / "writers" / "results.schema.json").write_text("{}")
    build(source, tmp_path / "built", "--target", "wheel")
    assert (tmp_path / "built" / wheel.name).read_bytes() != wheel.read_bytes()


def version_problem(version: str, changelog: str) -> str:
    """Return why `version` and the top of `changelog` do not agree; '' if they do.

    A version with .dev is not released: its changes are in [Unreleased]. Any other has its own section with a date.
    An empty [Unreleased] counts as none.
    """
    sections = re.findall(r"(?ms)^## \[([^\]]+)\](?: - ([^\n]*))?$(.*?)(?=^## |\Z)", changelog)
    dates = {name: date for name, date, text in sections if text.strip()}
    top = next(iter(dates), "")
    next_version, development, _ = version.partition(".dev")
    if development:
        released = f"CHANGELOG.md has released {next_version}: set __version__ to it, or to the next version with .dev0"
        return released if next_version in dates else ""
    if top != version:
        return f"the first section of CHANGELOG.md with a text is [{top}], and __version__ is {version}"
    try:
        dt.date.fromisoformat(dates[top])
    except ValueError:
        return f"the section [{top}] of CHANGELOG.md needs the date of the release: ## [{top}] - 2026-01-31"
    return ""


def test_the_changelog_and_the_version_agree() -> None:
    assert version_problem(wsgi_gauntlet.__version__, (ROOT / "CHANGELOG.md").read_text()) == ""


@pytest.mark.parametrize(
    ("version", "changelog", "problem"),
    [
        ("2.0.dev0", "## [Unreleased]\n\n- a\n\n## [1.0] - 2026-01-02\n\n- b\n", ""),
        ("2.0.dev0", "## [Unreleased]\n\n## [1.0] - 2026-01-02\n\n- b\n", ""),
        ("2.0", "## [2.0] - 2026-11-30\n\n- a\n\n## [1.0] - 2026-01-02\n\n- b\n", ""),
        ("2.0", "## [Unreleased]\n\n## [2.0] - 2026-11-30\n\n- a\n", ""),
        ("2.0", "## [Unreleased]\n\n- a\n\n## [1.0] - 2026-01-02\n\n- b\n", "[Unreleased], and __version__ is 2.0"),
        ("1.0", "## [Unreleased]\n\n- a\n\n## [1.0] - 2026-01-02\n\n- b\n", "[Unreleased], and __version__ is 1.0"),
        ("2.0", "## [2.0] - not released\n\n- a\n", "needs the date"),
        ("2.0", "## [2.0] - 2026-13-01\n\n- a\n", "needs the date"),
        ("2.0.dev0", "## [2.0] - 2026-11-30\n\n- a\n", "set __version__ to it"),
        ("2.0.dev0", "## [Unreleased]\n\n- a\n\n## [2.0] - 2026-11-30\n\n- b\n", "set __version__ to it"),
    ],
)
def test_a_version_that_the_changelog_contradicts_is_found(version: str, changelog: str, problem: str) -> None:
    found = version_problem(version, changelog)
    assert problem in found
    assert bool(problem) == bool(found)


def test_the_command_works_from_another_folder(wheel: Path, tmp_path: Path) -> None:
    # The dependencies come from this environment by a .pth file: the test is about this package, not about the index.
    home = tmp_path / "new"
    venv.create(home, with_pip=False)
    site = next((home / "lib").glob("python*/site-packages"))
    zipfile.ZipFile(wheel).extractall(site)
    dependencies = Path(next(path for path in sys.path if path.endswith("site-packages")))
    (site / "dependencies.pth").write_text(f"{dependencies}\n")
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "__init__.py").write_text("raise SystemExit('the wrong reports')\n")
    program = (
        "import sys; sys.path.insert(0, ''); sys.path[:] = [p for p in sys.path if not p.endswith('.src')];"
        "sys.meta_path[:] = [f for f in sys.meta_path if 'editable' not in repr(f).lower()];"
        "import wsgi_gauntlet, wsgi_gauntlet.adapters, wsgi_gauntlet.target; print(wsgi_gauntlet.__version__);"
        "import wsgi_gauntlet.harness.cli.main as c; print(c.__file__); sys.argv[1:] = ['cases']; c.main()"
    )
    done = subprocess.run(
        [home / "bin" / "python", "-c", program],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": ""},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert str(site) in done.stdout
    assert wsgi_gauntlet.__version__ in wheel.name
    assert done.stdout.startswith(wsgi_gauntlet.__version__)
    assert "exact-dict" in done.stdout


def test_the_public_modules_export_the_adapter_api_and_the_app() -> None:
    assert target.application is standalone.application
    assert all(hasattr(adapters, name) for name in adapters.__all__)


def test_another_distribution_can_add_a_module_to_the_package(tmp_path: Path) -> None:
    (tmp_path / "wsgi_gauntlet").mkdir()
    (tmp_path / "wsgi_gauntlet" / "addition.py").write_text("VALUE = 7\n")
    program = "import wsgi_gauntlet.addition as a, wsgi_gauntlet.harness; print(a.VALUE)"
    path = os.pathsep.join([*(each for each in sys.path if each), str(tmp_path)])
    environment = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=False)
    assert done.stdout == "7\n", done.stderr


HELP = """
import sys
from wsgi_gauntlet.harness.cli import main as cli

libraries = "trio httpx numpy rich jinja2 markupsafe psutil trustme cryptography difflib".split()
light = ("wsgi_gauntlet.harness", "wsgi_gauntlet.reports.outputs", "wsgi_gauntlet.reports.writers.json")
for command in sys.argv[1:]:
    try:
        cli.cli.main([*command.split(), "--help"], standalone_mode=True)
    except SystemExit:
        pass
    heavy = set(libraries) & set(sys.modules)
    heavy |= {each for each in sys.modules if each.startswith("wsgi_gauntlet.") and not each.startswith(light)}
    heavy -= {"wsgi_gauntlet.reports", "wsgi_gauntlet.reports.writers"}
    if heavy:
        sys.exit(f"{command} --help imported {heavy}")
"""


def test_help_is_quick_and_imports_nothing_heavy() -> None:
    commands = ["", "report", "run", "check", "load", "history", "diff", "compare"]
    program = [sys.executable, "-c", HELP, *commands]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Usage:") == len(commands)


def test_python_m_works_like_the_command() -> None:
    module, command = (
        subprocess.run([*start, "explain", "no-such-case"], capture_output=True, text=True, check=False)
        for start in (
            [sys.executable, "-m", "wsgi_gauntlet"],
            [sys.executable, "-c", "from wsgi_gauntlet.harness.cli.main import main; main()"],
        )
    )
    assert (module.returncode, module.stderr) == (command.returncode, command.stderr)
    assert module.stderr.startswith("wsgi-gauntlet: no case or scenario has the id")


def test_the_usage_line_of_python_m_says_how_it_was_started() -> None:
    program = [sys.executable, "-m", "wsgi_gauntlet", "run", "--help"]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("Usage: python -m wsgi_gauntlet run ")
