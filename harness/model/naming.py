"""What catalogues and reports share: ids of requirements, parts of a docstring, and the nearest name for an error."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import lru_cache

from wsgi_gauntlet.harness.model.conformance import CaseInfo

USER_APP_CASE_PREFIX = "own-app/"
"""The prefix of the ids of cases about the user app; all other cases are about the server."""

MAX_PATHS_LISTED = 4
"""Ids in one message: they fit into two lines of a terminal."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ' (did you mean ...?)' if a known name is similar to `name`, else ''."""
    near = _similar(name, list(known), 2, 0.6)
    return f" (did you mean {' or '.join(near)}?)" if near else ""


def find_paths(name: str, ids: Iterable[str]) -> list[str]:
    """Return the ids and families of `ids` that `name` means: itself, or each that ends with it.

    `te-and-cl` means `http/framing/te-and-cl`, if no other id or family has this last part. A variant is meant only if
    nothing else ends with `name`.
    """
    wanted, paths = name.strip("/"), _paths(ids)
    if wanted in paths:
        return [wanted]
    found = [each for each in paths if each.endswith(f"/{wanted}")]
    return [each for each in found if not _is_variant(each)] or found


def within(path: str, ids: Iterable[str]) -> list[str]:
    """Return the ids that are `path` or belong to the family `path`."""
    return [each for each in ids if each == path or each.startswith(f"{path}/")]


def list_paths(paths: Sequence[str], ids: Collection[str]) -> str:
    """Return the first of `paths` for a sentence, a family with the number of its members."""
    sizes = {each: len(within(each, ids)) for each in paths[:MAX_PATHS_LISTED]}
    named = [f"{each} ({size} of them)" if size > 1 else each for each, size in sizes.items()]
    if len(paths) > MAX_PATHS_LISTED:
        named.append(f"{len(paths) - MAX_PATHS_LISTED} more")
    return f"{', '.join(named[:-1])} or {named[-1]}" if len(named) > 1 else named[0]


def nearest_path(name: str, ids: Iterable[str]) -> str:
    """Return ' (did you mean ...?)' if an id, a family or their last parts are similar to `name`, else ''."""
    by_ending: dict[str, list[str]] = {}
    for path in _paths(ids):
        parts = path.split("/")
        for start in range(len(parts) - _is_variant(path)):
            by_ending.setdefault("/".join(parts[start:]), []).append(path)
    near = [path for each in _similar(name.strip("/"), list(by_ending), 3, 0.65) for path in by_ending[each]]
    shown: list[str] = []
    for each in dict.fromkeys(near):
        if len(shown) < 3 and not any(each.startswith(f"{other}/") for other in shown):
            shown.append(each)
    return f" (did you mean {' or '.join(shown)}?)" if shown else ""


def _similar(name: str, known: list[str], most: int, cutoff: float) -> list[str]:
    """Return the names in `known` that are similar to `name`, the nearest first, at most `most`."""
    from difflib import get_close_matches  # only errors need it, and each command imports this module

    return get_close_matches(name, known, n=most, cutoff=cutoff)


def _is_variant(path: str) -> bool:
    return path.count("/") == 3


def _paths(ids: Iterable[str]) -> dict[str, None]:
    """Return all ids and the families that they belong to, in order."""
    found: dict[str, None] = {}
    for each in ids:
        parts = each.split("/")
        found.update(dict.fromkeys("/".join(parts[: size + 1]) for size in range(len(parts))))
    return found


@lru_cache(16_384)
def requirement_id(case: str) -> str:
    """Return the id that the variants of a case share: suite/file/function of `suite/file/function/variant`."""
    return case.rpartition("/")[0] if _is_variant(case) else case


def group_variants(cases: Iterable[CaseInfo]) -> dict[str, list[CaseInfo]]:
    """Return `cases` by the id of their requirement: its variants are one group, in the place of the first one."""
    groups: dict[str, list[CaseInfo]] = {}
    for each in cases:
        groups.setdefault(requirement_id(each.id), []).append(each)
    return groups


def docstring_sections(function: Callable[..., object]) -> dict[str, str]:
    """Return the parts of a docstring by label: '' is the first paragraph. A part without a label belongs to `Why`."""
    found = {"": "", "Sends": "", "Expects": "", "Why": ""}
    first, *rest = re.split(r"\n\s*\n|\n(?=(?:Sends|Expects|Why):)", inspect.cleandoc(function.__doc__ or ""))
    found[""] = " ".join(first.split())
    for part in rest:
        label, colon, text = part.partition(":")
        known = bool(colon) and label in found
        name, content = (label, text) if known else ("Why", part)
        found[name] = " ".join(f"{found[name]} {content}".split())
    return found
