"""Edits of a user's file keep its lines, and the list of what was replaced has each setting once."""

from __future__ import annotations

from pathlib import Path

import pytest

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.servers._support.user_configuration import Edits, Overrides, included_files, read_text


def test_edits_keep_the_number_of_lines() -> None:
    text = "one\ntwo\nthree\nfour\n"
    edits = Edits(text)
    edits.replace(4, 13, "new")
    edits.insert(0, "zero ")
    assert edits.apply() == "zero one\nnew\n\nfour\n"


def test_an_edit_inside_another_is_ignored() -> None:
    edits = Edits("a { b; } c")
    edits.replace(0, 8, "")
    edits.replace(4, 6, "x;")
    assert edits.apply() == " c"


def test_overrides_are_listed_once_and_only_if_they_change_something() -> None:
    over = Overrides("nginx")
    for _ in range(2):
        over.add("listen", "80\n  default", "127.0.0.1:8000")
    over.add("daemon", "off", "off")
    over.add("pid", "/run/nginx.pid")
    assert [(each.setting, each.was, each.now) for each in over.found] == [
        ("listen", "80 default", "127.0.0.1:8000"),
        ("pid", "/run/nginx.pid", "not used"),
    ]


@pytest.mark.parametrize(("data", "reason"), [(b"\xff\xfe", "not UTF-8"), (b"a\0b", "no text")])
def test_a_file_that_is_no_text_is_one_clear_line(tmp_path: Path, data: bytes, reason: str) -> None:
    (tmp_path / "x.conf").write_bytes(data)
    with pytest.raises(ConfigurationError, match=reason):
        read_text(tmp_path / "x.conf")
    with pytest.raises(ConfigurationError, match="cannot read"):
        read_text(tmp_path / "absent")


def test_the_first_folder_with_a_match_counts(tmp_path: Path) -> None:
    for name in ("a/x.conf", "b/x.conf", "b/y.conf"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    folders = [tmp_path / "a", tmp_path / "b"]
    assert included_files("x.conf", folders) == [tmp_path / "a/x.conf"]
    assert included_files("y.*", folders) == [tmp_path / "b/y.conf"]
    assert included_files(f"{tmp_path}/b/*.conf", folders) == [tmp_path / "b/x.conf", tmp_path / "b/y.conf"]
    assert included_files("none", folders) == []
