"""Whom root starts a server as that will not serve as root, and what is made theirs."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from types import SimpleNamespace

import pytest

from wsgi_gauntlet.harness.server.process import unprivileged_user as module
from wsgi_gauntlet.harness.server.process.unprivileged_user import (
    NOBODY_ID,
    User,
    allow_traversal,
    chown_tree,
    grant_access,
    mapped_ids,
    others_can_traverse,
    unprivileged_user,
)


@pytest.fixture
def as_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)


def test_an_unprivileged_user_stays_who_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert unprivileged_user() is None


@pytest.mark.usefixtures("as_root")
def test_the_first_web_servers_user_that_the_machine_has(monkeypatch: pytest.MonkeyPatch) -> None:
    def only_apache(name: str) -> SimpleNamespace:
        if name != "apache":
            raise KeyError(name)
        return SimpleNamespace(pw_uid=48, pw_gid=49)

    monkeypatch.setattr(pwd, "getpwnam", only_apache)
    assert unprivileged_user() == User(48, 49)


@pytest.mark.usefixtures("as_root")
def test_a_machine_without_any_has_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "USER_NAMES", ())
    assert unprivileged_user() == User(NOBODY_ID, NOBODY_ID)


@pytest.mark.usefixtures("as_root")
def test_who_is_alone_in_a_namespace_can_become_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "mapped_ids", lambda _: mapped_ids("         0       1000          1\n"))
    assert unprivileged_user() is None


def test_which_users_there_are() -> None:
    known = mapped_ids("0 1000 1\n1 100000 65536\n")
    assert [uid for uid in (0, 1, 33, 65536, 65537) if known(uid)] == [0, 1, 33, 65536]


def test_a_folder_with_all_in_it_is_made_theirs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[Path, tuple[int, int, bool]] = {}

    def chown(path: Path | str, uid: int, gid: int, *, follow_symlinks: bool = True) -> None:
        given[Path(path)] = (uid, gid, follow_symlinks)

    monkeypatch.setattr(os, "chown", chown)
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_text("b")
    (tmp_path / "link").symlink_to("/etc/passwd")
    chown_tree(tmp_path, User(7, 8))
    assert set(given) == {tmp_path, tmp_path / "a", tmp_path / "a" / "b", tmp_path / "link"}
    assert given[tmp_path / "link"] == (7, 8, False)  # never what it leads to


def test_the_way_is_opened_and_nothing_more(tmp_path: Path) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    allow_traversal(private)
    assert private.stat().st_mode & 0o777 == 0o711
    private.chmod(0o700)
    assert not others_can_traverse(private / "home")


def test_a_socket_is_accessible_and_its_folder_not_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = []
    monkeypatch.setattr(os, "chown", lambda *arguments: given.append(arguments))
    folder = tmp_path / "server"
    folder.mkdir(mode=0o700)
    grant_access(folder / "http.sock", User(7, 8))
    assert given == [(folder / "http.sock", 7, 8)]
    assert folder.stat().st_mode & 0o777 == 0o711
