"""The table `[tool.wsgi-gauntlet]` of pyproject.toml: a baseline, custom servers, thresholds.

It is checked completely before anything runs.

    [tool.wsgi-gauntlet]
    baseline = "known.toml" # relative to the folder of this file; see baseline/comparison.py
    exclude = ["http/tls", "slow-read"]     # cases and scenarios, as --exclude; see exclusions.py
    keep-evidence = "all"   # as --keep-evidence; see store/evidence_digest.py

    [tool.wsgi-gauntlet.servers]
    mine = "{python} -m mine --bind {host}:{port} {app}"

    [tool.wsgi-gauntlet.config]
    nginx = "site.conf"     # relative to the folder of this file; see server/server_config.py

    [tool.wsgi-gauntlet.app]    # with --app: as the options of these names; see server/app_setup.py
    app-dir = "src"
    env-file = ".env"
    before = "python manage.py migrate"
    after = ""
    fresh-copy = "."
    static = {"/static" = "shop/static"}

    [tool.wsgi-gauntlet.thresholds]
    goodput = 0.99          # at least; see load/thresholds.py
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from wsgi_gauntlet.harness import exclusions, registry
from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.load import thresholds
from wsgi_gauntlet.harness.model.naming import did_you_mean
from wsgi_gauntlet.harness.server.app_setup import AppSetupOptions
from wsgi_gauntlet.harness.store.evidence_digest import KEEP_EVIDENCE, KEEP_NOTABLE

KEYS = ("app", "baseline", "config", "exclude", "keep-evidence", "servers", "thresholds")
APP_PATHS, APP_COMMANDS = ("app-dir", "env-file", "fresh-copy"), ("before", "after")
APP_KEYS = (*APP_PATHS, *APP_COMMANDS, "static")


@dataclass(frozen=True)
class Configuration:
    """The table of the user. `servers` maps custom servers to command templates; `thresholds` is as in the file.

    `configs` maps adapters to configuration files. `app_setup` is how a user app is run. `exclude` are names of cases
    and scenarios. `keep_evidence` is one of KEEP_EVIDENCE. `file` is where the table is, None if there is none.
    """

    servers: Mapping[str, str] = field(default_factory=dict)
    thresholds: Mapping[str, object] = field(default_factory=dict)
    baseline: Path | None = None
    configs: Mapping[str, Path] = field(default_factory=dict)
    app_setup: AppSetupOptions = field(default_factory=AppSetupOptions)
    exclude: tuple[str, ...] = ()
    keep_evidence: str = KEEP_NOTABLE
    file: Path | None = None


def read(path: Path) -> Configuration:
    """Return the configuration in `path`, an empty one if the file or the table is missing.

    Raises ConfigurationError with the file and the key.
    """
    table = _read_table(path)
    return Configuration() if table is None else _from_table(table, path)


def load_nearest(start: Path | None = None) -> Configuration:
    """Return the configuration of the folder `start`, or of the nearest folder above it that has one.

    `start` is the current folder unless the caller gives one. The search ends at the top of the repository. It skips a
    file that belongs to another user, because the file may name commands to run. Raises ConfigurationError.
    """
    here = start or Path.cwd()
    for folder in (here, *here.parents):
        path = folder / "pyproject.toml"
        if folder == here or _is_trusted(path):
            table = _read_table(path)
            if table is not None:
                name = path if start is not None or folder != here else Path(path.name)
                return _from_table(table, name)
        if (folder / ".git").exists():
            break
    return Configuration()


def describe_file(configuration: Configuration, *, always: bool = False) -> str:
    """Return a sentence about the file that `configuration` is from, '' if there is none.

    The file of the current folder is no surprise: unless `always`, it has no sentence.
    """
    file = configuration.file
    if file is None or not (always or len(file.parts) > 1):
        return ""
    return f"configuration: [tool.wsgi-gauntlet] of {file}"


def _is_trusted(path: Path) -> bool:
    try:
        return path.stat().st_uid in (os.getuid(), 0)
    except OSError:
        return False


def parse(table: object, where: str) -> Configuration:
    """Return `table`, the contents of [tool.wsgi-gauntlet], as a Configuration. Messages name `where`."""
    if not isinstance(table, dict):
        raise ConfigurationError(f"{where}: tool.wsgi-gauntlet must be a table: write [tool.wsgi-gauntlet]")
    for name in table:
        if name not in KEYS:
            raise ConfigurationError(
                f"{where}: [tool.wsgi-gauntlet] has an unknown key {name!r}{did_you_mean(name, KEYS)}; "
                f"the keys are {', '.join(KEYS)}"
            )
    servers: dict[str, str] = {}
    for name, command in _get_table(table, "servers", where).items():
        if not isinstance(command, str) or not command.strip():
            raise ConfigurationError(
                f"{where}: servers.{_quoted_key(name)} takes a command template, "
                'for example "{python} -m mine {port}"'
            )
        servers[name] = command
    configs: dict[str, Path] = {}
    for name, file in _get_table(table, "config", where).items():
        if not isinstance(file, str) or not file.strip():
            raise ConfigurationError(
                f'{where}: config.{_quoted_key(name)} takes the name of a file, such as "site.conf"'
            )
        configs[name] = Path(file)
    limits = thresholds.with_new_ids(_get_table(table, "thresholds", where), where)
    _check_thresholds(limits, where, servers)
    baseline = table.get("baseline")
    if baseline is not None and (not isinstance(baseline, str) or not baseline.strip()):
        raise ConfigurationError(f'{where}: baseline takes the name of a file: write baseline = "known.toml"')
    keep_evidence = table.get("keep-evidence", KEEP_NOTABLE)
    if keep_evidence not in KEEP_EVIDENCE:
        raise ConfigurationError(f"{where}: keep-evidence takes {' or '.join(map(repr, KEEP_EVIDENCE))}")
    return Configuration(
        servers,
        limits,
        Path(baseline) if baseline is not None else None,
        configs,
        _app_setup(table, where),
        _excluded(table, where),
        keep_evidence,
    )


def _read_table(path: Path) -> object | None:
    """Return [tool.wsgi-gauntlet] in `path`, None if the file or the table is missing. Raises ConfigurationError."""
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise ConfigurationError(f"{path}: {problem.strerror}; make it a readable file") from None
    try:
        tools = tomllib.loads(text.decode()).get("tool", {})
    except RecursionError:
        raise ConfigurationError(f"{path} is not TOML: it is nested too deeply") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as problem:
        raise ConfigurationError(f"{path} is not TOML: {problem}") from None
    if not isinstance(tools, dict):
        raise ConfigurationError(f"{path}: tool must be a table: write [tool.wsgi-gauntlet]")
    table: object = tools.get("wsgi-gauntlet")
    return table


def _from_table(table: object, path: Path) -> Configuration:
    found = parse(table, str(path))
    configs = {name: path.parent / file for name, file in found.configs.items()}
    baseline = path.parent / found.baseline if found.baseline is not None else None
    return replace(found, baseline=baseline, configs=configs, app_setup=_below(path.parent, found.app_setup), file=path)


def _excluded(table: Mapping[str, object], where: str) -> tuple[str, ...]:
    names = table.get("exclude", [])
    if not isinstance(names, list) or not all(isinstance(each, str) and each.strip() for each in names):
        raise ConfigurationError(f'{where}: exclude takes a list of names: write exclude = ["http/tls"]')
    found = tuple(dict.fromkeys(str(each).strip() for each in names))
    if found:  # else importing the catalogue is not necessary
        exclusions.check_names(found, registry.cases(), registry.scenarios(), f"{where}: exclude")
    return found


def _app_setup(table: Mapping[str, object], where: str) -> AppSetupOptions:
    own = _get_table(table, "app", where)
    for name, value in own.items():
        if name not in APP_KEYS:
            raise ConfigurationError(
                f"{where}: [tool.wsgi-gauntlet.app] has an unknown key {name!r}{did_you_mean(name, APP_KEYS)}; "
                f"the keys are {', '.join(APP_KEYS)}"
            )
        if name != "static" and not isinstance(value, str):
            what = "a command" if name in APP_COMMANDS else "a path"
            raise ConfigurationError(f"{where}: app.{name} takes {what} in quotes")
    static = own.get("static", {})
    if not isinstance(static, dict) or not all(isinstance(each, str) and each for each in static.values()):
        raise ConfigurationError(f'{where}: app.static takes paths and folders: write {{"/static" = "shop/static"}}')
    texts = {name: str(own.get(name, "")).strip() for name in (*APP_PATHS, *APP_COMMANDS)}
    paths = {name: Path(texts[name]) if texts[name] else None for name in APP_PATHS}
    return AppSetupOptions(
        app_dir=paths["app-dir"],
        env_file=paths["env-file"],
        before=texts["before"],
        after=texts["after"],
        fresh_copy=paths["fresh-copy"],
        static=tuple(f"{prefix}={folder}" for prefix, folder in static.items()),
    )


def _below(folder: Path, options: AppSetupOptions) -> AppSetupOptions:
    """Return `options` with paths that begin in `folder`."""
    pairs = [each.partition("=") for each in options.static]
    return replace(
        options,
        app_dir=folder / options.app_dir if options.app_dir is not None else None,
        env_file=folder / options.env_file if options.env_file is not None else None,
        fresh_copy=folder / options.fresh_copy if options.fresh_copy is not None else None,
        static=tuple(f"{prefix}={folder / place}" for prefix, _, place in pairs),
    )


def _check_thresholds(table: Mapping[str, object], where: str, servers: Mapping[str, str]) -> None:
    scenarios: list[str] = []
    known: list[str] = []
    if thresholds.has_tables(table):  # else importing all scenarios, a tenth of a second, is not necessary
        scenarios = [each.id for each in registry.scenarios()]
        known = [*registry.adapters(), *servers, "custom"]
    thresholds.check_table(table, where, scenarios, known)


def _get_table(table: Mapping[str, object], name: str, where: str) -> Mapping[str, object]:
    found = table.get(name, {})
    if not isinstance(found, dict):
        raise ConfigurationError(f"{where}: {name} must be a table: write [tool.wsgi-gauntlet.{name}]")
    return found


def _quoted_key(name: str) -> str:
    return name if name.isprintable() else repr(name)
