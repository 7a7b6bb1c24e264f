"""What adapters share: finding versions in an interpreter, refusing settings, naming files beside an interpreter."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.errors import ConfigurationError, Unsupported
from wsgi_gauntlet.harness.http.address import Address
from wsgi_gauntlet.harness.server import adapter
from wsgi_gauntlet.harness.server.adapter import (
    Adapter,
    Command,
    Launch,
    Protocol,
    Settings,
    absolute_interpreter,
    distribution_version,
    executable_beside,
    python_version,
    reject_unsupported,
)
from wsgi_gauntlet.servers.granian import Granian


class Plain(Adapter):
    """No more than an adapter must have."""

    name = "plain"
    title = "Plain"

    def command(self, launch: Launch) -> Command:
        return Command((launch.python,))


class Packaged(Plain):
    distribution = "pytest"


class Missing(Plain):
    distribution = "no-such-distribution-anywhere"


def another_name_of_this_python(folder: Path) -> str:
    """Return a second path to the interpreter, which is therefore asked in a process of its own."""
    link = folder / "python"
    link.symlink_to(sys.executable)
    return str(link)


def test_a_server_of_the_standard_library_has_pythons_version() -> None:
    found = Plain().find(sys.executable)
    assert found.available
    assert found.version == python_version(sys.executable)
    assert found.version.endswith(platform.python_version())


def test_a_distribution_is_found_in_this_interpreter_and_in_another(tmp_path: Path) -> None:
    assert Packaged().find(sys.executable).version == pytest.__version__
    other = another_name_of_this_python(tmp_path)
    assert distribution_version(other, "no-such-distribution-anywhere") == ""
    assert distribution_version("/bin/true", "pytest") == ""


@pytest.mark.parametrize(
    ("folder", "file", "head"),
    [
        ("odd_server-1.0.dist-info", "METADATA", "Metadata-Version: 2.1\nName: odd-server\nVersion:  2.0 \n"),
        ("odd_server-1.0.dist-info", "METADATA", "metadata-version: 2.1\nname: odd-server\nversion: 2.0\n"),
        ("odd_server.egg-info", "PKG-INFO", "Metadata-Version: 1.0\nName: odd-server\nVersion: 2.0\n"),
    ],
)
def test_the_version_is_that_of_the_head_of_the_metadata(
    folder: str, file: str, head: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / folder).mkdir()
    (tmp_path / folder / file).write_text(f"{head}\nVersion: 3.0 of this text\nVersion: 4.0\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert distribution_version(sys.executable, "odd-server") == "2.0"


def test_of_two_of_one_name_the_first_is_imported(tmp_path: Path) -> None:
    """However the name is written."""
    python = tmp_path / "python"
    python.write_text("""#!/bin/sh\necho '[["Cherry_Py", "2"], ["cherry-py", "1"]]'\n""")
    python.chmod(0o700)
    assert distribution_version(str(python), "cherry.py") == "2"


def test_an_interpreter_that_cannot_be_run_is_said_in_one_line(tmp_path: Path) -> None:
    odd = tmp_path / "python"
    odd.write_text("")
    odd.chmod(0o700)
    with pytest.raises(ConfigurationError, match=r"python cannot be run \(Exec format error\); name an interpreter"):
        distribution_version(str(odd), "pytest")


def test_a_missing_distribution_says_how_to_get_it() -> None:
    found = Missing().find(sys.executable)
    assert not found.available
    assert found.get == f"{sys.executable} -m pip install no-such-distribution-anywhere"


def test_only_what_is_set_is_refused() -> None:
    reject_unsupported("it", workers=None, mount="", keep_alive=0)
    with pytest.raises(Unsupported, match="it has no option for keep alive"):
        reject_unsupported("it", workers=None, keep_alive=2.0)


def test_conditions_are_what_was_asked_unless_an_adapter_knows_more() -> None:
    launch = Launch("py", "py", Address(port=1), "a:b", Path("/f"), Settings(workers=2, keep_alive=1.5))
    assert Plain().conditions(launch) == {"workers": 2, "keep-alive": 1.5}
    assert Plain().protocol_for("", Packaged()) == (Protocol.HTTP, False)


def test_files_beside_an_interpreter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert absolute_interpreter("python3") == "python3"
    assert absolute_interpreter("venv/bin/python") == str(tmp_path / "venv/bin/python")
    assert executable_beside("venv/bin/python", "x") == tmp_path / "venv/bin/x"
    (tmp_path / "bin").mkdir()
    another_name_of_this_python(tmp_path / "bin")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert executable_beside("python", "x") == tmp_path / "bin/x"


@pytest.mark.parametrize(("version", "lacks"), [("0.3.2", True), ("0.3.3", False), ("2.8.0", False), ("", False)])
def test_a_version_that_is_too_old_for_its_adapter_says_so(
    monkeypatch: pytest.MonkeyPatch, version: str, lacks: bool
) -> None:
    monkeypatch.setattr(adapter, "distribution_version", lambda *_: version)
    found = Granian().missing_for("python", "")
    assert bool(found.why) == lacks
    if lacks:
        assert "which starts version 0.3.3 and newer" in found.why
        assert found.get == "python -m pip install 'granian>=0.3.3'"
