"""A user's gunicorn.conf.py: a wrapper without the settings of the harness, and the effective values."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.servers._support import gunicorn_configuration
from wsgi_gauntlet.servers._support.gunicorn_configuration import Effective

FILE = """\
import os
bind = "0.0.0.0:80"
daemon = True
workers = 1 + 1
threads = 3
certfile = "/absent.pem"
pidfile = None
def when_ready(server):
    return os.path.basename(__file__)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "gunicorn.conf.py").write_text(FILE)
    return tmp_path / "gunicorn.conf.py"


def test_the_wrapper_drops_what_the_harness_owns(file: Path) -> None:
    made: dict[str, object] = {"__builtins__": __builtins__}
    exec(gunicorn_configuration.wrapper(file, {"workers": 1}), made)
    assert not {"bind", "daemon", "certfile", "pidfile", "workers"} & made.keys()
    assert made["threads"] == 3
    hook = made["when_ready"]
    assert callable(hook)
    assert hook(None) == "gunicorn.conf.py"


def test_effective_values_and_what_was_replaced(file: Path) -> None:
    found = gunicorn_configuration.effective(sys.executable, file, {"workers": 5})
    assert (found.worker, found.workers, found.threads) == ("gthread", 5, 3)
    replaced = gunicorn_configuration.overrides(found, {"bind": "h:1", "workers": 5})
    assert [(each.setting, each.was, each.now) for each in replaced] == [
        ("bind", "0.0.0.0:80", "h:1"),
        ("daemon", "True", "not used"),
        ("certfile", "/absent.pem", "not used"),
        ("workers", "2", "5"),
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("workers = = 1\n", r"SyntaxError.*line 1"),
        ("\nimport absent_module\n", r"ModuleNotFoundError.*line 2"),
        ("workers = 'two'\n", "Invalid value for workers"),
        ("raise SystemExit(3)\n", "SystemExit"),
        ("import os\nos._exit(0)\n", "cannot be read"),
    ],
)
def test_an_error_in_the_file_is_one_line(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "x.py").write_text(text)
    with pytest.raises(ConfigurationError, match=reason) as raised:
        gunicorn_configuration.effective(sys.executable, tmp_path / "x.py", {})
    assert "\n" not in str(raised.value)


def test_what_the_file_prints_does_not_matter(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("print('wsgi-gauntlet: {}')\nworkers = 4\n")
    assert gunicorn_configuration.effective(sys.executable, tmp_path / "x.py", {}).workers == 4


def test_false_and_none_in_the_file_are_no_overrides() -> None:
    assert gunicorn_configuration.overrides(Effective(replaced={"daemon": "False", "pidfile": "None"}), {}) == ()
