"""The frameworks, and how a case is asked of each: `@in_each` makes `frameworks/django/form` and four more of `form`.

The apps are suites/apps/in_*.py; what they have in common is embedded.py beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from ...harness.catalog import Case, Family
from ...harness.model import Setup

FRAMEWORKS: Mapping[str, str] = {
    "flask": "Flask",
    "django": "Django",
    "pyramid": "pyramid",
    "falcon": "falcon",
    "bottle": "bottle",
}
"""Each framework by the word for it in ids, with its name on the package index."""


def in_each(case: Case | Family) -> Family:
    """Return `case` once for each framework, served the app that is written with it.

    What becomes of a request that comes in pieces other cases ask; these are about what a whole one comes to.
    """
    assert isinstance(case, Case)
    suite, _, what = case.id.rsplit("/", 2)
    return Family(
        tuple(
            replace(
                case,
                cut=False,
                id=f"{suite}/{name}/{what}",
                setup=Setup(app=f"gauntlet_apps.in_{name}:application", distribution=distribution),
            )
            for name, distribution in FRAMEWORKS.items()
        )
    )
