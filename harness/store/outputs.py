"""What was measured, written into every file that shows it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.errors import StorageFull
from wsgi_gauntlet.harness.model import Results
from wsgi_gauntlet.harness.store import journal


def write(results: Results, folder: Path, files: Mapping[str, Path]) -> None:
    """Write every output into `folder`, and those that `files` names (by output) where it says.

    Raises StorageFull, also where a file cannot be written for another reason; the folder is complete by then.
    """
    outputs = registry.outputs()
    for output in outputs.values():
        if not output.on_request_only:
            journal.write_text(folder / output.filename, output.render(results))
    for name, path in files.items():
        try:
            journal.write_text(path, outputs[name].render(results))
        except OSError as problem:
            raise StorageFull(
                f"cannot write {path}: {problem.strerror}; "
                f"`wsgi-gauntlet report {shlex.quote(str(folder))} --{name} FILE` writes it anew"
            ) from None
