"""`[tool.wsgi-gauntlet]` of pyproject.toml: a baseline, custom servers, thresholds. Checked whole before anything runs.

[tool.wsgi-gauntlet]
baseline = "known.toml" # from this file's folder; see baseline.py

[tool.wsgi-gauntlet.servers]
mine = "{python} -m mine --bind {host}:{port} {app}"

[tool.wsgi-gauntlet.thresholds]
goodput = 0.99          # at least; see thresholds.py
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from wsgi_gauntlet.harness.conformance.catalog import did_you_mean
from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.load import thresholds

TABLE_KEYS = ("baseline", "servers", "thresholds")


@dataclass(frozen=True)
class Configuration:
    """What the user's pyproject.toml says of us. `servers` maps a custom server's name to its command template.

    `thresholds` is the table as it stands in the file.
    """

    servers: Mapping[str, str] = field(default_factory=dict)
    thresholds: Mapping[str, Any] = field(default_factory=dict)
    baseline: Path | None = None


def read(path: Path) -> Configuration:
    """Return the configuration in `path`, an empty one where the file or our table is not there.

    Raises ConfigurationError, naming file and key, where it does not hold together.
    """
    table = _read_table(path)
    return Configuration() if table is None else _from_table(table, path)


def load_nearest() -> Configuration:
    """Return the configuration of the folder that this process works in, or of the nearest folder above it.

    Looked at are the folders up to the top of the repository, or of the disk, where no repository is. Raises
    ConfigurationError. A file that belongs to another user is passed over: it could name commands to be run.
    """
    here = Path.cwd()
    for folder in (here, *here.parents):
        path = folder / "pyproject.toml"
        if folder == here or _is_trusted(path):
            table = _read_table(path)
            if table is not None:
                name = path if folder != here else Path(path.name)
                return _from_table(table, name)
        if (folder / ".git").exists():
            break
    return Configuration()


def _is_trusted(path: Path) -> bool:
    try:
        return path.stat().st_uid in (os.getuid(), 0)
    except OSError:
        return False


def parse(table: object, where: str) -> Configuration:
    """Return `table` (the contents of [tool.wsgi-gauntlet]) as a Configuration; `where` is what messages name."""
    if not isinstance(table, dict):
        raise ConfigurationError(f"{where}: tool.wsgi-gauntlet is a table: [tool.wsgi-gauntlet]")
    _reject_unknown_keys(table, TABLE_KEYS, f"{where}: [tool.wsgi-gauntlet]")
    servers = _get_table(table, "servers", where)
    for name, command in servers.items():
        if not isinstance(command, str) or not command.strip():
            raise ConfigurationError(
                f'{where}: servers.{_quoted_key(name)} takes a command template, as "{{python}} -m mine {{port}}"'
            )
    limits = thresholds.with_new_ids(_get_table(table, "thresholds", where))
    _check_thresholds(limits, where, servers)
    baseline = table.get("baseline")
    if baseline is not None and (not isinstance(baseline, str) or not baseline.strip()):
        raise ConfigurationError(f'{where}: baseline takes the name of a file, as baseline = "known.toml"')
    return Configuration(servers, limits, Path(baseline) if baseline is not None else None)


def _read_table(path: Path) -> object | None:
    """Return our table in `path`, None where the file or the table is not there. Raises ConfigurationError."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise ConfigurationError(f"{path}: {problem.strerror}") from None
    try:
        tools = tomllib.loads(text.decode()).get("tool", {})
    except RecursionError:
        raise ConfigurationError(f"{path} is not TOML: it is nested too deeply") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise ConfigurationError(f"{path} is not TOML: {problem}") from None
    if not isinstance(tools, dict):
        raise ConfigurationError(f"{path}: tool is a table: [tool.wsgi-gauntlet]")
    return tools.get("wsgi-gauntlet")


def _from_table(table: object, path: Path) -> Configuration:
    found = parse(table, str(path))
    return replace(found, baseline=path.parent / found.baseline) if found.baseline is not None else found


def _check_thresholds(table: Mapping[str, Any], where: str, servers: Mapping[str, Any]) -> None:
    scenarios: list[str] = []
    known: list[str] = []
    if thresholds.has_tables(table):
        # Reading all scenarios takes a tenth of a second, which the plainest table needs not.
        from wsgi_gauntlet.harness import registry

        scenarios = [each.id for each in registry.scenarios()]
        known = [*registry.adapters(), *servers, "custom"]
    thresholds.check_table(table, where, scenarios, known)


def _get_table(table: Mapping[str, Any], name: str, where: str) -> Mapping[str, Any]:
    found = table.get(name, {})
    if not isinstance(found, dict):
        raise ConfigurationError(f"{where}: {name} is a table: [tool.wsgi-gauntlet.{name}]")
    return found


def _reject_unknown_keys(table: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for name in table:
        if name not in known:
            raise ConfigurationError(f"{where} knows no {name!r}{did_you_mean(name, known)}; it has {', '.join(known)}")


def _quoted_key(name: str) -> str:
    return name if name.isprintable() else repr(name)
