"""Every chart byte for byte as it is kept in golden/. To write them again, and then look at them:

python -m tests.unit.reports.charts.test_golden_charts
"""

from __future__ import annotations

from pathlib import Path

import pytest

from .every_chart import CHARTS

FOLDER = Path(__file__).parent / "golden"
ONLY_ONE_WIDTH = ("strip", "strip-invalid", "requirement-bar", "panel-samples", "panel-soak", "panel-ramp")


def _files() -> dict[str, str]:
    """Return the SVG of each chart by file name."""
    found = {}
    for name, draw in CHARTS.items():
        found[f"{name}.svg"] = draw(False).render()
        if name not in ONLY_ONE_WIDTH:
            found[f"{name}-narrow.svg"] = draw(True).render()
    return found


def _names() -> list[str]:
    return sorted(
        [f"{name}.svg" for name in CHARTS] + [f"{name}-narrow.svg" for name in CHARTS if name not in ONLY_ONE_WIDTH]
    )


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    """All charts."""
    return _files()


@pytest.mark.parametrize("name", _names())
def test_a_chart_is_as_it_is_kept(name: str, files: dict[str, str]) -> None:
    """Where this fails on purpose: run this file as a module, and look at the pictures."""
    assert files[name] == (FOLDER / name).read_text("utf-8")


def test_no_golden_file_is_left_over() -> None:
    assert sorted(each.name for each in FOLDER.iterdir()) == _names()


def main() -> None:
    """Write every golden file."""
    FOLDER.mkdir(exist_ok=True)
    for each in FOLDER.iterdir():
        each.unlink()
    for name, text in _files().items():
        (FOLDER / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
