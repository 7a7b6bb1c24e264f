"""The four rooms and their one-way doors: suites, servers and reports import harness; harness imports none of them."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("harness", "suites", "servers", "reports")
FILES = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


def imported_rooms(path: Path) -> Iterator[str]:
    """Yield the rooms that the file imports from, however it says so."""
    inside = path.relative_to(ROOT).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.ImportFrom) and node.level:
            above = inside[: len(inside) - (node.level - 1)]
            names = [".".join([*above, node.module or alias.name]) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        for name in names:
            room = name.removeprefix("wsgi_gauntlet.").split(".")[0]
            if room in ROOMS and (name.startswith("wsgi_gauntlet.") or node.level):  # type: ignore[attr-defined]
                yield room


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_doors_open_one_way(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    allowed = {room} if room == "harness" else {room, "harness"}
    assert set(imported_rooms(path)) <= allowed


def test_the_reader_of_imports_sees_a_forbidden_door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "harness" / "load").mkdir(parents=True)
    bad = tmp_path / "harness" / "load" / "bad.py"
    bad.write_text(
        "from ...suites import load\nimport wsgi_gauntlet.reports.writers.html.report_page\nfrom "
        "wsgi_gauntlet.servers import x\n"
    )
    monkeypatch.setitem(globals(), "ROOT", tmp_path)
    assert set(imported_rooms(bad)) == {"suites", "reports", "servers"}


def test_charts_alone_import_matplotlib() -> None:
    users = [
        path.relative_to(ROOT)
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.Import) and any(a.name.startswith("matplotlib") for a in node.names))
        or (isinstance(node, ast.ImportFrom) and (node.module or "").startswith("matplotlib"))
    ]
    assert {str(path) for path in users} <= {"reports/charts/canvas.py"}
