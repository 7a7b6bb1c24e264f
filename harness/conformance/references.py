"""Name the source of a requirement: document, section, sentence and link.

PEP 3333: https://peps.python.org/pep-3333/ · RFC 9110 (HTTP semantics) · RFC 9112 (HTTP/1.1).
"""

from __future__ import annotations

import re

from wsgi_gauntlet.harness.model import Reference


def pep3333(section: str, quote: str) -> Reference:
    """PEP 3333; `section` is the heading in the document, which also gives the anchor of the link."""
    anchor = re.sub(r"[^a-z0-9]+", "-", section.lower()).strip("-")
    return Reference("PEP 3333", section, quote, f"https://peps.python.org/pep-3333/#{anchor}")


def rfc9110(section: str, quote: str) -> Reference:
    """RFC 9110, HTTP Semantics; `section` is a number such as "9.3.2"."""
    return _rfc(9110, section, quote)


def rfc9112(section: str, quote: str) -> Reference:
    """RFC 9112, HTTP/1.1; `section` is a number such as "6.3"."""
    return _rfc(9112, section, quote)


def _rfc(number: int, section: str, quote: str) -> Reference:
    kind = "appendix" if section[:1].isalpha() else "section"
    url = f"https://www.rfc-editor.org/rfc/rfc{number}.html#{kind}-{section}"
    return Reference(f"RFC {number}", section, quote, url)
