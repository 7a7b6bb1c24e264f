"""The copy of a folder that each server instance gets."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.server import fresh_copy
from wsgi_gauntlet.harness.server.fresh_copy import copy_fresh, is_left_out, require_copyable


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "shop" / "__pycache__").mkdir(parents=True)
    (folder / "shop" / "__pycache__" / "x.pyc").write_bytes(b"x")
    (folder / "shop" / "app.py").write_text("app = 1\n")
    (folder / "shop.sqlite").write_bytes(b"rows")
    (folder / "empty").mkdir()
    for name in (".git", "node_modules"):
        (folder / name).mkdir()
        (folder / name / "large").write_bytes(b"x")
    for name, marker in (("env", "pyvenv.cfg"), ("gauntlet-out", "run.jsonl.zst"), ("old", "run.jsonl")):
        (folder / name).mkdir()
        (folder / name / marker).write_text("")
    return folder


def names(folder: Path) -> set[str]:
    return {str(each.relative_to(folder)) for each in folder.rglob("*")}


def test_it_has_what_an_app_needs(project: Path, tmp_path: Path) -> None:
    (project / "run.sh").write_text("#!/bin/sh\n")
    (project / "run.sh").chmod(0o755)
    copy_fresh(project, tmp_path / "copy")
    assert names(tmp_path / "copy") == {"shop", "shop/app.py", "shop.sqlite", "empty", "run.sh"}
    assert (tmp_path / "copy" / "run.sh").stat().st_mode & 0o777 == 0o755
    (tmp_path / "copy" / "shop.sqlite").write_bytes(b"other")
    assert (project / "shop.sqlite").read_bytes() == b"rows"


def test_links_within_it_lead_into_the_copy(project: Path, tmp_path: Path) -> None:
    (project / "relative").symlink_to("shop/app.py")
    (project / "absolute").symlink_to(project / "shop.sqlite")
    (project / "shop" / "outside").symlink_to("../../other")
    (project / "loop").symlink_to(".")
    (project / "broken").symlink_to("nothing")
    (tmp_path / "other").write_text("other")
    copy = tmp_path / "a" / "copy"
    copy.parent.mkdir()
    copy_fresh(project, copy)
    assert (copy / "relative").resolve() == (copy / "shop" / "app.py").resolve()
    assert (copy / "absolute").resolve() == (copy / "shop.sqlite").resolve()
    assert (copy / "shop" / "outside").resolve() == (tmp_path / "other").resolve()
    assert str((copy / "loop").readlink()) == "."
    assert (copy / "broken").is_symlink()


def test_links_through_another_name_of_the_folder_lead_into_the_copy(project: Path, tmp_path: Path) -> None:
    (tmp_path / "other").symlink_to(project)
    (project / "absolute").symlink_to(tmp_path / "other" / "shop.sqlite")
    (project / "around").symlink_to("../other/shop.sqlite")
    (project / "shop" / "back").symlink_to("../../project/shop.sqlite")
    (project / "shop" / "up").symlink_to("..")
    (project / "out").symlink_to("..")
    copy = tmp_path / "a" / "copy"
    copy.parent.mkdir()
    copy_fresh(tmp_path / "other", copy)
    for each in (copy / "absolute", copy / "around", copy / "shop" / "back"):
        assert each.resolve() == (copy / "shop.sqlite").resolve(), each
    assert (copy / "shop" / "up").resolve() == copy.resolve()
    assert (copy / "out").resolve() == tmp_path.resolve()


def test_links_into_what_is_left_out_lead_to_the_original(project: Path, tmp_path: Path) -> None:
    (project / ".venv").symlink_to("env")
    (project / "absolute").symlink_to(project / "node_modules" / "large")
    (project / "later").symlink_to("node_modules/later")
    copy_fresh(project, tmp_path / "copy")
    assert (tmp_path / "copy" / ".venv").resolve() == (project / "env").resolve()
    assert (tmp_path / "copy" / "absolute").read_bytes() == b"x"
    assert str((tmp_path / "copy" / "later").readlink()) == "node_modules/later"


def test_what_a_copy_lacks(project: Path) -> None:
    for name in (".git", "node_modules/large", "env", "env/pyvenv.cfg", "gauntlet-out", "shop/__pycache__/x.pyc"):
        assert is_left_out(project, Path(name)), name
    for name in ("", "shop", "shop/app.py", "empty", "nothing", "node_modules/nothing"):
        assert not is_left_out(project, Path(name)), name


def test_sockets_and_pipes_are_left_out(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(project / "pipe")
    monkeypatch.chdir(project)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("socket")
        copy_fresh(project, tmp_path / "copy")
    assert not {"pipe", "socket"} & names(tmp_path / "copy")


def test_a_copy_within_the_folder_has_no_copy_of_itself(project: Path) -> None:
    (project / "tmp").mkdir()
    copy_fresh(project, project / "tmp" / "copy")
    assert "tmp" not in names(project / "tmp" / "copy")


def test_a_folder_that_nobody_may_write_to_is_copied(project: Path, tmp_path: Path) -> None:
    (project / "shop").chmod(0o500)
    copy_fresh(project, tmp_path / "copy")
    assert (tmp_path / "copy" / "shop" / "app.py").exists()
    (tmp_path / "copy" / "shop" / "new").write_text("")
    (project / "shop").chmod(0o700)


@pytest.mark.parametrize(
    ("limit", "says"), [("MAX_COPY_BYTES", "more than 0 MB"), ("MAX_COPY_ENTRIES", "more than 3 files")]
)
def test_a_huge_folder_is_refused(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, says: str
) -> None:
    monkeypatch.setattr(fresh_copy, limit, 3)
    with pytest.raises(ConfigurationError, match=says) as raised:
        require_copyable(project)
    assert "\n" not in str(raised.value)
    with pytest.raises(ConfigurationError, match=says):
        copy_fresh(project, tmp_path / "copy")


def test_a_folder_that_is_none_is_refused(project: Path) -> None:
    for name in ("nothing", "shop.sqlite", "x" * 300, "a\0b"):
        with pytest.raises(ConfigurationError, match=r"is no folder; name the folder"):
            require_copyable(project / name)
    require_copyable(project)


def test_a_folder_that_nobody_may_look_into_is_no_crash(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_file", refuse)
    monkeypatch.setattr(Path, "is_dir", refuse)
    assert not fresh_copy.is_file(project / "shop.sqlite")
    with pytest.raises(ConfigurationError, match="is no folder"):
        require_copyable(project)


def test_what_cannot_be_read_is_named(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Root may read everything, so the calls refuse, and not the files.
    def refusing(call: Callable[..., Any], name: str) -> Callable[..., Any]:
        def refuse(path: Path, *more: Any, **options: Any) -> Any:
            if Path(path).name == name:
                raise PermissionError(13, "Permission denied", str(path))
            return call(path, *more, **options)

        return refuse

    monkeypatch.setattr(shutil, "copy2", refusing(shutil.copy2, "shop.sqlite"))
    with pytest.raises(ConfigurationError, match=r"shop.sqlite cannot be read"):
        copy_fresh(project, tmp_path / "copy")
    monkeypatch.setattr(os, "scandir", refusing(os.scandir, "shop"))
    with pytest.raises(ConfigurationError, match="the folder shop cannot be read"):
        require_copyable(project)
