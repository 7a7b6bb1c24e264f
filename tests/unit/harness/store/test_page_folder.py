"""A folder of pages is written as a whole, and never over files of others."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.errors import ConfigurationError, StorageFull
from wsgi_gauntlet.harness.store.output_folder import MARKER_FILE
from wsgi_gauntlet.harness.store.page_folder import PAGES_FOLDER, remove_pages, require_page_folder, write_pages


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


PAGES = {"index.html": "x", "charts/a.svg": "<svg/>", "charts/deep/deeper/b.svg": "<svg/>"}


def test_pages_are_removed_with_their_folders(tmp_path: Path) -> None:
    write_pages(tmp_path, PAGES)
    assert remove_pages(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert not remove_pages(tmp_path)


def test_files_of_others_stay_where_the_pages_were(tmp_path: Path) -> None:
    pages = write_pages(tmp_path, PAGES)
    (pages / "charts" / "mine.svg").write_text("mine")
    assert remove_pages(tmp_path)
    assert files(tmp_path) == {"pages/charts/mine.svg": "mine"}
    assert not remove_pages(tmp_path)


def test_a_folder_of_others_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / PAGES_FOLDER).mkdir()
    (tmp_path / PAGES_FOLDER / "index.html").write_text("mine")
    assert not remove_pages(tmp_path)
    assert files(tmp_path) == {"pages/index.html": "mine"}


@pytest.mark.parametrize("name", ["../index.html", "/etc/passwd", "charts/../../index.html"])
def test_a_list_that_leaves_the_folder_removes_nothing(tmp_path: Path, name: str) -> None:
    pages = write_pages(tmp_path, PAGES)
    (tmp_path / "index.html").write_text("mine")
    marker = pages / MARKER_FILE
    marker.write_text(f"{marker.read_text()}{name}\n")
    assert not remove_pages(tmp_path)
    assert (tmp_path / "index.html").exists()
    assert (pages / "index.html").exists()


def test_links_are_not_followed(tmp_path: Path) -> None:
    pages = write_pages(tmp_path, PAGES)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.svg").write_text("mine")
    shutil.rmtree(pages / "charts")
    (pages / "charts").symlink_to(tmp_path / "outside")
    assert remove_pages(tmp_path)
    assert (tmp_path / "outside" / "a.svg").read_text() == "mine"
    write_pages(tmp_path / "outside", PAGES)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / PAGES_FOLDER).symlink_to(tmp_path / "outside" / PAGES_FOLDER)
    assert not remove_pages(tmp_path / "other")
    assert (tmp_path / "outside" / PAGES_FOLDER / "index.html").exists()


def test_a_page_that_cannot_be_removed_is_said_in_one_line(tmp_path: Path) -> None:
    pages = write_pages(tmp_path, PAGES)
    (pages / "index.html").unlink()
    (pages / "index.html").mkdir()
    with pytest.raises(ConfigurationError, match=r"cannot remove the earlier .*pages: Is a directory; remove it"):
        remove_pages(tmp_path)
