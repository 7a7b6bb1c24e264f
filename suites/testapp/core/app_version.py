"""The version of the test app: harness and target must have the same."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Dict


def app_version() -> str:
    """Return the version of this app. In the file that `target-app` prints, a constant takes the place of this."""
    folder = Path(__file__).resolve().parent.parent
    found = sorted(path for path in folder.rglob("*.py") if path.name != "__init__.py")
    return version_of({path.stem: path.read_text(encoding="utf-8") for path in found})


def version_of(sources: Dict[str, str]) -> str:
    """Return the version of an app with those modules."""
    text = "".join("%s\n%s\n" % (name, sources[name]) for name in sorted(sources))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:12]
