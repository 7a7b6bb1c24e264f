"""`@for_each_framework` makes one case per framework: `frameworks/django/form` and four others from `form`.

The apps are in suites/testapp/frameworks.
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
"""The name of each framework in ids, with its name on the package index."""


def for_each_framework(case: Case | CaseVariants) -> CaseVariants:
    """Return `case` once for each framework, with the app that uses it.

    Segmented requests are the subject of other cases.
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
