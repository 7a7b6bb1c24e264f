"""Make the setup of a user app from the options of the user: read the env file, look for the folders."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.server.app_name import parse_app_name
from wsgi_gauntlet.harness.server.app_setup import AppSetup, AppSetupOptions
from wsgi_gauntlet.harness.server.env_file import parse_env_file
from wsgi_gauntlet.harness.server.fresh_copy import is_file, is_folder, require_copyable
from wsgi_gauntlet.harness.server.process.environment import FLASK_NAMES, is_removed
from wsgi_gauntlet.harness.server.static_mapping import StaticMapping, is_path_prefix
from wsgi_gauntlet.harness.server.user_app import CONTROL_PREFIX

MAX_ENV_FILE_BYTES = 1 << 20
"""Bytes of a file of variables; one of a project has a few thousand."""


@dataclass(frozen=True)
class ResolvedSetup:
    """An AppSetup, and the names of the variables in its env file that servers do not get."""

    setup: AppSetup
    left_out: tuple[str, ...] = ()


def resolve_app_setup(options: AppSetupOptions, app: str, folder: Path) -> ResolvedSetup:
    """Return the setup of the user app `app`, which runs in `folder`.

    Reads the env file and looks for the folders. Raises ConfigurationError, in one line.
    """
    working = folder.absolute()
    if options.fresh_copy is not None:
        require_copyable(options.fresh_copy)
    fresh_copy = options.fresh_copy.resolve() if options.fresh_copy is not None else None
    found = _variables(options.env_file)
    python_path = tuple(
        (fresh_copy or working) / each for each in found.pop("PYTHONPATH", "").split(os.pathsep) if each
    )
    left_out = tuple(sorted(each for each in found if is_removed(each) or each == "TMPDIR"))
    setup = AppSetup(
        import_folders=_import_folders(options.app_dir, app, working),
        variables={name: value for name, value in found.items() if name not in left_out},
        command_variables={name: found[name] for name in left_out if name in FLASK_NAMES},
        python_path=python_path,
        before=options.before,
        after=options.after,
        fresh_copy=fresh_copy,
        static=_static(options.static, may_be_missing=bool(options.before)),
    )
    return ResolvedSetup(setup, left_out)


def _import_folders(app_dir: Path | None, app: str, folder: Path) -> tuple[Path, ...]:
    if app_dir is not None:
        if not is_folder(app_dir):
            raise ConfigurationError(
                f"--app-dir {app_dir} is no folder; name the folder that contains the app's module"
            )
        return (app_dir.absolute(),)
    module = parse_app_name(app).module
    if _has_module(folder, module):
        return ()
    return tuple(each for each in source_folders(folder) if _has_module(each, module))


def _has_module(folder: Path, module: str) -> bool:
    place = folder.joinpath(*module.split("."))
    return is_file(place.parent / f"{place.name}.py") or is_file(place / "__init__.py")


def source_folders(project: Path) -> list[Path]:
    """Return the folders below `project` that contain packages: those that its pyproject.toml names, and src."""
    named: list[object] = []
    try:
        table: object = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8")).get("tool")
    except (OSError, ValueError, RecursionError):
        table = None  # the file belongs to other tools, which report its mistakes
    setuptools = _get(table, "setuptools")
    named.append(_get(_get(setuptools, "package-dir"), ""))
    where = _get(_get(_get(setuptools, "packages"), "find"), "where")
    named += where if isinstance(where, list) else []
    packages = _get(_get(table, "poetry"), "packages")
    named += [_get(each, "from") for each in packages] if isinstance(packages, list) else []
    for kind in ("wheel", "sdist"):
        built = _get(_get(_get(_get(_get(table, "hatch"), "build"), "targets"), kind), "packages")
        named += [str(Path(each).parent) for each in built if isinstance(each, str)] if isinstance(built, list) else []
    names = [each for each in [*named, "src"] if isinstance(each, str) and each]
    return [project / each for each in dict.fromkeys(names) if is_folder(project / each)]


def _get(table: object, name: str) -> object:
    return table.get(name) if isinstance(table, dict) else None


def _variables(env_file: Path | None) -> dict[str, str]:
    return parse_env_file(_env_file_text(env_file), str(env_file), os.environ) if env_file is not None else {}


def _env_file_text(path: Path) -> str:
    try:
        status = path.stat()
        key = (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size) if path.is_file() else ()
        return _read_env_file(path, key)
    except OSError as problem:
        raise ConfigurationError(f"--env-file {path}: {problem.strerror}; name a readable file") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"--env-file {path} is not UTF-8; save it as UTF-8") from None
    except ValueError:
        raise ConfigurationError(f"--env-file {str(path)!r} is no path; name a readable file") from None


@lru_cache(maxsize=8)
def _read_env_file(path: Path, key: tuple[int, ...]) -> str:  # noqa: ARG001 - a changed file is read again
    # A pipe, as of `--env-file <(decrypt)`, can be read once, and the candidates of a comparison share it.
    with path.open("rb") as file:
        data = file.read(MAX_ENV_FILE_BYTES + 1)
    if len(data) > MAX_ENV_FILE_BYTES:
        raise ConfigurationError(
            f"--env-file {path} is longer than {MAX_ENV_FILE_BYTES >> 20} MB; name a file of variables"
        )
    return data.decode()


def _static(texts: tuple[str, ...], *, may_be_missing: bool) -> tuple[StaticMapping, ...]:
    """Return the mappings, the longest prefix first, so that a server that takes the first match takes the best."""
    found: dict[str, StaticMapping] = {}
    for text in texts:
        prefix, equals, folder = text.partition("=")
        prefix = prefix.rstrip("/")
        if not (equals and folder):
            raise ConfigurationError(f"--static {text}: write /PREFIX=FOLDER, as /static=shop/static")
        if not is_path_prefix(prefix):
            raise ConfigurationError(
                f"--static {text}: {prefix or '/'} is no path prefix; write one as /static, of letters, digits and "
                "- . _ ~ /"
            )
        if f"{prefix}/".startswith(f"{CONTROL_PREFIX}/"):
            raise ConfigurationError(f"--static {text}: the paths below {CONTROL_PREFIX} belong to the harness")
        if prefix in found:
            raise ConfigurationError(f"--static {text}: {prefix} is given twice; give it one folder")
        if not may_be_missing and not is_folder(Path(folder)):
            raise ConfigurationError(
                f"--static {text}: {folder} is no folder; name one, or make it with --before 'python manage.py "
                "collectstatic --no-input'"
            )
        found[prefix] = StaticMapping(prefix, Path(os.path.realpath(folder)))
    return tuple(sorted(found.values(), key=lambda each: (-len(each.prefix), each.prefix)))
