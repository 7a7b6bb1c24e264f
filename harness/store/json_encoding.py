"""Values as JSON documents, whatever text a server or its app put into them. Values in, bytes out."""

from __future__ import annotations

from typing import Any

import msgspec

_encoder = msgspec.json.Encoder()


def to_json(value: Any) -> bytes:
    """Return `value` as JSON in UTF-8.

    A lone surrogate (a server's log or an app's event can hold one) has no UTF-8, and JSON's own escape for it is
    refused by most readers, so it becomes the six characters of the escape.
    """
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        return _encoder.encode(_escape_surrogates(msgspec.to_builtins(value, str_keys=True)))


def _escape_surrogates(value: Any) -> Any:
    match value:
        case str():
            return value.encode("utf-8", "backslashreplace").decode()
        case dict():
            return {_escape_surrogates(key): _escape_surrogates(each) for key, each in value.items()}
        case list() | tuple():
            return [_escape_surrogates(each) for each in value]
        case _:
            return value
