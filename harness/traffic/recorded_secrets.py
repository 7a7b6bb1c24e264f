"""The secrets of a recording: by the name of a value, by the form of the value, or inside a longer text. Pure."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Collection, Sequence
from functools import lru_cache
from urllib.parse import unquote

DROPPED = "DROPPED"
"""The text in place of a secret."""

MIN_RANDOM_CHARACTERS = 16
"""Characters of the shortest value that can be a key: 64 bits in hexadecimal digits."""

MIN_PATH_SECRET_CHARACTERS = 6
"""Characters of the shortest code in a path, as in /verify/482913."""

MIN_RANDOM_PATH_CHARACTERS = 20
"""Characters of the shortest key in a path without a word that announces one."""

MAX_LOOKED_AT_CHARACTERS = 512
"""Characters of a value whose form is looked at."""

WORDS_BEFORE = 2
"""Parts of a path in which a word announces a secret: /reset/MQ/c5f3k2-4bf9a0c1d2e3."""

MAX_ENCODINGS = 3
"""Times that a value is percent-decoded: an address in an address in an address."""

_PARTS = re.compile(
    r"passw|passphrase|passcode|kennwort|mot_?de_?passe|\bmdp\b|contrase|\bsenha\b|\bpwd\b|\bpw\b|\bpass\b|secret|token"
    r"|csrf|xsrf|api_?key|access_?key|private_?key|subscription_?key|functions_?key|auth_?key|credential"
    r"|\b(?:x_?)?o?auth\b|\bsaml|authenti|authori[sz]ation|signature|\bsig\b|session|sess_?id|\bsid\b|\bcfid\b|\bjwt\b"
    r"|\b[ht]?otp\b|one_?time|\bmfa\b|\b2fa\b|\bpin\b|\bcvv\b|\bcvc\b|card_?number|\biban\b|\bssn\b|\bcode_?verifier\b"
    r"|\bassertion\b|\bnonce\b|(?:verif\w*|security|sms|recovery|backup)_code|\bhmac\b|login_challenge"
    r"|consent_challenge"
)

_SOMETIMES = re.compile(
    r"\b(?:code|state|key|hash|ticket|sign|invite|invitation|magic|challenge|link|share|relay)\b|(?<=[a-z])key\b"
)
"""Names of secrets and of other values: `state` is part of an OAuth login, or a part of a country."""

_PATH_WORDS = re.compile(
    r"\b(?:reset|activate|activation|confirm|confirmation|verify|verification|invite|invitation|unsubscribe|magic"
    r"|share|shared|recover|recovery|impersonate|webhook|webhooks|hooks|capability)\b"
)

_SECRET_TEXT = re.compile(
    # JSON Web Tokens (RFC 7519), and keys that say what they are.
    r"(?P<token>(?:(?<![A-Za-z0-9_-])|(?<=%[0-9A-Fa-f]{2}))eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_.-]*"
    r"|\b(?:gh[opsu]_|github_pat_|sk[-_](?:live|test|proj)[-_]|xox[abps]-|AKIA|AIza)[A-Za-z0-9_-]{12,}"
    r"|-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^-]*"
    r"|\b(?i:basic|bearer)\s{1,9}(?=[A-Za-z]*[0-9=+/._~-])[A-Za-z0-9=+/._~-]{8,})"
    # A user and a password in a URL.
    r"|(?P<login>(?<=://)[^\s/@\"'<>]{1,500}@)"
    # name=value, name: value, "name": "value"
    r"|(?P<pair>\b(?P<name>[A-Za-z_][\w.-]{0,80})\\?[\"']?\s{0,9}[:=]\s{0,9})"
    # <name>value</name>
    r"|(?P<open><(?:[\w-]{1,80}:)?(?P<tag>[A-Za-z_][\w.-]{0,80})(?:\s[^<>]{0,500})?>)"
)
_PAIR_VALUE = re.compile(
    r"\"(?P<quoted>(?:[^\"\\]|\\.)*)|\\\"(?P<escaped>[^\"\\]*)|'(?P<single>[^']*)"
    r"|(?P<bare>(?:(?i:basic|bearer|token|digest|negotiate)\s{1,9})?[^\s\"'&<>,;}\])\\]{1,512})",
    re.DOTALL,
)
_REST_OF_VALUE = re.compile(r"[^\s\"'&<>,;}\])\\]*")
_ELEMENT_VALUE = re.compile(r"\s*(?:<!\[CDATA\[)?(?P<value>(?:(?!\]\]>)[^<>])*)")

_CODE = re.compile("[0-9]{4,8}")
"""A code that a person types."""

_MIXED = re.compile(r"(?=.*[A-Za-z])(?=.*[0-9].*[0-9]).{10,}")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@lru_cache(4096)
def is_secret(name: str) -> bool:
    """Return whether a value of that name is probably a secret."""
    return any(_PARTS.search(each) for each in _spellings(name))


def is_secret_value(name: str, value: str) -> bool:
    """Return whether `value` is probably a secret: by its name, or by its name and its form."""
    if not value:
        return False
    return is_secret(name) or (
        _may_be_secret(name) and (_is_random(value) or (name.lower() == "code" and bool(_CODE.fullmatch(value))))
    )


@lru_cache(4096)
def _may_be_secret(name: str) -> bool:
    return any(_SOMETIMES.search(each) for each in _spellings(name))


def is_login_callback(names: Collection[str]) -> bool:
    """Return whether parameters of these names are the answer of a login provider (RFC 6749, section 4.1.2)."""
    return {"code", "state"} <= {each.lower() for each in names}


def redacted(text: str) -> str:
    """Return `text` with `DROPPED` in place of the secrets inside it.

    They are JSON Web Tokens (RFC 7519), user names and passwords in URLs, and the values of secret names, as in
    `password=x`, `"password": "x"` or `<password>x</password>`.
    """
    made: list[str] = []
    at = 0
    while (found := _SECRET_TEXT.search(text, at)) is not None:
        made.append(text[at : found.start()])
        at = found.end()
        if found["token"] or found["login"]:
            made.append(DROPPED if found["token"] else f"{DROPPED}@")
            continue
        made.append(found[0])
        name = found["name"] or found["tag"]
        if is_secret(name) or _may_be_secret(name):
            value = (_PAIR_VALUE if found["name"] else _ELEMENT_VALUE).match(text, at)
            if value is not None and value.lastgroup and is_secret_value(name, value[value.lastgroup].strip()):
                made += [text[at : value.start(value.lastgroup)], DROPPED]
                at = value.end()
                if value.lastgroup == "bare" and (rest := _REST_OF_VALUE.match(text, at)) is not None:
                    at = rest.end()
    return "".join([*made, text[at:]])


def hides_secret(text: str) -> bool:
    """Return whether `text` has a secret inside it that is percent-encoded, once or more often."""
    for _ in range(MAX_ENCODINGS):
        decoded = unquote(text)
        if decoded == text:
            return False
        if redacted(decoded) != decoded:
            return True
        text = decoded
    return False


def is_secret_path_part(part: str, before: Sequence[str]) -> bool:
    """Return whether a part of a path is probably a secret; `before` are the parts before it.

    A part with the suffix of a file is none. After a word such as `reset` or `token`, a part with a digit is one.
    In other places it must be long and random. A UUID alone is the id of a thing.
    """
    text = unquote(part)
    if redacted(text) != text:
        return True
    if len(text) < MIN_PATH_SECRET_CHARACTERS or mimetypes.guess_type(text)[0]:
        return False
    words = [spelling for each in before[-WORDS_BEFORE:] for spelling in _spellings(unquote(each))]
    if any(_PARTS.search(each) or _PATH_WORDS.search(each) for each in words):
        return bool(re.search("[0-9]", text)) or _is_random(text)
    return len(text) >= MIN_RANDOM_PATH_CHARACTERS and _is_random(text) and not _UUID.fullmatch(text)


def _is_random(value: str) -> bool:
    """Return whether a value looks like a key: it is long, and a long piece of it mixes letters and digits."""
    text = unquote(value[:MAX_LOOKED_AT_CHARACTERS])
    if len(text) < MIN_RANDOM_CHARACTERS or not re.fullmatch(r"[A-Za-z0-9_.~+/=:|-]+", text):
        return False
    return any(_MIXED.fullmatch(each) for each in re.split(r"[^A-Za-z0-9]", text))


def _spellings(name: str) -> tuple[str, str, str]:
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    joined = re.sub(r"[^A-Za-z0-9]+", " ", words).lower()
    return joined, joined.replace(" ", "_"), joined.replace(" ", "")
