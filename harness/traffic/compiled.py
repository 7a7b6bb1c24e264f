"""Traffic made ready to be sent: each request as pieces of bytes. Pure. A generator does this once."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from wsgi_gauntlet.harness.traffic.cookie_jar import split_cookies
from wsgi_gauntlet.harness.traffic.model import (
    Body,
    Capture,
    FileBody,
    FormBody,
    JsonBody,
    RawBody,
    Sequence,
    Step,
    Traffic,
)
from wsgi_gauntlet.harness.traffic.template import Place, Template, names_user, parse_text, pieces, target_pieces

FORM_TYPE = "application/x-www-form-urlencoded"
JSON_TYPE = "application/json"

METHODS_WITH_LENGTH = frozenset(("POST", "PUT", "PATCH"))
"""Methods whose requests have a Content-Length even without a body (RFC 9110, section 8.6)."""

MANAGED_HEADERS = frozenset(("connection", "content-length", "transfer-encoding"))
"""Headers that the program writes itself, so that a request is always whole."""

Pieces = list[bytes | tuple[str, Place]]


@dataclass(frozen=True)
class CompiledStep:
    """One request. `head` is what follows the Host line, without Cookie, Content-Length and the empty line.

    `host` replaces the host of the address if the step has a Host header. `cookies` are those of its Cookie header.
    `reference` is the name of the value that is the whole target: it may be a link as it stands in a page.
    `body` is None for a request without a body. `get_head` is for a redirect that makes a GET of the request.
    """

    step: Step
    target: Template
    reference: str
    host: Template | None
    head: Template
    get_head: Template
    cookies: Template
    body: Template | None
    contains: tuple[tuple[Template, bool], ...]
    """The texts of the body; whether each names the owner of the page (see `names_user`)."""
    captures: tuple[CompiledCapture, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all values that the request and its check need."""
        templates = (self.target, self.host, self.head, self.cookies, self.body, *(each for each, _ in self.contains))
        return tuple(name for each in templates if each is not None for name in each.names)

    @cached_property
    def method(self) -> bytes:
        """The method of the first request."""
        return self.step.method.encode("ascii")


@dataclass(frozen=True)
class CompiledCapture:
    """A capture with its regular expression: on bytes if its text is ASCII, which needs no decoding."""

    capture: Capture
    in_bytes: re.Pattern[bytes] | None = None
    in_text: re.Pattern[str] | None = None


@dataclass(frozen=True)
class CompiledSequence:
    """One sequence."""

    sequence: Sequence
    steps: tuple[CompiledStep, ...]

    @cached_property
    def lists(self) -> frozenset[str]:
        """The names of the value lists that its steps use."""
        return frozenset(name.partition(".")[0] for step in self.steps for name in step.names if "." in name)


class CompiledTraffic:
    """All sequences, and the values of each row."""

    def __init__(self, traffic: Traffic, *, keep: bool = True) -> None:
        self.traffic = traffic
        self.sequences = tuple(
            CompiledSequence(each, tuple(compile_step(step, keep=keep) for step in each.steps))
            for each in traffic.sequences
        )

    def row(self, number: int) -> Mapping[str, str]:
        """Return the values of the visit with that number: row `number` of each list, modulo its length."""
        return {
            f"{each.name}.{column}": value
            for each in self.traffic.values
            for column, value in zip(each.columns, each.rows[number % len(each.rows)], strict=True)
        }


def compile_step(step: Step, *, keep: bool = True) -> CompiledStep:
    """Return `step` as pieces; `keep` asks the server to keep the connection. Raises the error of `parse_text`."""
    names = {name.lower() for name, _ in step.headers}
    head: Pieces = [f"Connection: {'keep-alive' if keep else 'close'}\r\n".encode()]
    if "user-agent" not in names:
        head.append(b"User-Agent: wsgi-gauntlet\r\n")
    if "accept" not in names:
        head.append(b"Accept: */*\r\n")
    body_fields: Pieces = []
    host: Template | None = None
    cookies: Pieces = []
    for name, value in step.headers:
        if name.lower() == "host":
            host = Template(pieces(value, Place.HEADER))
        elif name.lower() == "cookie":
            cookies += [*([b"; "] if cookies else []), *pieces(value, Place.HEADER)]
        else:
            line = [f"{name}: ".encode(), *pieces(value, Place.HEADER), b"\r\n"]
            (body_fields if name.lower().startswith("content-") else head).extend(line)
    body, content_type = _body(step.body)
    if content_type and "content-type" not in names:
        body_fields.append(f"Content-Type: {content_type}\r\n".encode())
    parts = parse_text(step.target)
    return CompiledStep(
        step,
        Template(target_pieces(step.target)),
        parts[0][0] if len(parts) == 1 and isinstance(parts[0], tuple) else "",
        host,
        Template([*head, *body_fields]),
        Template(head),
        Template(cookies),
        Template([]) if body is None and step.method in METHODS_WITH_LENGTH else body,
        tuple((Template(pieces(each, Place.TEXT)), names_user(each)) for each in step.contains),
        tuple(map(_compile_capture, step.captures)),
    )


def _compile_capture(capture: Capture) -> CompiledCapture:
    if capture.where in ("json", "cookie"):
        return CompiledCapture(capture)
    if capture.pattern.isascii():
        return CompiledCapture(capture, in_bytes=re.compile(capture.pattern.encode(), re.DOTALL))
    return CompiledCapture(capture, in_text=re.compile(capture.pattern, re.DOTALL))


def _body(body: Body | None) -> tuple[Template | None, str]:
    """Return the body and its content type."""
    match body:
        case FormBody(fields):
            made: Pieces = []
            for name, value in fields:
                made += [b"&"] if made else []
                made += [*pieces(name, Place.FORM), b"=", *pieces(value, Place.FORM)]
            return Template(made), FORM_TYPE
        case JsonBody(text):
            return Template(pieces(text, Place.JSON)), JSON_TYPE
        case FileBody():
            return _multipart(body)
        case RawBody(data, content_type):
            return Template([data]), content_type
    return None, ""


def _multipart(body: FileBody) -> tuple[Template, str]:
    """Return a body of multipart/form-data (RFC 7578)."""
    digest = hashlib.sha256(repr(body).encode(errors="replace")).hexdigest()
    boundary = f"wsgi-gauntlet-{digest[:32]}"
    while any(boundary.encode() in each.data for each in body.files):
        digest = hashlib.sha256(digest.encode()).hexdigest()
        boundary = f"wsgi-gauntlet-{digest[:32]}"
    made: Pieces = []
    for name, value in body.fields:
        made.append(f'--{boundary}\r\nContent-Disposition: form-data; name="{_parameter(name)}"\r\n\r\n'.encode())
        made += [*pieces(value, Place.TEXT), b"\r\n"]
    for each in body.files:
        made.append(
            f'--{boundary}\r\nContent-Disposition: form-data; name="{_parameter(each.field)}"; '
            f'filename="{_parameter(each.filename)}"\r\n'
            f"Content-Type: {each.content_type or 'application/octet-stream'}\r\n\r\n".encode()
        )
        made += [each.data, b"\r\n"]
    made.append(f"--{boundary}--\r\n".encode())
    return Template(made), f"multipart/form-data; boundary={boundary}"


def _parameter(text: str) -> str:
    """Return `text` as browsers write it between quotes (the HTML standard, multipart/form-data)."""
    return text.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


def explicit_cookies(step: CompiledStep, values: Mapping[str, str]) -> dict[bytes, bytes]:
    """Return the cookies that the step itself names. Raises MissingValue."""
    return split_cookies(step.cookies.render(values)) if step.cookies.constant != b"" else {}
