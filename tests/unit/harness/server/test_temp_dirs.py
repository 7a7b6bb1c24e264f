"""Where one server's files are, and what is said where they cannot be."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from wsgi_gauntlet.harness.errors import OutOfResources, StorageFull
from wsgi_gauntlet.harness.server import temp_dirs
from wsgi_gauntlet.harness.server.plan import SOCKET_NAME
from wsgi_gauntlet.harness.server.process.procfs import descendant_pids, listening_inodes, owns_port
from wsgi_gauntlet.harness.server.temp_dirs import (
    create_app_path,
    create_log_file,
    create_private_folder,
    require_descriptors,
)


def test_a_place_whose_name_is_no_text_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    odd = tmp_path / os.fsdecode(b"n\xff")
    odd.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(odd))
    folder = create_private_folder(odd)
    try:
        assert os.fsencode(folder).decode().startswith("/tmp/")
        assert odd not in folder.parents
    finally:
        folder.rmdir()


def test_a_private_folder_is_private() -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as scratch:
        folder = create_private_folder(Path(scratch))
        assert folder.parent == Path(scratch).resolve()
        assert folder.stat().st_mode & 0o777 == 0o700


def test_a_private_folder_is_in_another_place_where_a_sockets_path_would_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(deep))
    folder = create_private_folder(deep)
    folder.rmdir()
    assert folder.parent == Path("/tmp")
    assert len(str(folder / "99s" / SOCKET_NAME)) <= 107


def test_a_private_folder_for_another_user_is_where_they_can_get_at_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """A way that is closed is opened in no folder but our own."""
    with tempfile.TemporaryDirectory(dir="/tmp") as users:  # 0700, as a user's own TMPDIR may be
        monkeypatch.setattr(tempfile, "gettempdir", lambda: users)
        scratch = Path(users, "scratch")
        scratch.mkdir()
        folder = create_private_folder(scratch, traversable_by_others=True)
        folder.rmdir()
        assert folder.parent == Path("/tmp")
        Path(users).chmod(0o711)
        assert create_private_folder(scratch, traversable_by_others=True).parent == scratch.resolve()


def test_the_path_of_modules_holds_the_reference_app_alone(tmp_path: Path) -> None:
    create_app_path(tmp_path / "path")
    assert [each.name for each in (tmp_path / "path").iterdir()] == ["gauntlet_apps"]
    assert (tmp_path / "path" / "gauntlet_apps" / "reference.py").is_file()


def test_each_start_has_a_log_of_its_own_under_a_plain_name(tmp_path: Path) -> None:
    names = [
        create_log_file(tmp_path, each).name for each in ("nginx+gunicorn:sync[workers=4]", "a", "a", "../../", "")
    ]
    assert names == ["nginx-gunicorn-sync-workers=4.log", "a.log", "a.2.log", "server.log", "server.2.log"]


def test_what_cannot_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        StorageFull,
        match=r"cannot write .*a.log: No such file or directory; choose another place with --out and TMPDIR",
    ):
        create_log_file(tmp_path / "missing", "a")


def test_too_few_descriptors_are_noticed_before_anything_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    require_descriptors()
    monkeypatch.setattr(temp_dirs, "REQUIRED_DESCRIPTORS", 10**9)
    with pytest.raises(OutOfResources, match="ulimit -n"):
        require_descriptors()


def test_nobody_listens_on_port_zero() -> None:
    assert listening_inodes(0) == set()
    assert not owns_port([os.getpid()], 0)


def test_this_process_is_in_the_tree_of_its_parent() -> None:
    assert os.getpid() in descendant_pids(os.getppid())
