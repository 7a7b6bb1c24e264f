"""A page for every case, and one for every family.

The page of `http/framing/te-and-cl` is reference/cases/http/framing/te-and-cl.html. A variant is a place on the page of
its case: `...te-and-cl.html#obs-fold`. These addresses are permanent, as ids are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from wsgi_gauntlet.harness import registry
from wsgi_gauntlet.harness.conformance.catalog import Case
from wsgi_gauntlet.harness.model import Reference
from wsgi_gauntlet.harness.model.naming import requirement_id
from wsgi_gauntlet.reports.terminal import explain
from wsgi_gauntlet.reports.text import labels

from .page import Page, block, code, escape, join, prose, table

FOLDER = "reference/cases"
SUITES = {
    "pep3333": "PEP 3333",
    "http": "HTTP/1.1 and HTTP/2",
    "frameworks": "Frameworks",
    "own-app": "Your own app",
}
"""The suites of this project with their titles. A suite of another package has its name as its title."""


LEVEL_ORDER = list(explain.LEVEL_MEANINGS)
"""The levels, the strictest first."""


def address(case: str) -> str:
    """Return the address of a case or of a variant below the root of the site."""
    requirement = requirement_id(case)
    variant = case.removeprefix(requirement).strip("/")
    return f"{FOLDER}/{requirement}.html{f'#{variant}' if variant else ''}"


def pages() -> Iterator[Page]:
    """Yield the list of families, the families, and the cases."""
    every = registry.cases()
    yield Page(f"{FOLDER}/index.md", _index(every))
    for area in families(every):
        found = _by_requirement([each for each in every if each.area == area])
        yield Page(f"{FOLDER}/{area}.md", _family(area, found))
        yield from (Page(f"{FOLDER}/{name}.md", _case(name, cases)) for name, cases in found.items())


def families(cases: Sequence[Case]) -> list[str]:
    """Return the families of `cases`, such as `http/framing`, in order."""
    return list(dict.fromkeys(each.area for each in cases))


def suite_title(suite: str) -> str:
    """Return the title of a suite."""
    return SUITES.get(suite, suite)


def _by_requirement(cases: Sequence[Case]) -> dict[str, list[Case]]:
    return {name: list(found) for name, found in groupby(cases, lambda each: requirement_id(each.id))}


def _index(every: Sequence[Case]) -> str:
    introduction = (
        f"wsgi-gauntlet has {len(every):,} cases of {len(_by_requirement(every))} requirements. Each requirement has a "
        "page with a permanent address. It says what the cases send, what they expect, which sentence demands it, and "
        "why a user cares. [Why a case has its level](../../cases.md) explains the words."
    )
    parts = [
        "# Cases",
        introduction,
        block(
            "$ wsgi-gauntlet cases                              # the same list\n"
            "$ wsgi-gauntlet explain http/framing/te-and-cl     # the same page\n"
            "$ wsgi-gauntlet check waitress --select http/framing",
            "console",
        ),
    ]
    for suite, areas in groupby(families(every), lambda each: each.split("/")[0]):
        rows = []
        for area in areas:
            found = [each for each in every if each.area == area]
            count = len(_by_requirement(found))
            rows.append((f"[{escape(area)}]({area}.md)", str(count), str(len(found)), _levels(found)))
        parts += [
            f"## {escape(suite_title(suite))}",
            table(("family", "requirements", "cases", "levels of the requirements"), rows),
        ]
    return join(*parts)


def _levels(cases: Sequence[Case]) -> str:
    levels = [found[0].level for found in _by_requirement(cases).values()]
    return ", ".join(f"{levels.count(each)} {each}" for each in dict.fromkeys(sorted(levels, key=LEVEL_ORDER.index)))


def _family(area: str, found: dict[str, list[Case]]) -> str:
    rows = []
    for name, cases in found.items():
        short = name.removeprefix(f"{area}/")
        variants = str(len(cases)) if len(cases) > 1 else ""
        level = f"{cases[0].level}{', security' if 'security' in cases[0].tags else ''}"
        link = f"[{escape(short)}]({area.rpartition('/')[2]}/{short}.md)"
        rows.append((link, prose(cases[0].summary), level, variants))
    count = sum(map(len, found.values()))
    return join(
        f"# {escape(area)}",
        f"[All cases](../index.md) · {len(found)} requirements, {count} cases",
        table(("case", "what it checks", "level", "variants"), rows),
        "## Run this family",
        block(f"$ wsgi-gauntlet check SERVER --select {area}", "console"),
    )


def _case(name: str, cases: Sequence[Case]) -> str:
    case = cases[0]
    area = case.area
    parts = [
        f"# {escape(name)}",
        f"[All cases](../../index.md) · [{escape(area)}](../{area.rpartition('/')[2]}.md) · "
        + " · ".join([f"**{case.level}**", *map(escape, case.tags)]),
        prose(case.summary),
    ]
    for title, text in (("Sends", case.sent), ("Expects", case.expected), ("Why it matters", case.why)):
        if text:
            parts += [f"## {title}", prose(text[0].upper() + text[1:])]
    parts += [
        "## The sentence that demands it",
        f"> {escape(case.reference.quote)}",
        _source(case.reference),
        f"**Basis of the level.** {prose(labels.basis(case.basis))}",
        _source(case.basis.rule) if case.basis.rule else "",
    ]
    parts += [
        "## How it is run",
        table(("property", "value"), [(label, _fact(label, text)) for label, text in explain.facts(case)]),
    ]
    if len(cases) > 1:
        parts += [
            f"## {len(cases)} variants",
            "They differ only in their input. Each has its own verdict.",
            _variants(name, cases),
        ]
    commands = [f"$ wsgi-gauntlet check SERVER --select {name}", f"$ wsgi-gauntlet replay SERVER {cases[0].id}"]
    return join(*parts, "## Try it", block("\n".join(commands), "console"))


def _source(reference: Reference) -> str:
    return f"[{escape(f'{reference.document}, {reference.section}')}]({reference.url})"


def _fact(label: str, text: str) -> str:
    """Return a sentence of `facts`. It begins with the id of a case if the label is `Needs`."""
    if label != "Needs":
        return prose(text)
    need, _, rest = text.partition(" ")
    path, _, anchor = address(need).removeprefix(f"{FOLDER}/").partition(".html")
    return f"[{code(need)}](../../{path}.md{anchor}) {escape(rest)}"


def _variants(name: str, cases: Sequence[Case]) -> str:
    breaches = len({each.breach for each in cases}) > 1
    rows = []
    for each in cases:
        variant = each.id.removeprefix(f"{name}/")
        link = f'<span id="{escape(variant)}"></span>[{code(variant)}](#{variant})'
        rows.append(
            (link, *([labels.BREACHES[each.breach] or "nobody breaks a rule"] if breaches else [code(each.id)]))
        )
    return table(("variant", "breach" if breaches else "id"), rows)
