"""The files that a user names for outputs."""

from pathlib import Path

import pytest

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.store.output_folder import check_output_files


def test_files_that_cannot_be_written_are_errors_before_the_run(tmp_path: Path) -> None:
    out = tmp_path / "out"
    check_output_files({"junit": out / "junit.xml", "markdown": tmp_path / "own.md"}, out)
    for bad, says in (
        ({"junit": tmp_path}, "this is a folder"),
        ({"junit": tmp_path / "nowhere" / "junit.xml"}, "there is no folder"),
        ({"junit": tmp_path / "a", "markdown": tmp_path / "b" / ".." / "a"}, "names the same file"),
    ):
        (tmp_path / "b").mkdir(exist_ok=True)
        with pytest.raises(ConfigurationError, match=says):
            check_output_files(bad, out)
