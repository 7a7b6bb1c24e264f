"""The normative sentences of PEP 3333 in its order, each with the cases that check it."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources

CASE_PREFIX = "pep3333/"
"""The start of the ids of the cases."""

PEP_URL = "https://peps.python.org/pep-3333/"

_FILENAME = "pep3333_sentences.toml"


@dataclass(frozen=True)
class Sentence:
    """One normative sentence.

    `cases` are ids without CASE_PREFIX, or the start of several ids. A sentence without cases has `binds` (app,
    middleware, deployer, permission or untestable) and the `reason`.
    """

    quote: str
    cases: tuple[str, ...] = ()
    binds: str = ""
    reason: str = ""

    def cases_of(self, ids: Iterable[str]) -> list[str]:
        """Return those of `ids` that check this sentence."""
        wanted = [f"{CASE_PREFIX}{each}" for each in self.cases]
        return [id_ for id_ in ids if any(id_ == each or id_.startswith(f"{each}/") for each in wanted)]


@functools.cache
def pep3333_sentences() -> Mapping[str, tuple[Sentence, ...]]:
    """Return the sentences by section, in the order of the PEP."""
    text = resources.files(__package__).joinpath(_FILENAME).read_text("utf-8")
    return {
        section: tuple(
            Sentence(each["quote"], tuple(each.get("cases", ())), each.get("binds", ""), each.get("reason", ""))
            for each in sentences
        )
        for section, sentences in tomllib.loads(text).items()
    }
