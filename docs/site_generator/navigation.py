"""The navigation of the site: tutorial, how-to guides, reference and explanation.

The pages by hand that exist are found by name. A page that no section names is a how-to guide.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

HOME, SAMPLE = "index.md", "sample.md"

TUTORIAL = {"tutorial.md": "From install to the first report"}

GUIDES = {
    "servers.md": "My server: names, versions, adapters",
    "deployment.md": "My configuration files",
    "targets.md": "A server that is already running, or in a container",
    "nginx.md": "nginx in front",
    "user-app.md": "My app",
    "own-app.md": "My app's database, files and variables",
    "traffic.md": "My users' traffic",
    "load.md": "Load and slow clients",
    "compare.md": "Which one is faster?",
    "recommend.md": "Find the best deployment",
    "ci.md": "CI",
    "pytest.md": "pytest",
    "cluster.md": "A cluster",
    "replay.md": "Watch one case and share it",
    "fuzz.md": "Find differences by fuzzing",
}

EXPLANATION = {
    "method.md": "How it measures",
    "reading-results.md": "How to read a verdict and a grade",
    "limits.md": "What passing does not prove",
    "cases.md": "Why a case has its level",
    "compare-method.md": "How compare decides",
    "claims.md": "Claims, measured",
    "in-process.md": "Handlers without a socket",
    "performance.md": "Where the time of a check goes",
}

REFERENCE = {"concepts.md": "All terms", "lint.md": "Lint"}

PROJECT = {
    "CHANGELOG.md": "Changes",
    "CONTRIBUTING.md": "Contributing",
    "ARCHITECTURE.md": "Architecture",
    "SECURITY.md": "Security",
}
"""Files of the top folder, which are pages below project/."""

Entry = str | dict[str, "str | list[Entry]"]
"""An entry of the navigation: the path of a page, or a title with a path or with more entries."""


def navigation(written: Collection[str], generated: Mapping[str, Mapping[str, str]]) -> list[Entry]:
    """Return the navigation as mkdocs takes it.

    `written` are the names of the files in docs/. `generated` has the path of each generated page that the navigation
    shows by its title, in groups. A group of one page has no level of its own.
    """
    named = {*TUTORIAL, *GUIDES, *EXPLANATION, *REFERENCE, HOME, SAMPLE}
    others = sorted(each for each in written if each not in named)
    reference: list[Entry] = [
        {group: next(iter(pages.values())) if len(pages) == 1 else [{title: path} for title, path in pages.items()]}
        for group, pages in generated.items()
    ]
    project: list[Entry] = [{title: f"project/{name.lower()}"} for name, title in PROJECT.items()]
    return [
        {"Home": HOME},
        {"Tutorial": _existing(TUTORIAL, written)},
        {"How-to guides": [*_existing(GUIDES, written), *others]},
        {"Reference": [*reference, *_existing(REFERENCE, written)]},
        {"Explanation": _existing(EXPLANATION, written)},
        {"Sample report": SAMPLE},
        {"Project": project},
    ]


def _existing(titles: Mapping[str, str], written: Collection[str]) -> list[Entry]:
    return [{title: name} for name, title in titles.items() if name in written]
