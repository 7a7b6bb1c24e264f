"""Where the system's programs are, what they tell, and who can run an interpreter."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from wsgi_gauntlet.servers._support import system_programs
from wsgi_gauntlet.servers._support.system_programs import (
    command_output,
    find_program,
    find_system_program,
    unreachable_when_unprivileged,
)


def test_the_first_that_is_there_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def which(name: str, path: str = "") -> str | None:
        asked.append(path)
        return f"/usr/sbin/{name}" if name == "httpd" else None

    monkeypatch.setattr(shutil, "which", which)
    assert find_program("apache2", "httpd") == "/usr/sbin/httpd"
    assert find_program("nothing") == ""
    assert "/usr/sbin" in asked[0].split(":")


def test_a_program_tells_its_version_on_either_stream(tmp_path: Path) -> None:
    assert command_output(sys.executable, "--version", r"Python (\d)") == "3"
    assert command_output(sys.executable, "--version", r"Perl (\d)") == ""
    assert command_output(str(tmp_path / "missing"), "-v", "(.)") == ""


def test_a_program_that_hangs_tells_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system_programs, "VERSION_TIMEOUT", 0.05)
    hanging = tmp_path / "hanging"
    hanging.write_text("#!/bin/sh\nexec sleep 60\n")
    hanging.chmod(0o755)
    assert command_output(str(hanging), "-v", "(.)") == ""


def test_what_is_installed_has_a_version_and_what_is_not_a_package() -> None:
    assert find_system_program("no-such-server", "-v", "(.)").get == "apt-get install no-such-server"
    assert find_system_program("sh", "-c", "(nothing of the kind)").why == "sh is not installed"
    found = find_system_program("no-such-server", "--version", r"(\d+\.\d+)", "env")
    assert found.available
    assert found.executable.endswith("/env")


def test_root_asks_whether_others_can_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    assert unreachable_when_unprivileged(str(private / "python"))
    (tmp_path / "python").symlink_to(private / "python")
    assert unreachable_when_unprivileged(str(tmp_path / "python"))
    assert not unreachable_when_unprivileged("/usr/bin/env")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert not unreachable_when_unprivileged(str(private / "python"))
