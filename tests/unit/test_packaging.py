"""The wheel, installed where nothing of ours is, works from a folder that has a `reports` package of its own."""

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

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


def test_the_wheel_holds_every_file_of_the_rooms(wheel: Path) -> None:
    packed = set(zipfile.ZipFile(wheel).namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "harness", "suites", "servers", "reports"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    assert {f"wsgi_gauntlet/{name}" for name in tracked} <= packed
    assert not {name for name in packed if name.startswith(("harness/", "tests/", ".src/"))}


def test_the_command_works_from_elsewhere(wheel: Path, tmp_path: Path) -> None:
    # The dependencies come from this environment by a .pth file: what is tested is our package, not the index.
    home = tmp_path / "new"
    venv.create(home, with_pip=False)
    site = next((home / "lib").glob("python*/site-packages"))
    zipfile.ZipFile(wheel).extractall(site)
    ours = Path(next(path for path in sys.path if path.endswith("site-packages")))
    (site / "dependencies.pth").write_text(f"{ours}\n")
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "__init__.py").write_text("raise SystemExit('the wrong reports')\n")
    program = (
        "import sys; sys.path.insert(0, ''); sys.path[:] = [p for p in sys.path if not p.endswith('.src')];"
        "sys.meta_path[:] = [f for f in sys.meta_path if 'editable' not in repr(f).lower()];"
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
    assert "exact-dict" in done.stdout


def test_help_is_quick_and_imports_nothing_heavy() -> None:
    program = (
        "import sys; from wsgi_gauntlet.harness.cli import main as cli\n"
        "try: cli.cli.main(['--help'], standalone_mode=True)\n"
        "except SystemExit: pass\n"
        "heavy = {'trio', 'httpx', 'matplotlib', 'numpy', 'rich', 'jinja2', 'psutil'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Usage:" in done.stdout
