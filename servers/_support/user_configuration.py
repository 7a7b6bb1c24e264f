"""Helpers for adapters that use a configuration file of the user: read it, edit its text, list what was replaced."""

from __future__ import annotations

from pathlib import Path

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.model import ConfigOverride
from wsgi_gauntlet.harness.server.adapter import Launch

NOT_USED = "not used"
"""The new value of a setting that the harness leaves out."""

MAX_FILES = 500
"""Files that one configuration may include."""


def static_with_file_reason(server: str, launch: Launch) -> str:
    """Return that `server` sends the files that its own file says, if it has one and the user maps others; else ''."""
    if launch.config is None or not launch.static:
        return ""
    return f"{server} sends the static files that {launch.config} maps: leave out --static, or its --config"


class Overrides:
    """The settings of the file that the harness replaces, each once."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._found: dict[ConfigOverride, None] = {}

    def add(self, setting: str, was: str, now: str = NOT_USED) -> None:
        """Add one setting, unless the harness uses the same value."""
        if was != now:
            self._found[ConfigOverride(self._server, setting, " ".join(was.split()), now)] = None

    @property
    def found(self) -> tuple[ConfigOverride, ...]:
        """All settings that were added."""
        return tuple(self._found)


class Edits:
    """Replacements in one text. The text keeps its lines, so that the server's messages name the right one."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._edits: list[tuple[int, int, str]] = []

    def replace(self, start: int, end: int, new: str) -> None:
        """Replace the text from `start` to `end`. Ignore it if it lies in an earlier replacement."""
        if not any(begin <= start < stop for begin, stop, _ in self._edits):
            self._edits.append((start, end, new))

    def insert(self, place: int, new: str) -> None:
        """Insert `new` before `place`."""
        self._edits.append((place, place, new))

    def apply(self) -> str:
        """Return the edited text."""
        parts, done = [], 0
        for start, end, new in sorted(self._edits, key=lambda each: each[:2]):
            if start < done:
                continue  # it lies in a block that was replaced as a whole
            missing_lines = self._text.count("\n", start, end) - new.count("\n")
            parts += [self._text[done:start], new, "\n" * missing_lines]
            done = end
        return "".join([*parts, self._text[done:]])


def read_text(path: Path) -> str:
    """Return the text of a configuration file. Raises ConfigurationError if it cannot be read or is not UTF-8."""
    try:
        text = path.read_bytes().decode()
    except OSError as problem:
        raise ConfigurationError(f"cannot read {path}: {problem.strerror}; correct the path") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not UTF-8; convert it") from None
    if "\0" in text:
        raise ConfigurationError(f"{path} is no text; name a configuration file")
    return text


def included_files(pattern: str, folders: list[Path]) -> list[Path]:
    """Return the files that match `pattern` in the first of `folders` that has one; an absolute pattern needs none."""
    if pattern.startswith("/"):
        return sorted(Path("/").glob(pattern.lstrip("/")))
    return next(filter(None, (sorted(folder.glob(pattern)) for folder in folders)), [])


def copy_name(number: int, path: Path, group: str = "") -> str:
    """Return the name of the copy of an included file in the launch folder.

    The copies of one include directive have the same `group`, a folder, and are sorted there as they were included.
    """
    plain = "".join(each if each.isalnum() or each in "._-" else "-" for each in path.name)
    return f"config/{group}{number:04}-{plain}"
