"""What catalogues and reports share: ids of requirements, parts of a docstring, and the nearest name for an error."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from difflib import get_close_matches

from wsgi_gauntlet.harness.model.conformance import CaseInfo

USER_APP_CASE_PREFIX = "own-app/"
"""The prefix of the ids of cases about the user app; all other cases are about the server."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ' (did you mean ...?)' if a known name is similar to `name`, else ''."""
    near = get_close_matches(name, list(known), n=2, cutoff=0.6)
    return f" (did you mean {' or '.join(near)}?)" if near else ""


def requirement_id(case: str) -> str:
    """Return the id that the variants of a case share: suite/file/function of `suite/file/function/variant`."""
    return case.rpartition("/")[0] if case.count("/") == 3 else case


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
