"""Links between the documents, the top folder and the generated pages, as the site needs them. Pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Collection

from .navigation import PROJECT

_LINK = re.compile(r"\[([^\]\n]+)\]\(([^)\s]+)\)")
_BLOCK_START = re.compile(r"^(```+)(\w+) +([^\n]+)$", re.MULTILINE)
_FILE = re.compile(r"file=(\S+)")
_BLOCK = re.compile(r"(^```.*?^```+$)", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"(<a[ >].*?</a>|<pre[ >].*?</pre>)|<code>([a-z0-9][a-z0-9/._-]*/[a-z0-9/._-]+)</code>", re.DOTALL)


def for_site(text: str, source: str, pages: Collection[str]) -> str:
    """Return the document `source` (its path in the repository) with links that work on the site.

    `pages` are the paths of all pages below docs/. A link to a file that is no page becomes its text.
    """
    here = site_path(source)

    def replace(found: re.Match[str]) -> str:
        words, link = found.groups()
        path, mark, anchor = link.partition("#")
        if not path or "://" in path or path.startswith("mailto:"):
            return found[0]
        wanted = site_path(posixpath.normpath(posixpath.join(posixpath.dirname(source), path)))
        if wanted not in pages:
            return words
        return f"[{words}]({posixpath.relpath(wanted, posixpath.dirname(here) or '.')}{mark}{anchor})"

    parts = _BLOCK.split(_BLOCK_START.sub(_block_start, text))
    return "".join(each if each.startswith("```") else _LINK.sub(replace, each) for each in parts)


def site_path(path: str) -> str:
    """Return the path below docs/ of the page that is made of the file `path` of the repository."""
    return f"project/{path.lower()}" if path in PROJECT else path.removeprefix("docs/")


def _block_start(found: re.Match[str]) -> str:
    """Return the first line of a block of code without the words that only the tests need."""
    file = _FILE.search(found[3])
    return f"{found[1]}{found[2]}" + (f' title="{file[1]}"' if file else "")


def link_ids(html: str, page: str, address: Callable[[str], str]) -> str:
    """Return the HTML of a page with a link at each id of a case or scenario that stands alone in code.

    `page` is the address of the page. `address` returns the address of an id, '' for other texts.
    """

    def replace(found: re.Match[str]) -> str:
        wanted = address(found[2]) if found[2] else ""
        if not wanted or wanted.partition("#")[0] == page:
            return found[0]
        return f'<a href="{posixpath.relpath(wanted, posixpath.dirname(page) or ".")}">{found[0]}</a>'

    return _CODE.sub(replace, html)
