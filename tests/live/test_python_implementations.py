"""Servers in another implementation of Python, an older version, with nothing installed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from ..helpers.requirements import program

PROGRAM = "from wsgi_gauntlet.harness.cli.main import main; main()"


def test_pypy_serves_the_reference_app(tmp_path: Path) -> None:
    pypy = program("pypy3", package="pypy3")
    asked = ("check", "wsgiref", "wsgiref:in-process", "--python", pypy, "--out", str(tmp_path / "out"), "--json")
    selected = ("--select", "pep3333/environ", "--select", "pep3333/file-wrapper")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *asked, *selected], stdout=subprocess.PIPE, check=False, timeout=100
    )
    found = json.loads(done.stdout)
    assert {each["version"].split()[0] for each in found["servers"].values()} == {"PyPy"}
    errors = [each for each in found["conformance"] if each["verdict"] == "error"]
    assert errors == []
    passed = [each["server"] for each in found["conformance"] if each["verdict"] == "pass"]
    assert min(passed.count("wsgiref"), passed.count("wsgiref:in-process")) > 50
