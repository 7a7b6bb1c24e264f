"""Check the wheel and the sdist in a folder, as `make dist` builds them. `make check-dist` calls this.

- A build from a clean checkout in another folder has the same bytes. So nothing else than files of the last commit is
  in the wheel and the sdist.
- The sdist builds the same wheel.
- The metadata is valid for a package index.
- With each Python, the wheel works in a new environment that pip made, and in one that uv made.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
PYTHONS = ("python3.11", "python3.12", "python3.13", "python3.14")

PASSING_CASE = "pep3333/environ/exact-dict"
"""A case that wsgiref of every Python passes."""


def run(*command: str | Path, folder: Path, environment: Mapping[str, str] | None = None) -> str:
    """Return the stdout of `command`. Exits with its output if it fails."""
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def build(source: Path, out: Path) -> None:
    """Build the sdist and the wheel of the folder `source`, dated as the last commit."""
    date = run("git", "log", "-1", "--format=%ct", folder=ROOT).strip()
    program = (sys.executable, "-m", "hatchling", "build", "--directory", out)
    run(*program, folder=source, environment={**os.environ, "SOURCE_DATE_EPOCH": date})


def unpack(archive: Path, folder: Path) -> Path:
    """Unpack a tar archive into the new folder `folder`; return the only folder in it, or `folder` itself."""
    with tarfile.open(archive) as file:
        file.extractall(folder, filter="data")
    inside = list(folder.iterdir())
    return inside[0] if len(inside) == 1 else folder


def require_same_files(expected: Path, found: Path, what: str) -> None:
    """Exit if a file of `found` has not the same bytes as the file of the same name in `expected`."""
    for each in found.iterdir():
        if not (expected / each.name).is_file() or (expected / each.name).read_bytes() != each.read_bytes():
            sys.exit(f"{each.name}: {what} has other bytes; is a file not committed? `git status` shows it")
    print(f"{what}: the same bytes")


def check_program(binaries: Path, folder: Path) -> None:
    """Exit if the program in the folder `binaries` does not work in the empty folder `folder`."""
    environment = {"PATH": f"{binaries}:/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8"}
    program = binaries / "wsgi-gauntlet"
    version = run(program, "--version", folder=folder, environment=environment).split()[-1]
    if not any((ROOT / "dist").glob(f"wsgi_gauntlet-{version}-*.whl")):
        sys.exit(f"the installed program says version {version}; the wheel has another")
    if "wsgiref" not in run(program, "servers", folder=folder, environment=environment):
        sys.exit("`wsgi-gauntlet servers` does not list wsgiref")
    run(program, "check", "wsgiref", "--select", PASSING_CASE, folder=folder, environment=environment)
    if not (folder / "gauntlet-out" / "report.html").is_file():
        sys.exit("`wsgi-gauntlet check` wrote no report.html")
    fixtures = run(binaries / "python", "-m", "pytest", "--fixtures", "-q", folder=folder, environment=environment)
    if "wsgi_server" not in fixtures:
        sys.exit("pytest does not know the fixture wsgi_server")


def usable(pythons: Sequence[str]) -> Iterator[str]:
    """Yield the interpreters that start; print the others."""
    for each in pythons:
        found = shutil.which(each)
        starts = found and subprocess.run([found, "-c", "import ensurepip"], capture_output=True, check=False)
        if found and starts and starts.returncode == 0:
            yield found
        else:
            print(f"{each}: not on this machine, so not checked")


def install(tool: str, python: str, wheel: Path, home: Path) -> None:
    """Make an environment of `python` in the new folder `home` with pip or uv, and install `wheel` into it."""
    uv = (sys.executable, "-m", "uv", "--quiet")
    pip = (home / "bin" / "python", "-m", "pip", "--quiet", "--disable-pip-version-check")
    create, program = {
        "pip": ((python, "-m", "venv", home), (*pip, "install")),
        "uv": ((*uv, "venv", "--python", python, home), (*uv, "pip", "install", "--python", home / "bin" / "python")),
    }[tool]
    run(*create, folder=ROOT)
    what = f"wsgi-gauntlet[pytest] @ {wheel.as_uri()}"
    run(*program, "--constraint", ROOT / "constraints.txt", what, folder=ROOT)


def main(pythons: Sequence[str]) -> None:
    """Run all checks on dist/."""
    dist = ROOT / "dist"
    wheel, sdist = next(dist.glob("*.whl")), next(dist.glob("*.tar.gz"))
    with tempfile.TemporaryDirectory() as name:
        temporary = Path(name)
        run("git", "archive", "--output", temporary / "head.tar", "HEAD", folder=ROOT)
        build(unpack(temporary / "head.tar", temporary / "checkout"), temporary / "again")
        require_same_files(dist, temporary / "again", "a build from a clean checkout")
        build(unpack(sdist, temporary / "unpacked"), temporary / "from-sdist")
        require_same_files(dist, temporary / "from-sdist", "a build from the sdist")
        run(sys.executable, "-m", "twine", "check", "--strict", wheel, sdist, folder=ROOT)
        print("twine check: passed")
        for number, python in enumerate(usable(pythons)):
            for tool in ("pip", "uv"):
                home, work = temporary / f"{tool}{number}", temporary / f"{tool}{number}-work"
                install(tool, python, wheel, home)
                work.mkdir()
                check_program(home / "bin", work)
                version = run(home / "bin" / "python", "--version", folder=work).strip()
                print(f"{version}, installed with {tool}: works")


if __name__ == "__main__":
    main(sys.argv[1:] or PYTHONS)
