"""The addresses of views in report.html: the fragment of its URL says what is shown."""

from __future__ import annotations

from urllib.parse import quote


def part(text: str, safe: str = "") -> str:
    """Return `text` for one part of a fragment; a lone surrogate becomes an escape."""
    return quote(text, safe=safe, errors="backslashreplace")


def cell_fragment(server: str, case: str) -> str:
    """Return the address of a cell, as `#/cell/gunicorn%3Async/http/framing/te-and-cl`."""
    return f"#/cell/{part(server)}/{part(case, '/')}"
