"""Find the adapters: the files of servers/, entry points, adapter files of the user, and command templates.

The harness must not import `servers`, so this module imports it by name, and only when an adapter is needed.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import re
from collections.abc import Callable, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from types import ModuleType

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.server.adapter import Adapter, ServerDescription

PACKAGE = "wsgi_gauntlet.servers"


@cache
def adapters() -> Mapping[str, ServerDescription]:
    """Return every adapter by name: the files of servers/ and the entry points in group `wsgi_gauntlet.servers`."""
    found: dict[str, ServerDescription] = {}
    for info in pkgutil.iter_modules(importlib.import_module(PACKAGE).__path__, f"{PACKAGE}."):
        adapter = None if info.ispkg else getattr(importlib.import_module(info.name), "ADAPTER", None)
        if isinstance(adapter, ServerDescription):
            found[adapter.name] = adapter
    for point in metadata.entry_points(group=PACKAGE):
        found[point.name] = require_adapter(point.load(), f"entry point {point.name}")
    return dict(sorted(found.items()))


def command_server(name: str, template: str) -> Adapter:
    """Return the adapter of a server that starts with a command template. Raises ConfigurationError."""
    make: Callable[[str, str], Adapter] = importlib.import_module(f"{PACKAGE}.command_template").CommandServer
    return make(name, template)


def require_adapter(thing: object, where: str) -> Adapter:
    """Return `thing` or its ADAPTER. Raises ConfigurationError, with `where`, if neither is an Adapter."""
    adapter = getattr(thing, "ADAPTER", thing)
    if not isinstance(adapter, Adapter):
        raise ConfigurationError(
            f"{where} has no ADAPTER; set ADAPTER to an instance of wsgi_gauntlet.adapters.Adapter"
        )
    return adapter


def load_adapter_module(path: Path) -> ModuleType:
    """Import the adapter file of a user. Raises ConfigurationError if it is missing or raises."""
    name = "wsgi_gauntlet_adapter_" + re.sub(r"\W", "_", path.stem)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise ConfigurationError(f"there is no adapter file {path}; correct the path")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as problem:  # noqa: BLE001 - the file of the user may raise anything
        raise ConfigurationError(
            f"{path} does not import: {type(problem).__name__}: {problem}; correct the file"
        ) from None
    return module
