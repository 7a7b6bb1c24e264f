"""A folder of pages is written as a whole, and never over files of others."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.errors import ConfigurationError, StorageFull
from wsgi_gauntlet.harness.store.page_folder import PAGES_FOLDER, require_page_folder, write_pages


def files(folder: Path) -> dict[str, str]:
    return {
        str(each.relative_to(folder)): each.read_text()
        for each in folder.rglob("*")
        if each.is_file() and not each.name.startswith(".")
    }


def test_pages_are_replaced_as_a_whole(tmp_path: Path) -> None:
    """A page of the earlier report does not stay."""
    pages = write_pages(tmp_path, {"index.html": "old", "server-a.html": "a", "charts/a.svg": "<svg/>"})
    assert pages == tmp_path / PAGES_FOLDER
    assert files(pages) == {"index.html": "old", "server-a.html": "a", "charts/a.svg": "<svg/>"}
    write_pages(tmp_path, {"index.html": "new"})
    assert files(pages) == {"index.html": "new"}
    assert [each.name for each in tmp_path.iterdir()] == [PAGES_FOLDER]


def test_files_of_others_are_never_replaced(tmp_path: Path) -> None:
    (tmp_path / PAGES_FOLDER).mkdir()
    (tmp_path / PAGES_FOLDER / "thesis.txt").write_text("mine")
    with pytest.raises(ConfigurationError, match="files that are not of an earlier run"):
        require_page_folder(tmp_path)
    with pytest.raises(ConfigurationError):
        write_pages(tmp_path, {"index.html": "new"})
    assert files(tmp_path / PAGES_FOLDER) == {"thesis.txt": "mine"}


@pytest.mark.parametrize("name", ["../index.html", "/index.html", ""])
def test_a_page_is_inside_of_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="not inside"):
        write_pages(tmp_path, {name: "x"})
    assert list(tmp_path.iterdir()) == []


def test_a_failure_keeps_the_earlier_pages(tmp_path: Path) -> None:
    """A name that is a file and a folder at once cannot be written."""
    write_pages(tmp_path, {"index.html": "old"})
    with pytest.raises(StorageFull, match="correct this, then repeat the command"):
        write_pages(tmp_path, {"a": "x", "a/b": "y"})
    assert files(tmp_path / PAGES_FOLDER) == {"index.html": "old"}
    assert [each.name for each in tmp_path.iterdir()] == [PAGES_FOLDER]


def test_a_full_disk_names_the_folder_of_the_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no journal in it, and the folder that is written to is gone."""

    def full(*_: object, **__: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(StorageFull) as caught:
        write_pages(tmp_path, {"index.html": "new"})
    place = tmp_path / PAGES_FOLDER
    assert str(caught.value) == f"cannot write {place}: No space left on device; correct this, then repeat the command"
    assert list(tmp_path.iterdir()) == []
