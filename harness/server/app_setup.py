"""How the team of a user app runs it: where it is imported from, its variables, its commands, its files.

`AppSetupOptions` is what the user wrote, `AppSetup` is what a plan carries. app_setup_resolver.py makes the second of
the first.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote, urlsplit

from wsgi_gauntlet.harness.server.fresh_copy import is_left_out
from wsgi_gauntlet.harness.server.static_mapping import StaticMapping

MIN_SECRET_CHARACTERS = 6
"""Shorter values are parts of many words, and say little."""

MIN_SECRET_DIGITS = 8
"""Numbers with fewer digits are sizes and ports, which are usual in logs."""

COMMON_VALUES = frozenset({"127.0.0.1", "0.0.0.0", "localhost", "production", "development", "staging", "testing"})
"""Values that are no secrets and usual in logs."""


@dataclass(frozen=True)
class AppSetupOptions:
    """What the user wrote, on the command line or in pyproject.toml. `static` has texts of the form /PREFIX=FOLDER."""

    app_dir: Path | None = None
    env_file: Path | None = None
    before: str = ""
    after: str = ""
    fresh_copy: Path | None = None
    static: tuple[str, ...] = ()

    def over(self, other: AppSetupOptions) -> AppSetupOptions:
        """Return these options, and those of `other` where these have none."""
        return AppSetupOptions(
            **{each.name: getattr(self, each.name) or getattr(other, each.name) for each in fields(self)}
        )

    def words(self) -> list[str]:
        """Return the words of a command line with these options."""
        found = [
            word
            for option, value in (
                ("--app-dir", self.app_dir),
                ("--env-file", self.env_file),
                ("--before", self.before),
                ("--after", self.after),
                ("--fresh-copy", self.fresh_copy),
            )
            if value
            for word in (option, str(value))
        ]
        return [*found, *(word for each in self.static for word in ("--static", each))]

    @property
    def given(self) -> str:
        """The first of these options that has a value, as `--before`; '' if none has one."""
        return next(iter(self.words()), "")


@dataclass(frozen=True)
class AppSetup:
    """How a server instance gets the user app. All paths are absolute.

    The app is imported from `import_folders`, then from the folder of the plan. `variables` are those of the env file,
    `command_variables` those that the user's commands get and servers do not, and `python_path` are the folders of its
    PYTHONPATH. `before` and `after` are commands of the user. Each server instance
    gets a copy of `fresh_copy`; `copy` is that of this instance, None before it is made.
    """

    import_folders: tuple[Path, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    command_variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    python_path: tuple[Path, ...] = ()
    before: str = ""
    after: str = ""
    fresh_copy: Path | None = None
    static: tuple[StaticMapping, ...] = ()
    copy: Path | None = None

    @property
    def needs_preparation(self) -> bool:
        """Whether something must be done before a server starts, or after it stopped."""
        return bool(self.before or self.after or self.fresh_copy)

    def is_copied(self, path: Path) -> bool:
        """Return whether `path` is among what each server instance gets a copy of: not in a virtual environment."""
        if self.fresh_copy is None:
            return False
        real = Path(os.path.realpath(path))
        # The copies may lie in the folder themselves.
        if not real.is_relative_to(self.fresh_copy) or (self.copy is not None and real.is_relative_to(self.copy)):
            return False
        return not is_left_out(self.fresh_copy, real.relative_to(self.fresh_copy))

    def placed(self, path: Path) -> Path:
        """Return `path` in the fresh copy if it was copied, else `path` itself."""
        if self.copy is None or self.fresh_copy is None or not self.is_copied(path):
            return path
        return self.copy / Path(os.path.realpath(path)).relative_to(self.fresh_copy)

    def with_copy(self, copy: Path) -> AppSetup:
        """Return this setup for the instance whose fresh copy is `copy`."""
        placed = replace(self, copy=copy)
        return replace(
            placed,
            import_folders=tuple(map(placed.placed, self.import_folders)),
            python_path=tuple(map(placed.placed, self.python_path)),
            static=tuple(StaticMapping(each.prefix, placed.placed(each.folder)) for each in self.static),
        )

    def for_people(self, text: str) -> str:
        """Return `text` with the name in place of each value of the env file that may be a secret.

        The folder of the user stands in place of its fresh copy.
        """
        if self.copy is not None:
            text = text.replace(str(self.copy), str(self.fresh_copy))
        for value, name in self._secrets:
            text = text.replace(value, f"(value of {name})")
        return text

    def command_for_people(self, command: str) -> str:
        """Return a command line for a shell with `for_people` of each word."""
        return shlex.join(map(self.for_people, shlex.split(command)))

    @cached_property
    def _secrets(self) -> list[tuple[str, str]]:
        """The values that must not be shown, with their names, the longest first."""
        found: dict[str, str] = {}
        for name, value in self.variables.items():
            for secret in _forms(value):
                least = MIN_SECRET_DIGITS if secret.isdigit() else MIN_SECRET_CHARACTERS
                if len(secret) >= least and secret not in COMMON_VALUES:
                    found.setdefault(secret, name)
        return sorted(found.items(), key=lambda each: -len(each[0]))

    def conditions(self) -> dict[str, object]:
        """Return what a reader of a figure must know, without any value."""
        named: dict[str, object] = {
            "variables of the env file": ", ".join(sorted(self.variables)),
            "before": self.for_people(self.before),
            "after": self.for_people(self.after),
            "fresh copy of": str(self.fresh_copy or ""),
        }
        return {name: value for name, value in named.items() if value}


def _forms(value: str) -> Iterator[str]:
    """Yield the texts as which `value`, a line of it or its password may be in a message: also as Python writes it."""
    password = _password(value)
    for each in (value, *value.splitlines(), password, unquote(password)):
        plain = each.strip()
        yield plain
        yield " ".join(plain.split())
        yield repr(plain)[1:-1]


def _password(value: str) -> str:
    """Return the password in `value` if it is a URL with one, as of a database; else ''."""
    try:
        return urlsplit(value).password or ""
    except ValueError:
        return ""
