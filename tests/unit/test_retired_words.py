"""No identifier, public text, template or document uses a word that docs/concepts.md replaced by a standard term."""

from __future__ import annotations

import functools
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

RETIRED = (
    "aftermath|arena|artefacts?|aside|besieged?|borrowed|cohort|companions|crowds?|degrades|elsewhere|farewell|fastlane|"
    "fence|folklore|hoarders?|holding|hurried|immune|impatient|knocking|lanes?|leftover|lend|lends|lent|lineup|looking|"
    "narrowing|neighbours?|newcomers?|openlane|ordinary|ours|owes|ownapp|personas?|pulse|reaped|reaping|remarks?|rooms|"
    "saint|sieges?|spoiled|stranded|telling|told|troubles?|twins?|vanish|vanishing|wedged"
)
"""Words of the first version. docs/concepts.md has the terms that stand in their place."""

ALLOWED = {
    "tests/unit/test_retired_words.py": RETIRED,
    "CHANGELOG.md": RETIRED,  # names what was renamed
    "harness/store/schema_1.py": RETIRED,  # reads results of the first version
    "tests/unit/harness/store/test_schema_1.py": RETIRED,
    "tests/unit/docs/test_documents.py": "immune|degrades|wedged",  # looks for the old grades in the picture
    "tests/unit/reports/golden/": RETIRED,  # a run that the first version recorded
    "reports/analysis/pep3333_sentences.toml": "elsewhere",  # PEP 3333 says so
    "suites/http/references.py": "aside",  # RFC 9112 says so
    "suites/http/connection/persistence.py": "reaped",  # the id of a case: ids stay
    "reports/terminal/progress.py": "pulse",  # a parameter of rich
}
"""Files, or folders, that must name retired words, and which (a regular expression)."""

WORDS = re.compile(rf"(?<![a-z])(?:{RETIRED})(?![a-z])", re.IGNORECASE)
LETTERS = re.compile(r"[a-zA-Z]+")
CODE = ("harness", "suites", "servers", "reports", "tests", "benchmarks")
TEXT_SUFFIXES = {".md", ".j2", ".js", ".css", ".html", ".toml", ".yml", ".yaml", ".json", ".txt"}


def split_identifier(name: str) -> str:
    """Return `name` with its words apart: `SlowClientPool` and `slow_client_pool` give the same."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|_", " ", name)


@functools.cache
def is_retired(word: str) -> bool:
    """Return whether `word`, which has only letters, is retired."""
    return WORDS.fullmatch(word) is not None


def found_in(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the word of each retired word in the file.

    Most files have none. To look at their different words alone takes a tenth of the time.
    """
    whole = path.read_text()
    if not any(map(is_retired, set(LETTERS.findall(split_identifier(whole))))):
        return
    if path.suffix != ".py":
        for number, line in enumerate(whole.splitlines(), 1):
            yield from ((number, each.group().lower()) for each in WORDS.finditer(split_identifier(line)))
        return
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type in (tokenize.NAME, tokenize.STRING, tokenize.COMMENT):
                text = split_identifier(token.string)
                for each in WORDS.finditer(text):
                    yield token.start[0] + text.count("\n", 0, each.start()), each.group().lower()


def files() -> Iterator[Path]:
    """Yield every file of the project that people read."""
    for folder in (*CODE, "docs", ".github"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix == ".py" or path.suffix in TEXT_SUFFIXES:
                yield path
    yield from sorted(ROOT.glob("*.md"))


def retired_words() -> list[str]:
    """Return `path:line: word` of every retired word of the project."""
    found = []
    for path in files():
        name = str(path.relative_to(ROOT))
        allowed = next((words for prefix, words in ALLOWED.items() if name.startswith(prefix)), "")
        found += [f"{name}:{line}: {word}" for line, word in found_in(path) if not re.fullmatch(allowed, word)]
    return found


def test_no_retired_word_is_used() -> None:
    found = retired_words()
    assert not found, f"{len(found)} retired words; docs/concepts.md has the terms to use:\n" + "\n".join(found)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("arena = 1\n", ["arena"]),
        ("class SiegeResult: ...\n", ["siege"]),
        ("is_wedged = 1\n", ["wedged"]),
        ("x = 'all told'\n", ["told"]),
        ("# the newcomers\n", ["newcomers"]),
        ("planes = 'explained arenas'\n", []),
    ],
)
def test_the_search_finds_words_in_names_texts_and_comments(source: str, words: list[str], tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text(source)
    assert [word for _, word in found_in(file)] == words


if __name__ == "__main__":
    print("\n".join(retired_words()))  # noqa: T201 - a list to work through
