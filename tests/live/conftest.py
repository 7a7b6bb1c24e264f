"""A folder of its own for each launch."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from wsgi_gauntlet.harness.load.judging import grading
from wsgi_gauntlet.harness.load.lanes import lane_result


@pytest.fixture
def folder() -> Iterator[Path]:
    """Short, for the Unix sockets in it: pytest's own folders are deep. With a space in it, and so in every path that a
    server is given. Others may pass through it: whoever gives up root has its place in it as well.

    Whatever a test starts has left nothing in `scratch` when it ends.
    """
    with TemporaryDirectory(prefix="g -") as name:
        folder = Path(name)
        folder.chmod(0o755)
        for each in ("scratch", "logs"):
            (folder / each).mkdir()
        yield folder
        assert list((folder / "scratch").glob("*")) == []  # a harness that was killed has left no such folder either


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A cache of the tests' own, also for the one that forgets: root's is the machine's."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WSGI_GAUNTLET_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let requests go out late: for tests that count what is lost, left or replaced, while other tests take the cores.

    Where a test is about latencies the generator must be as punctual as for users.
    """
    monkeypatch.setattr(grading, "LATE", 1.0)
    monkeypatch.setattr(lane_result, "LATENESS", 1.0)
