"""An answer's lines: what of the app's status and headers may go out, and how its body is delimited. No I/O."""

from __future__ import annotations

import re
import time
from typing import Any

from .rejection import REASONS, RequestRejected

NAME = "reference"

Headers = list[tuple[str, str]]

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "trailers",
        "transfer-encoding",
        "upgrade",
    }
)
"""RFC 2616, section 13.5.1, which PEP 3333 refers to; the field that it calls Trailers is Trailer."""

_STATUS = re.compile(r"[2-9][0-9]{2}(?: (?:[\x21-\x7e\xa0-\xff](?:[\x20-\x7e\xa0-\xff]*[\x21-\x7e\xa0-\xff])?)?)?\Z")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


# ---------------------------------------------------------------------- what the app gives


def check_status(status: Any) -> None:
    """Raise for what is no status: three digits, a space and a reason, without control characters."""
    if type(status) is not str:
        raise TypeError(f"the status must be a str, not {type(status).__name__}")
    if not _STATUS.match(status):
        raise ValueError(f"{status!r} is no status like '200 OK'")


def check_headers(headers: Any) -> None:
    """Raise for what is no list of header fields that an app may send."""
    if type(headers) is not list:
        raise TypeError(f"the headers must be a list, not {type(headers).__name__}")
    for header in headers:
        if type(header) is not tuple or len(header) != 2:
            raise TypeError(f"{header!r} is no tuple of a name and a value")
        check_name(header[0])
        check_value(header[1])
    check_lengths(headers)


def check_name(name: Any) -> None:
    """Raise for what is no field name, or one that belongs to the server."""
    if type(name) is not str:
        raise TypeError(f"the name of a header must be a str, not {type(name).__name__}")
    if not _NAME.match(name):
        raise ValueError(f"{name!r} is no name of a header")
    if name.lower() in HOP_BY_HOP:
        raise ValueError(f"{name} is hop-by-hop, and the server's own business")


def check_value(value: Any) -> None:
    """Raise for what is no field value: control characters, and what latin-1 has no byte for."""
    if type(value) is not str:
        raise TypeError(f"the value of a header must be a str, not {type(value).__name__}")
    if _CONTROL.search(value):
        raise ValueError(f"the value {value!r} holds a control character")
    if not value.isascii():
        value.encode("latin-1")


def check_lengths(headers: Headers) -> None:
    """Raise for a Content-Length that is none, or more than one."""
    lengths = values(headers, "content-length")
    if len(lengths) > 1:
        raise ValueError("there is more than one Content-Length")
    if lengths and not (lengths[0].isascii() and lengths[0].isdigit()):
        raise ValueError(f"the Content-Length {lengths[0]!r} is no number")


def values(headers: Headers, name: str) -> list[str]:
    """Return every value of the field `name`, whatever the case in which the app spelt it."""
    return [value for key, value in headers if key.lower() == name]


# ---------------------------------------------------------------------- what goes out


def bodiless(method: str, code: int) -> bool:
    """Say whether an answer ends with its head (RFC 9112, section 6.3)."""
    return method == "HEAD" or code in (204, 304)


def must_be_empty(code: int) -> bool:
    """Say whether an answer's body is empty whatever the app gives (RFC 9110, section 15.3.6)."""
    return code == 205


def unmeasured(code: int) -> bool:
    """Say whether an answer must not have a Content-Length (RFC 9110, section 8.6)."""
    return code == 204


def status_line(status: str) -> str:
    """Return the status line; the space behind the code is there without a reason too (RFC 9112, section 4)."""
    return f"HTTP/1.1 {status}" if len(status) > 3 else f"HTTP/1.1 {status} "


def completed(headers: Headers) -> Headers:
    """Return `headers` with those that an origin server must send, where the app gives none."""
    added = [("Date", date(time.time())), ("Server", NAME)]
    return headers + [(name, value) for name, value in added if not values(headers, name.lower())]


def head(status: str, headers: Headers) -> bytes:
    """Return the bytes of a head."""
    lines = [status_line(status), *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def chunk(data: bytes) -> bytes:
    """Return `data`, which is not empty, as one chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def date(seconds: float) -> str:
    """Return a time as IMF-fixdate (RFC 9110, section 5.6.7), whatever the process's locale."""
    then = time.gmtime(seconds)
    clock = f"{then.tm_hour:02}:{then.tm_min:02}:{then.tm_sec:02}"
    return f"{DAYS[then.tm_wday]}, {then.tm_mday:02} {MONTHS[then.tm_mon - 1]} {then.tm_year:04} {clock} GMT"


def refusal(refused: RequestRejected, method: str) -> bytes:
    """Return the whole answer to a request that is refused; the connection closes after it."""
    body = f"{refused.status} {REASONS[refused.status]}: {refused.reason}\n".encode("ascii", "backslashreplace")
    headers = [
        ("Content-Type", "text/plain; charset=us-ascii"),
        ("Content-Length", str(len(body))),
        ("Connection", "close"),
    ]
    top = head(f"{refused.status} {REASONS[refused.status]}", completed(headers))
    return top if bodiless(method, refused.status) else top + body
