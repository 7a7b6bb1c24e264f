"""Which releases there are, as pip lists them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from packaging.version import Version

from wsgi_gauntlet.harness.errors import EnvironmentUnavailable
from wsgi_gauntlet.harness.server.environments.releases import latest_releases, parse_versions, releases

from .....helpers.wheel_index import make_package_index

SAID = """WARNING: pip index is currently an experimental command. It may be removed/changed in a future release.
gunicorn (27.0.1)
Available versions: 27.0.1, 26.0rc1, 9.2.0, 20.1.0.post1, 2004d, 20.1.0
  INSTALLED: 27.0.1
"""


def test_versions_are_sorted_and_what_is_none_is_left_out() -> None:
    assert list(map(str, parse_versions(SAID))) == ["9.2.0", "20.1.0", "20.1.0.post1", "26.0rc1", "27.0.1"]
    assert parse_versions("") == []


def test_the_last_ones() -> None:
    found = parse_versions(SAID)
    assert list(map(str, latest_releases(found, 2))) == ["20.1.0.post1", "27.0.1"]
    assert list(map(str, latest_releases(found, 2, pre=True))) == ["26.0rc1", "27.0.1"]
    assert list(map(str, latest_releases(found, 0, since=Version("20.1")))) == ["20.1.0", "20.1.0.post1", "27.0.1"]
    assert latest_releases(found, 0, since=Version("99")) == []


@pytest.mark.slow
def test_a_folder_of_wheels_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_package_index(tmp_path / "index", monkeypatch)
    reported: list[str] = []
    found = releases("tinyserver", sys.executable, reported.append)
    assert list(map(str, found)) == ["1.0", "2.0", "3.0", "4.0", "5.0rc1"]
    assert reported[0] == "asking the package index for the releases of tinyserver"
    with pytest.raises(EnvironmentUnavailable, match="the package index has no nothing-such for"):
        releases("nothing-such", sys.executable, reported.append)
