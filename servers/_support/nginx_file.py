"""A configuration file of nginx that a user wrote, as directives with their places in the text. Pure, but for includes.

https://nginx.org/en/docs/beginners_guide.html#conf_structure
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.servers._support.user_configuration import MAX_FILES, included_files, read_text

SYSTEM_FOLDERS = (Path("/etc/nginx"), Path("/usr/local/nginx/conf"))
"""Where nginx of the system looks for files like `mime.types` and `uwsgi_params`."""

TOKEN = re.compile(
    r"""(?P<space>\s+)|(?P<comment>\#[^\n]*)
        |(?P<word>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|(?:\\.|\$\{[^}]*\}|[^\s;{}"'\\$]|\$(?!\{))(?:\\.|\$\{[^}]*\}|[^\s;{}\\$]|\$(?!\{))*)
        |(?P<end>;)|(?P<open>\{)|(?P<close>\})""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Directive:
    """One directive, from `start` to `end` in the text of its file. `inside` are the directives of a block."""

    name: str
    words: tuple[str, ...]
    start: int
    end: int
    inside: tuple[Directive, ...] | None = None
    body: int = 0

    @property
    def text(self) -> str:
        """The directive in one line, for people; of a block its head."""
        return " ".join((self.name, *self.words))


@dataclass(frozen=True)
class ConfigFile:
    """One file. `included` are the files of each include directive, by the place of the directive."""

    path: Path
    text: str
    directives: tuple[Directive, ...]
    included: dict[int, tuple[ConfigFile, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """A directive, its file, and the directives around it, the outermost first."""

    file: ConfigFile
    directive: Directive
    around: tuple[Directive, ...]


def unquoted(word: str) -> str:
    """Return the value of one word."""
    if len(word) > 1 and word[0] == word[-1] and word[0] in "'\"":
        return re.sub(r"\\(.)", r"\1", word[1:-1])
    return word


def parse(text: str, name: str = "the file") -> tuple[Directive, ...]:
    """Return the directives of `text`. Raises ConfigurationError with nginx's own words for a syntax error."""
    directives, place = _parse_block(text, 0, name, depth=0)
    assert place == len(text)
    return directives


def _parse_block(text: str, place: int, name: str, depth: int) -> tuple[tuple[Directive, ...], int]:
    found: list[Directive] = []
    words: list[str] = []
    start = place

    def fail(message: str) -> ConfigurationError:
        return ConfigurationError(f"{name}: nginx rejects it: {message} in {name}:{text.count(chr(10), 0, place) + 1}")

    while place < len(text):
        token = TOKEN.match(text, place)
        if token is None:
            place = len(text)
            raise fail('unexpected end of file, expecting ";" or "}"')
        kind, begin, end = token.lastgroup, token.start(), token.end()
        if kind == "word":
            start = start if words else begin
            words.append(token[0])
        elif kind == "end":
            if not words:
                raise fail('unexpected ";"')
            found.append(Directive(unquoted(words[0]), tuple(words[1:]), start, end))
            words = []
        elif kind == "open":
            if not words:
                raise fail('unexpected "{"')
            if words[0].endswith("_by_lua_block"):
                raise fail(f"{words[0]} cannot be read here; use {words[0].replace('_block', '_file')}")
            inside, end = _parse_block(text, end, name, depth + 1)
            found.append(Directive(unquoted(words[0]), tuple(words[1:]), start, end, inside, token.end()))
            words = []
        elif kind == "close":
            if words or not depth:
                raise fail('unexpected "}"')
            return tuple(found), end
        place = end
    if words:
        raise fail('unexpected end of file, expecting ";" or "}"')
    if depth:
        raise fail('unexpected end of file, expecting "}"')
    return tuple(found), place


def load(path: Path) -> ConfigFile:
    """Return the file `path` with the files that it includes. Raises ConfigurationError."""
    return _load(path, path.parent, [])


def _load(path: Path, base: Path, parents: list[Path]) -> ConfigFile:
    if path in parents or len(parents) > MAX_FILES:
        raise ConfigurationError(f"{path} includes itself; remove the include")
    text = read_text(path)
    made = ConfigFile(path, text, parse(text, str(path)))
    for each in _every(made.directives):
        if each.name == "include" and len(each.words) == 1:
            # nginx looks beside its main file, whichever file has the directive. A site lies in a folder below that.
            files = included_files(unquoted(each.words[0]), [base, path.parent, base.parent, *SYSTEM_FOLDERS])
            made.included[each.start] = tuple(_load(file, base, [*parents, path]) for file in files)
    return made


def _every(directives: Sequence[Directive]) -> Iterator[Directive]:
    for each in directives:
        yield each
        yield from _every(each.inside or ())


def walk(file: ConfigFile) -> Iterator[Found]:
    """Yield all directives of `file`, those of included files in the place of the include."""
    yield from _walk(file, file.directives, ())


def _walk(file: ConfigFile, directives: Sequence[Directive], around: tuple[Directive, ...]) -> Iterator[Found]:
    for each in directives:
        yield Found(file, each, around)
        for included in file.included.get(each.start, ()):
            yield from _walk(included, included.directives, around)
        yield from _walk(file, each.inside or (), (*around, each))
