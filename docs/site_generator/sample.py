"""The sample report, made from the results that docs/sample has. `make docs-sample` measures them."""

from __future__ import annotations

import lzma
import tempfile
from collections.abc import Iterator
from pathlib import Path

from wsgi_gauntlet.harness import registry

from .page import Page

PATH = "sample/report.html"


def pages(root: Path) -> Iterator[Page]:
    """Yield the report. `root` is the folder of the project."""
    with tempfile.TemporaryDirectory(prefix="docs-") as folder:
        unpacked = Path(folder) / "results.json"
        unpacked.write_bytes(lzma.decompress((root / "docs" / "sample" / "results.json.xz").read_bytes()))
        yield Page(PATH, registry.outputs()["html"].render(registry.load_results(unpacked)))
