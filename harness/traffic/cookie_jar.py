"""The cookies of one visit, as RFC 6265 asks of a client that uses one host. Pure.

Names and values stay as they came, quotes included. Domain and Secure are ignored: the visits go to a loopback address
in place of the real host.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import mktime_tz, parsedate_tz

MAX_COOKIES = 180
"""Cookies of a jar; the oldest one leaves. Browsers keep as many for one host."""

MAX_COOKIE_BYTES = 4096
"""Bytes of the name and the value of a cookie together; browsers ignore longer ones."""

_CONTROLS = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(frozen=True)
class SetCookie:
    """The value of one Set-Cookie header. An `expired` cookie leaves the jar."""

    name: bytes
    path: bytes
    value: bytes
    expired: bool = False

    @classmethod
    def parse(cls, set_cookie: bytes, path: bytes, now: float | None = None) -> SetCookie | None:
        """Return the cookie of a response to a request for `path`, None if browsers ignore it.

        `now` is the time in seconds since 1970, by default that of the clock.
        """
        pair, _, rest = set_cookie.partition(b";")
        name, equals, value = pair.partition(b"=")
        name, value = name.strip(b" \t"), value.strip(b" \t")
        if not (name and equals) or len(name) + len(value) > MAX_COOKIE_BYTES or _CONTROLS.search(set_cookie):
            return None
        cookie_path, expired = b"", False
        has_max_age = False
        for attribute in rest.split(b";"):
            key, _, text = attribute.partition(b"=")
            key, text = key.strip(b" \t").lower(), text.strip(b" \t")
            if key == b"path":
                cookie_path = text
            elif key == b"max-age" and re.fullmatch(rb"-?[0-9]+", text):
                # Only its sign counts: a visit is shorter than any lifetime.
                has_max_age, expired = True, text.startswith(b"-") or not text.strip(b"0")
            elif key == b"expires" and not has_max_age:
                at = _seconds_of_date(text)
                expired = at is not None and at <= (time.time() if now is None else now)
        if not cookie_path.startswith(b"/"):
            cookie_path = path[: path.rfind(b"/")] or b"/"
        return cls(name, cookie_path, value, expired)


class CookieJar:
    """Cookies by name and path."""

    __slots__ = ("_cookies", "_headers", "_same_everywhere")

    def __init__(self) -> None:
        self._cookies: dict[tuple[bytes, bytes], bytes] = {}
        self._headers: dict[bytes, bytes] = {}
        self._same_everywhere = True
        """Whether all cookies are for the path `/`, so that every path has the same ones."""

    def store(self, set_cookie: bytes, path: bytes, now: float | None = None) -> None:
        """Take the value of one Set-Cookie header of a response to a request for `path`, or ignore a wrong one.

        `now` is the time in seconds since 1970, by default that of the clock.
        """
        cookie = SetCookie.parse(set_cookie, path, now)
        if cookie is not None and cookie.expired:
            self._headers.clear()
            self._cookies.pop((cookie.name, cookie.path), None)
        elif cookie is not None:
            self.put(cookie.name, cookie.path, cookie.value)

    def put(self, name: bytes, path: bytes, value: bytes) -> None:
        """Take a cookie that has not expired."""
        self._headers.clear()
        self._cookies[name, path] = value
        if path != b"/":
            self._same_everywhere = False
        if len(self._cookies) > MAX_COOKIES:
            del self._cookies[next(iter(self._cookies))]

    def cookies(self, path: bytes) -> list[tuple[bytes, bytes]]:
        """Return the names and values of the cookies for a request for `path`, those with longer paths first.

        A name may be there twice, with different paths (RFC 6265, section 5.4).
        """
        matching = [(len(each), name, value) for (name, each), value in self._cookies.items() if _matches(path, each)]
        matching.sort(key=lambda each: -each[0])
        return [(name, value) for _, name, value in matching]

    def header(self, path: bytes) -> bytes:
        """Return the value of the Cookie header for a request for `path`, b'' without cookies."""
        if not self._cookies:
            return b""
        if self._same_everywhere:
            path = b"/"
        made = self._headers.get(path)
        if made is None:
            if self._same_everywhere:
                made = join_cookies([(name, value) for (name, _), value in self._cookies.items()])
            else:
                made = join_cookies(self.cookies(path))
            if len(self._headers) < MAX_COOKIES:
                self._headers[path] = made
        return made

    def value(self, name: str) -> str | None:
        """Return the value of the cookie `name`, None if there is none; of several paths, the path that came last."""
        wanted = name.encode()
        found = [value for (each, _), value in self._cookies.items() if each == wanted]
        return found[-1].decode(errors="replace") if found else None


def join_cookies(cookies: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the value of a Cookie header."""
    return b"; ".join([name + b"=" + value for name, value in cookies])


def split_cookies(header: bytes) -> dict[bytes, bytes]:
    """Return the cookies of a Cookie header."""
    pairs = [each.partition(b"=") for each in header.split(b";")]
    return {name.strip(b" \t"): value.strip(b" \t") for name, equals, value in pairs if name.strip(b" \t") and equals}


def _matches(path: bytes, cookie_path: bytes) -> bool:
    if path == cookie_path:
        return True
    return path.startswith(cookie_path) and (cookie_path.endswith(b"/") or path[len(cookie_path)] == 0x2F)


def _seconds_of_date(text: bytes) -> float | None:
    try:
        parsed = parsedate_tz(text.decode("latin-1"))
        return None if parsed is None else float(mktime_tz(parsed))
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
