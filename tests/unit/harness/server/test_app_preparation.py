"""What an error shows of the output of a user's command."""

from __future__ import annotations

from pathlib import Path

import pytest

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.server.app_preparation import (
    MAX_READ_BYTES,
    MAX_SHOWN_CHARACTERS,
    _end_of_output,
    _require_static_folders,
)
from wsgi_gauntlet.harness.server.app_setup import AppSetup
from wsgi_gauntlet.harness.server.static_mapping import StaticMapping


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        (b"", "it printed nothing"),
        (b"\n \r\n", "it printed nothing"),
        (b"one\r\ntwo\n\n  three  words\nfour\n", "two | three words | four"),
        (b"caf\xe9", "caf\ufffd"),
        (b"line\n" * MAX_READ_BYTES + b"the end", "line | line | the end"),
    ],
)
def test_the_last_lines_in_one(tmp_path: Path, output: bytes, shown: str) -> None:
    (tmp_path / "log").write_bytes(output)
    assert _end_of_output(tmp_path / "log", AppSetup()) == shown


def test_no_part_of_a_value_is_left_where_the_text_is_cut(tmp_path: Path) -> None:
    secret = "s3cret-" * 30
    (tmp_path / "log").write_text(f"before {secret}{'y' * (MAX_SHOWN_CHARACTERS - 100)}")
    shown = _end_of_output(tmp_path / "log", AppSetup(variables={"KEY": secret}))
    assert "s3cret" not in shown
    assert len(shown) <= MAX_SHOWN_CHARACTERS


@pytest.mark.parametrize(
    ("before", "says"),
    [
        ("collect", "--static /static: --before did not make the folder {}; correct one of them"),
        ("", "--static /static: {} is no folder; name one"),
    ],
)
def test_a_missing_folder_of_static_files_blames_a_command_that_there_is(
    tmp_path: Path, before: str, says: str
) -> None:
    setup = AppSetup(before=before, static=(StaticMapping("/static", tmp_path / "gone"),))
    with pytest.raises(ConfigurationError) as raised:
        _require_static_folders(setup)
    assert str(raised.value) == says.format(tmp_path / "gone")
