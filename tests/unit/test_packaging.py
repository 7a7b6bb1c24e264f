"""The wheel works in an environment of its own, and from a folder that has another `reports` package."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

import wsgi_gauntlet
from wsgi_gauntlet import adapters, target
from wsgi_gauntlet.suites.testapp import standalone

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return next(folder.glob("*.whl"))


def test_the_wheel_contains_every_file_of_the_packages(wheel: Path) -> None:
    packed = set(zipfile.ZipFile(wheel).namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "harness", "suites", "servers", "reports"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    public = {"__init__.py", "__main__.py", "adapters.py", "target.py"}
    assert {f"wsgi_gauntlet/{name}" for name in (*tracked, *public)} <= packed
    assert not {name for name in packed if name.startswith(("harness/", "tests/", ".src/"))}


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


@pytest.mark.parametrize(
    "arguments", [[], ["report"], ["run"], ["check"], ["load"], ["history"], ["diff"], ["compare"]], ids=" ".join
)
def test_help_is_quick_and_imports_nothing_heavy(arguments: list[str]) -> None:
    program = (
        "import sys; from wsgi_gauntlet.harness.cli import main as cli\n"
        f"try: cli.cli.main([*{arguments}, '--help'], standalone_mode=True)\n"
        "except SystemExit: pass\n"
        "libraries = 'trio httpx numpy rich jinja2 markupsafe psutil trustme cryptography difflib'.split()\n"
        "heavy = set(libraries) & set(sys.modules)\n"
        "light = ('wsgi_gauntlet.harness', 'wsgi_gauntlet.reports.outputs', 'wsgi_gauntlet.reports.writers.json')\n"
        "heavy |= {each for each in sys.modules if each.startswith('wsgi_gauntlet.') and not each.startswith(light)}\n"
        "heavy -= {'wsgi_gauntlet.reports', 'wsgi_gauntlet.reports.writers'}\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage:" in done.stdout


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
