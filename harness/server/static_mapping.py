"""Static files of the user app that a server sends by itself (`--static`), and their media types. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

_PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]+)+")
"""A path prefix of static files: each server takes these letters as they are."""

DEFAULT_MEDIA_TYPE = "application/octet-stream"

MEDIA_TYPES: Mapping[str, str] = MappingProxyType(
    {
        "avif": "image/avif",
        "css": "text/css",
        "csv": "text/csv",
        "gif": "image/gif",
        "htm": "text/html",
        "html": "text/html",
        "ico": "image/x-icon",
        "jpeg": "image/jpeg",
        "jpg": "image/jpeg",
        "js": "text/javascript",
        "json": "application/json",
        "map": "application/json",
        "mjs": "text/javascript",
        "mp4": "video/mp4",
        "pdf": "application/pdf",
        "png": "image/png",
        "svg": "image/svg+xml",
        "ttf": "font/ttf",
        "txt": "text/plain",
        "wasm": "application/wasm",
        "webm": "video/webm",
        "webmanifest": "application/manifest+json",
        "webp": "image/webp",
        "woff": "font/woff",
        "woff2": "font/woff2",
        "xml": "text/xml",
    }
)
"""The media type of each usual extension. Servers get this table, so that they do not depend on files of the system."""


@dataclass(frozen=True)
class StaticMapping:
    """The files in `folder` (absolute) are served below the path `prefix`, as `/static`, without a slash at the end."""

    prefix: str
    folder: Path


def is_path_prefix(text: str) -> bool:
    """Return whether `text` can be the prefix of a mapping, as `/static`."""
    return _PREFIX.fullmatch(text) is not None and not {".", ".."} & set(text.split("/"))


def mime_types_file() -> str:
    """Return MEDIA_TYPES in the format of /etc/mime.types."""
    return "".join(f"{media_type} {extension}\n" for extension, media_type in MEDIA_TYPES.items())
