"""The views of the page, and how one is added.

A view is two files with the same name, and perhaps a third. Nothing else has to change:

1. `views/NAME.py` has a `VIEW`. Its `block` returns the data of the view as a value that JSON can hold, or None if the
   run has none. Then the view has no entry in the navigation.
2. `assets/js/views/NAME.js` has `export function render(context, params)`. It returns a node, or a promise of one. The
   node begins with an `h1`.
3. `assets/css/NAME.css` has its styles, if it needs some.

`context` is `{store, go(fragment), link(route, path, query), openCell(serverIndex, caseIndex), cellLink(serverIndex,
caseIndex), setAddress(fragment), toast(text), views}`. `await context.store.block("view/NAME")` is the data that
`block` returned. `params` is `{route, path, rest, tail, query}`: the first word of the fragment, the words after it
(decoded), all of them joined, all but the first joined (ids of cases have slashes), and a URLSearchParams. The modules
dom.js, data.js, search.js, grid.js, copy.js and export.js are for views. dom.js makes elements: text of servers is
never markup.

A view is rendered when the fragment begins with its name (`not_judged`: `#/not-judged`) or with one of its `routes`. If
two views have the same route, the first of the navigation is rendered. A view with `in_sheet` is shown beside the last
view.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from wsgi_gauntlet.harness.model import Results


def no_blocks(_: Results) -> Mapping[str, object]:
    """Return no blocks."""
    return {}


@dataclass(frozen=True, kw_only=True)
class View:
    """One view.

    `title` is its name in the navigation. The navigation is sorted by `order`. `routes` are further first words of its
    fragments. `blocks` returns further blocks of data by name, for example `load/SCENARIO`.
    """

    name: str
    title: str
    block: Callable[[Results], Mapping[str, object] | None]
    order: int = 50
    routes: tuple[str, ...] = ()
    in_navigation: bool = True
    in_sheet: bool = False
    blocks: Callable[[Results], Mapping[str, object]] = no_blocks

    @property
    def address(self) -> str:
        """The first word of its fragments: its name with hyphens."""
        return self.name.replace("_", "-")


def views() -> list[View]:
    """Return the `VIEW` of each module in `views/`, by order and name."""
    from wsgi_gauntlet.reports.writers.html import views as package

    modules = [
        importlib.import_module(f"{package.__name__}.{each.name}") for each in pkgutil.iter_modules(package.__path__)
    ]
    found: list[View] = [each.VIEW for each in modules if hasattr(each, "VIEW")]
    return sorted(found, key=lambda each: (each.order, each.name))
