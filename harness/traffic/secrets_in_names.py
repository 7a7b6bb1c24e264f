"""The headers, fields and parameters whose values are secrets: by their names, or by the form of the value. Pure."""

from __future__ import annotations

import re

_PARTS = re.compile(
    r"passw|passphrase|passcode|kennwort|mot_?de_?passe|\bmdp\b|contrase|\bsenha\b|\bpwd\b|\bpw\b|\bpass\b|secret|token|csrf|xsrf|api_?key|access_?key|private_?key|credential|\bo?auth\b|\bsaml|authenti"
    r"|authori[sz]ation|signature|\bsig\b|session|sess_?id|\bsid\b|\bjwt\b|\botp\b|\bpin\b|\bcvv\b|\bcvc\b|card_?number|\biban\b"
    r"|\bssn\b|\bcode_?verifier\b|\bassertion\b|\bnonce\b"
)


_WEB_TOKEN = re.compile(r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")


def is_web_token(value: str) -> bool:
    """Return whether `value` is a JSON Web Token (RFC 7519), with its scheme before it or not."""
    return bool(_WEB_TOKEN.fullmatch(value.rpartition(" ")[2]))


def is_secret(name: str) -> bool:
    """Return whether a value of that name is probably a secret."""
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    joined = re.sub(r"[^A-Za-z0-9]+", " ", words).lower()
    return bool(
        _PARTS.search(joined) or _PARTS.search(joined.replace(" ", "_")) or _PARTS.search(joined.replace(" ", ""))
    )
