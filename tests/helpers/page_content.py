"""The whole content of a report page: its text and its packed data."""

from __future__ import annotations

import json
import re
from pathlib import Path

from wsgi_gauntlet.reports.writers.html.blocks import unpack


def page_content(page: Path) -> str:
    """Return the markup of `page` and, behind it, the JSON of each of its blocks."""
    text = page.read_text("utf-8")
    blocks = re.findall(r'data-block="([^"]*)">([^<]*)<', text)
    assert blocks, "a page has at least its index"
    return "\n".join([text, *(f"{name}: {json.dumps(unpack(data), ensure_ascii=False)}" for name, data in blocks)])
