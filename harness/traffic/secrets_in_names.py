"""The names of headers, fields and parameters whose values are secrets. Pure."""

from __future__ import annotations

import re

_PARTS = re.compile(
    r"passw|passphrase|\bpwd\b|\bpass\b|secret|token|csrf|xsrf|api_?key|access_?key|private_?key|credential|\bauth\b|authenti"
    r"|authori[sz]ation|signature|\bsig\b|session|\bsid\b|\bjwt\b|\botp\b|\bpin\b|\bcvv\b|\bcvc\b|card_?number|\biban\b"
    r"|\bssn\b|\bcode_?verifier\b|\bassertion\b|\bnonce\b"
)


def is_secret(name: str) -> bool:
    """Return whether a value of that name is probably a secret."""
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    joined = re.sub(r"[^A-Za-z0-9]+", " ", words).lower()
    return bool(
        _PARTS.search(joined) or _PARTS.search(joined.replace(" ", "_")) or _PARTS.search(joined.replace(" ", ""))
    )
