"""The frameworks, and how a case is asked of each: `@for_each_framework` makes `frameworks/django/form` and four more
of `form`.

The apps are suites/apps/in_*.py; what they have in common is embedded.py beside them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from wsgi_gauntlet.harness.conformance.catalog import Case, CaseVariants
from wsgi_gauntlet.harness.model import Setup

FRAMEWORKS: Mapping[str, str] = {
    "flask": "Flask",
    "django": "Django",
    "pyramid": "pyramid",
    "falcon": "falcon",
    "bottle": "bottle",
}
"""Each framework by the word for it in ids, with its name on the package index."""


def for_each_framework(case: Case | CaseVariants) -> CaseVariants:
    """Return `case` once for each framework, served the app that is written with it.

    What becomes of a request that comes in pieces other cases ask; these are about what a whole one comes to.
    """
    assert isinstance(case, Case)
    suite, _, case_name = case.id.rsplit("/", 2)
    return CaseVariants(
        tuple(
            replace(
                case,
                segmentable=False,
                id=f"{suite}/{name}/{case_name}",
                setup=Setup(app=f"gauntlet_apps.frameworks.{name}_app:application", distribution=distribution),
            )
            for name, distribution in FRAMEWORKS.items()
        )
    )
