"""The options --cluster and --server-worker: what clashes with them is said before anything is started."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from wsgi_gauntlet.harness.cli.main import cli
from wsgi_gauntlet.harness.errors import ConfigurationError, NotInstalled


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["load", "wsgiref", "--server-worker", "a"], "--server-worker requires --cluster"),
        (
            ["load", "--target", "http://127.0.0.1:1", "--cluster", "local:1", "--server-worker", "a", "--token", "t"],
            "--server-worker and --target cannot be combined",
        ),
        (["load", "wsgiref", "--cluster", "local:1", "--app", "a:b"], "--app cannot be combined with --cluster"),
        (["load", "wsgiref", "--cluster", "local:1", "--tuned"], "--tuned cannot be combined with --cluster"),
        (["load", "wsgiref", "--cluster", "local:1", "--command", "x"], "--command cannot be combined with --cluster"),
        (
            ["check", "wsgiref", "--cluster", "local:1", "--cases", "f"],
            "--cases cannot be combined with --cluster",
        ),
        (["load", "wsgiref", "--cluster", "here"], "--cluster 'here' names no cluster"),
        (["check", "wsgiref", "--cluster", "local:0"], "give the number of workers"),
    ],
)
def test_options_that_clash_are_refused(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, words)
    assert isinstance(result.exception, ConfigurationError)
    assert message in str(result.exception)


def test_without_the_extra_one_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without_dask(name: str, *arguments: Any, **options: Any) -> Any:
        if name.partition(".")[0] == "distributed":
            raise ModuleNotFoundError("No module named 'distributed'")
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without_dask)
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, ["load", "wsgiref", "--cluster", "local:1"])
    assert isinstance(result.exception, NotInstalled)
    assert "pip install 'wsgi-gauntlet[cluster]'" in str(result.exception)
    assert result.exception.exit_code == 2
