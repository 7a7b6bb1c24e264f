"""The types of traffic: sequences of requests, as users of an app send them.

Values only. toml_file.py and har_file.py read them from files, visit.py plays them. They are msgspec types, so that a
generator process receives them as a message.

Texts may have placeholders: `${NAME}` is a captured value of the same visit, `${LIST.COLUMN}` is a value of a list.
`$${` stands for the text `${`. template.py replaces them.
"""

from __future__ import annotations

from typing import Literal

import msgspec


class FormBody(msgspec.Struct, frozen=True, tag="form"):
    """The body of an HTML form: application/x-www-form-urlencoded in UTF-8. Values may have placeholders."""

    fields: tuple[tuple[str, str], ...]


class JsonBody(msgspec.Struct, frozen=True, tag="json"):
    """A JSON text. Values of placeholders are escaped as in a JSON string, so they may stand between quotes."""

    text: str


class FilePart(msgspec.Struct, frozen=True):
    """One file of an upload. `data` has no placeholders."""

    field: str
    filename: str
    content_type: str
    data: bytes


class FileBody(msgspec.Struct, frozen=True, tag="file"):
    """The body of a form with files: multipart/form-data. The values of `fields` may have placeholders."""

    files: tuple[FilePart, ...]
    fields: tuple[tuple[str, str], ...] = ()


class RawBody(msgspec.Struct, frozen=True, tag="raw"):
    """A body of any kind, sent as it is. It has no placeholders."""

    data: bytes
    content_type: str = ""


Body = FormBody | JsonBody | FileBody | RawBody

CaptureSource = Literal["body", "json", "header", "cookie"]


class Capture(msgspec.Struct, frozen=True):
    """A value that a visit takes out of a response and puts into later requests.

    `where` is the place. In "body" and "header", `pattern` is a regular expression, and the value is its only group.
    In "json", `pattern` is a JSON pointer (RFC 6901). In "cookie", `pattern` is not used. `source` is the name of the
    header or cookie. Values in HTML pages are unescaped.
    """

    name: str
    pattern: str = ""
    where: CaptureSource = "body"
    source: str = ""


class Step(msgspec.Struct, frozen=True):
    """One request of a visit, and its correct response.

    `target` begins with `/` and has a query or not. `headers` are sent besides those of the program and of the body.
    `status` holds the accepted statuses; if it is empty, each from 200 to 399 is accepted. With `follow`, the visit
    follows redirects, and all checks are about the last response. `contains` are texts that the body must have. One
    with a value of the visit names the owner of the page: without it, the page belongs to somebody else. `think_time`
    is the time in seconds that the user waits after the response. Without `compare`, the body is not compared with
    that of other visits.
    """

    name: str
    method: str
    target: str
    headers: tuple[tuple[str, str], ...] = ()
    body: Body | None = None
    status: tuple[int, ...] = ()
    follow: bool = False
    captures: tuple[Capture, ...] = ()
    contains: tuple[str, ...] = ()
    think_time: float = 0.0
    compare: bool = True

    def accepts(self, status: int) -> bool:
        """Return whether `status` is a correct one."""
        return status in self.status if self.status else 200 <= status < 400


class Sequence(msgspec.Struct, frozen=True):
    """The steps of one visit, in order. Each visit begins with an empty cookie jar.

    `weight` is the share of visits in relation to the other sequences. A single request is a sequence of one step.
    """

    name: str
    steps: tuple[Step, ...]
    weight: float = 1.0


class ValueList(msgspec.Struct, frozen=True):
    """Values from a CSV file. A visit uses one row: visit number n uses row n modulo the number of rows."""

    name: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class Traffic(msgspec.Struct, frozen=True):
    """The visits of an app's users. `source` is the name of the file."""

    sequences: tuple[Sequence, ...]
    values: tuple[ValueList, ...] = ()
    source: str = ""
