"""The sample report, made from the results that docs/sample has. `make docs-sample` measures them.

    python -m docs.site_generator.sample RUN...

joins the runs and stores them for the report. It keeps the evidence, which the results.json of a run does not have.
"""

from __future__ import annotations

import lzma
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec.structs import replace

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.public_results import private_names, publish
from wsgi_gauntlet.harness.store.json_encoding import to_json
from wsgi_gauntlet.harness.store.merge import merge
from wsgi_gauntlet.harness.store.stored_evidence import with_evidence

from .page import Page

PATH = "sample/report.html"
STORED = Path("docs", "sample", "results.json.xz")


def pages(root: Path) -> Iterator[Page]:
    """Yield the report. `root` is the folder of the project."""
    with tempfile.TemporaryDirectory(prefix="docs-") as folder:
        unpacked = Path(folder) / "results.json"
        unpacked.write_bytes(lzma.decompress((root / STORED).read_bytes()))
        yield Page(PATH, registry.outputs()["html"].render(registry.load_results(unpacked)))


def store(runs: Sequence[Path], root: Path) -> None:
    """Store the joined results of `runs`, without paths and names of the machine."""
    results = merge([registry.load_results(each) for each in runs])
    shown = publish(results, private_names(results, runs))
    whole = replace(shown, conformance=tuple(map(with_evidence, shown.conformance)))
    data = lzma.compress(to_json(whole), preset=9 | lzma.PRESET_EXTREME)
    (root / STORED).write_bytes(data)


if __name__ == "__main__":
    store([Path(each) for each in sys.argv[1:]], Path.cwd())
