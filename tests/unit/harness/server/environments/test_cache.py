"""Where the cache is, whose it must be, and its locks."""

from __future__ import annotations

import itertools
import os
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.server.environments import cache
from wsgi_gauntlet.harness.server.environments.cache import FileLock, cache_folder

NOWHERE = "/proc/nobody-can-write-here"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be root, on a system whose /var/cache is the folder returned."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(cache, "SYSTEM_CACHE", tmp_path / "var-cache")
    return tmp_path / "var-cache"


@pytest.fixture
def unprivileged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)


@pytest.mark.usefixtures("unprivileged")
def test_the_first_that_is_named_is_taken(tmp_path: Path) -> None:
    given = {"WSGI_GAUNTLET_CACHE": f"{tmp_path}/own", "XDG_CACHE_HOME": f"{tmp_path}/xdg", "HOME": f"{tmp_path}/home"}
    assert cache_folder(given) == tmp_path / "own"
    del given["WSGI_GAUNTLET_CACHE"]
    assert cache_folder(given) == tmp_path / "xdg" / "wsgi-gauntlet"
    given["XDG_CACHE_HOME"] = "relative"
    assert cache_folder(given) == tmp_path / "home" / ".cache" / "wsgi-gauntlet"
    assert (tmp_path / "home" / ".cache" / "wsgi-gauntlet").stat().st_mode & 0o777 == 0o700


def test_what_root_makes_others_may_run(root: Path) -> None:
    """And the home is not where they could."""
    folder = cache_folder({"HOME": str(root.parent)})
    assert folder == root / "wsgi-gauntlet"
    assert folder.stat().st_mode & 0o055 == 0o055
    assert cache_folder({"XDG_CACHE_HOME": f"{root}/xdg"}) == root / "xdg" / "wsgi-gauntlet"


def test_root_that_cannot_write_there_has_a_home(root: Path) -> None:
    root.touch()
    assert cache_folder({"HOME": str(root.parent)}) == root.parent / ".cache" / "wsgi-gauntlet"


def test_one_that_the_user_names_must_be_writable() -> None:
    with pytest.raises(ConfigurationError, match=r"WSGI_GAUNTLET_CACHE=.* cannot be written; name another"):
        cache_folder({"WSGI_GAUNTLET_CACHE": NOWHERE})


@pytest.mark.usefixtures("unprivileged")
def test_without_a_writable_home_it_is_a_private_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = cache_folder({"HOME": NOWHERE, "XDG_CACHE_HOME": NOWHERE})
    assert folder.parent == tmp_path
    assert folder.stat().st_mode & 0o777 == 0o700
    assert cache_folder({"HOME": NOWHERE}) == folder
    folder.chmod(0o777)
    with pytest.raises(ConfigurationError, match="is not a private folder of yours"):
        cache_folder({"HOME": NOWHERE})
    folder.rmdir()
    folder.symlink_to(tmp_path)
    with pytest.raises(ConfigurationError, match="is not a private folder of yours"):
        cache_folder({})
    monkeypatch.setattr(tempfile, "tempdir", NOWHERE)
    with pytest.raises(ConfigurationError, match=r"neither the home nor .* can be written"):
        cache_folder({})


def test_many_share_and_one_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = itertools.count()
    monkeypatch.setattr(cache, "time", SimpleNamespace(monotonic=clock.__next__, sleep=lambda _seconds: None))
    first, second = FileLock(tmp_path / "x.lock"), FileLock(tmp_path / "x.lock")
    waited: list[int] = []
    assert first.acquire(exclusive=False, deadline=0)
    assert second.acquire(exclusive=False, deadline=0)
    second.release()
    assert not second.acquire(exclusive=True, deadline=2, on_wait=lambda: waited.append(1))
    assert waited == [1, 1]
    first.release()
    assert second.acquire(exclusive=True, deadline=0)
    assert second.acquire(exclusive=False, deadline=0)
    assert first.acquire(exclusive=False, deadline=0)
    for each in (first, second, second):
        each.release()


def test_a_lock_whose_file_was_removed_is_taken_on_the_new_one(tmp_path: Path) -> None:
    first, second = FileLock(tmp_path / "x.lock"), FileLock(tmp_path / "x.lock")
    assert first.acquire(exclusive=True, deadline=0)

    def removed() -> None:
        first.remove()

    assert second.acquire(exclusive=True, deadline=time.monotonic() + 10, on_wait=removed)
    assert (tmp_path / "x.lock").exists()
    second.release()
