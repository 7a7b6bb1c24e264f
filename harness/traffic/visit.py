"""One visit of a user: which request comes next, and whether a response is the correct one. Pure.

    request --> receive --> redirect --> request ...
                       `--> step -----> request ...
                       `--> end

Nothing here sends anything. A visit has its own cookie jar and its own values.
"""

from __future__ import annotations

import enum
import html
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol
from urllib.parse import urljoin, urlsplit

from wsgi_gauntlet.harness.traffic.compiled import CompiledCapture, CompiledStep, CompiledTraffic, explicit_cookies
from wsgi_gauntlet.harness.traffic.cookie_jar import CookieJar, join_cookies
from wsgi_gauntlet.harness.traffic.expected import ExpectedBody
from wsgi_gauntlet.harness.traffic.template import ORIGIN, MissingValue, OtherSite, Template

MAX_REDIRECTS = 10
"""Redirects in a row that a visit follows. Browsers give up after 20."""

MAX_DECODED_BYTES = 8 * 1024 * 1024
"""Bytes of a compressed body that are decoded."""

MAX_CAPTURED_CHARACTERS = 8192
"""Characters of a captured value. Request lines and headers must stay below the limits of servers."""

REDIRECTS = frozenset((301, 302, 303, 307, 308))
DEFAULT_PORTS = {"http": 80, "https": 443}

Next = Literal["step", "redirect", "end"]


class Fault(enum.StrEnum):
    """The kind of a wrong response."""

    INCOMPLETE = "incomplete"
    STATUS = "status"
    REDIRECT = "redirect"
    CONTAINS = "missing text"
    OWNER = "another user's page"
    BODY = "body"
    CAPTURE = "nothing to capture"


class ReceivedResponse(Protocol):
    """The parts of a response that a visit looks at; harness.http.response.Response has them."""

    @property
    def status(self) -> int | None: ...
    @property
    def complete(self) -> bool: ...
    @property
    def body(self) -> bytes: ...
    @property
    def length(self) -> int: ...
    def all(self, name: str) -> list[bytes]:
        """Return every value of the header `name`."""


@dataclass(frozen=True)
class PreparedRequest:
    """The bytes of a request. `target` is what its request line names, `step` the step that it belongs to."""

    data: bytes
    method: bytes
    target: bytes
    step: CompiledStep


@dataclass(frozen=True)
class StepOutcome:
    """What a response means. `reason` and `fault` say what is wrong, `captured` what was taken out of it."""

    ok: bool
    next: Next
    reason: str = ""
    fault: Fault | None = None
    captured: tuple[tuple[str, str], ...] = ()


class WrongResponse(Exception):
    """A response is not the correct one. The message says why."""

    def __init__(self, fault: Fault, reason: str) -> None:
        super().__init__(reason)
        self.fault = fault


class Visit:
    """One visit: sequence number `sequence` of `traffic`, with the values of row `row`.

    `expected` has the learned body of each step, None where nothing is compared. After a wrong response the visit ends;
    without `give_up` it goes on.
    """

    def __init__(
        self,
        traffic: CompiledTraffic,
        sequence: int,
        row: int,
        *,
        expected: Sequence[ExpectedBody | None] = (),
        give_up: bool = True,
    ) -> None:
        self.sequence = sequence
        self.row = row
        self.steps = traffic.sequences[sequence].steps
        self.values: dict[str, str] = dict(traffic.row(row))
        self.jar = CookieJar()
        self.position = 0
        """The number of the present step, from 0. After the last step it is the number of steps."""
        self._expected = expected
        self._give_up = give_up
        self._method = b""
        self._target = b"/"
        self._host = b""
        self._redirects = 0
        self._redirected: tuple[bytes, bytes, bool] | None = None
        """Of the next request after a redirect: its method, its target, and whether it has the body again."""

    @property
    def step(self) -> CompiledStep:
        """The step of the next request."""
        return self.steps[self.position]

    def request(self, host: bytes, scheme: str = "http") -> PreparedRequest:
        """Return the next request; `host` is the value of its Host header.

        Raises MissingValue if it needs a value that no response had, OtherSite if it would go to another site.
        """
        step = self.step
        self._host = host if step.host is None else step.host.render({ORIGIN: "", **self.values})
        if ORIGIN not in self.values:
            self.values[ORIGIN] = f"{scheme}://{self._host.decode('latin-1')}"
        with_body = True
        if self._redirected is not None:
            self._method, self._target, with_body = self._redirected
        else:
            self._method = step.method
            self._target = self._step_target(step)
        pieces = [
            self._method,
            b" ",
            self._target,
            b" HTTP/1.1\r\nHost: ",
            self._host,
            b"\r\n",
            (step.head if with_body else step.get_head).render(self.values),
        ]
        if cookies := self._cookies(step):
            pieces += [b"Cookie: ", cookies, b"\r\n"]
        if with_body and step.body is not None:
            body = step.body.render(self.values)
            pieces += [b"Content-Length: %d\r\n\r\n" % len(body), body]
        else:
            pieces.append(b"\r\n")
        return PreparedRequest(b"".join(pieces), self._method, self._target, step)

    def receive(self, response: ReceivedResponse) -> StepOutcome:
        """Take the response to the last request, and return what it means."""
        step = self.step
        path = self._target.partition(b"?")[0]
        for each in response.all("set-cookie"):
            self.jar.store(each, path)
        captured: dict[str, str] = {}
        try:
            self._require_complete(response)
            if step.step.follow and response.status in REDIRECTS and (location := response.all("location")):
                self._follow(response.status or 0, location[0])
                return StepOutcome(ok=True, next="redirect")
            self._check(step, response)
            for compiled in step.captures:
                captured[compiled.capture.name] = self._capture(compiled, response)
        except WrongResponse as wrong:
            self.values.update(captured)
            self._advance(give_up=self._give_up)
            return StepOutcome(False, self._next, str(wrong), wrong.fault, tuple(captured.items()))
        self.values.update(captured)
        self._advance(give_up=False)
        return StepOutcome(ok=True, next=self._next, captured=tuple(captured.items()))

    @property
    def leaves_site(self) -> bool:
        """Whether the next request would go to a link to another site."""
        try:
            self._step_target(self.step)
        except OtherSite:
            return True
        except MissingValue:
            pass
        return False

    def skip(self) -> None:
        """Leave out the present step, for example because its request cannot be made."""
        self._advance(give_up=False)

    @property
    def ended(self) -> bool:
        """Whether there is no further request."""
        return self.position >= len(self.steps)

    def redirect_path(self, response: ReceivedResponse) -> bytes:
        """Return the path that the response to the last request redirects to, b'' if it is no redirect.

        Of a link to another site it is the link without its query.
        """
        locations = response.all("location")
        if response.status not in REDIRECTS or not locations:
            return b""
        target = resolve(locations[0].decode("utf-8", "replace"), self._target, self._host)
        return (locations[0] if target is None else target).partition(b"?")[0]

    # ------------------------------------------------------------------ requests

    @property
    def _next(self) -> Next:
        return "end" if self.ended else "step"

    def _advance(self, *, give_up: bool) -> None:
        self.position = len(self.steps) if give_up else self.position + 1
        self._redirects, self._redirected = 0, None

    def _step_target(self, step: CompiledStep) -> bytes:
        if not step.reference:
            return step.target.render(self.values)
        if step.reference not in self.values:
            raise MissingValue(step.reference)
        target = resolve(self.values[step.reference], self._target, self._host)
        if target is None:
            raise OtherSite(step.reference)
        return target

    def _cookies(self, step: CompiledStep) -> bytes:
        path = self._target.partition(b"?")[0]
        named = explicit_cookies(step, self.values)
        return self._joined(named, path) if named else self.jar.header(path)

    def _joined(self, named: Mapping[bytes, bytes], path: bytes) -> bytes:
        found = self.jar.cookies(path)
        kept = {name for name, _ in found}
        return join_cookies([*found, *(each for each in named.items() if each[0] not in kept)])

    def _follow(self, status: int, location: bytes) -> None:
        if self._redirects >= MAX_REDIRECTS:
            raise WrongResponse(
                Fault.REDIRECT, f"more than {MAX_REDIRECTS} redirects in a row, the last to {location!r}"
            )
        target = resolve(location.decode("utf-8", "replace"), self._target, self._host)
        if target is None:
            raise WrongResponse(Fault.REDIRECT, f"it redirects to another site, {_text(location)}")
        method, with_body = self._method, self._redirected is None or self._redirected[2]
        if status == 303 or (status in (301, 302) and method == b"POST"):
            method, with_body = b"HEAD" if method == b"HEAD" else b"GET", False
        self._redirects += 1
        self._redirected = (method, target, with_body)

    # ------------------------------------------------------------------ responses

    def _require_complete(self, response: ReceivedResponse) -> None:
        if response.status is None:
            raise WrongResponse(Fault.INCOMPLETE, "no response")
        if not response.complete:
            raise WrongResponse(
                Fault.INCOMPLETE, f"status {response.status}, incomplete: {response.length} bytes of the body came"
            )

    def _check(self, step: CompiledStep, response: ReceivedResponse) -> None:
        status = response.status or 0
        if not step.step.accepts(status):
            wanted = " or ".join(map(str, step.step.status)) or "200 to 399"
            raise WrongResponse(Fault.STATUS, f"status {status} in place of {wanted}")
        expected = self._expected[self.position] if self.position < len(self._expected) else None
        if step.contains or expected is not None:
            body = decoded_body(response)
            for template, names_owner in step.contains:
                self._require_text(body, template, names_owner=names_owner)
            length = response.length if body is response.body else len(body)
            if expected is not None:
                self._require_redirect(expected, response)
            if expected is not None and (difference := expected.difference(body, length)):
                raise WrongResponse(Fault.BODY, difference)

    def _require_redirect(self, expected: ExpectedBody, response: ReceivedResponse) -> None:
        found = (response.status or 0, self.redirect_path(response))
        if expected.redirect is None or found == expected.redirect:
            return
        wanted = f"a redirect to {_text(expected.redirect[1])} with status {expected.redirect[0]}"
        where = f"a redirect to {_text(found[1])} with " if found[1] else ""
        raise WrongResponse(Fault.REDIRECT, f"{where}status {found[0]} in place of {wanted}")

    def _require_text(self, body: bytes, template: Template, *, names_owner: bool) -> None:
        try:
            text = template.render(self.values)
        except MissingValue as missing:
            # An earlier step of a visit that does not give up had nothing to capture.
            raise WrongResponse(Fault.CAPTURE, f"contains is not checked: {missing.reason}") from None
        if not contains_text(body, template, self.values):
            raise WrongResponse(
                Fault.OWNER if names_owner else Fault.CONTAINS, f"the body does not contain {_text(text)}"
            )

    def _capture(self, compiled: CompiledCapture, response: ReceivedResponse) -> str:
        capture = compiled.capture
        if capture.where == "cookie":
            found = self.jar.value(capture.source)
            place = f"there is no cookie {capture.source!r}"
        elif capture.where == "header":
            values = response.all(capture.source)
            found = next((value for each in values if (value := _search(compiled, each)) is not None), None)
            place = f"no header {capture.source} matches {capture.pattern!r}"
        elif capture.where == "json":
            found = json_value(decoded_body(response), capture.pattern)
            place = f"the body is no JSON with a value at {capture.pattern!r}"
        else:
            found = _search(compiled, decoded_body(response))
            if found is not None and b"html" in b"".join(response.all("content-type")).lower():
                found = html.unescape(found)
            place = f"the body does not match {capture.pattern!r}"
        if found is None:
            raise WrongResponse(Fault.CAPTURE, f"{capture.name}: {place}")
        if len(found) > MAX_CAPTURED_CHARACTERS:
            raise WrongResponse(
                Fault.CAPTURE, f"{capture.name}: the value is longer than {MAX_CAPTURED_CHARACTERS} characters"
            )
        return found


def resolve(reference: str, base: bytes, host: bytes) -> bytes | None:
    """Return the request target of a link or a Location on the page `base` of `host`; None if it is on another host.

    The scheme does not matter: the app may believe that it is behind TLS.
    """
    # Browsers remove these characters (the URL standard, section 4.4).
    cleaned = reference.strip(" \t\r\n\f\0").translate({9: None, 10: None, 13: None})
    origin = f"http://{host.decode('latin-1')}"
    try:
        found, expected = urlsplit(urljoin(origin + base.decode("latin-1"), cleaned)), urlsplit(origin)
        port, expected_port = found.port, expected.port
    except ValueError:
        return None
    if found.scheme not in DEFAULT_PORTS or (found.hostname or "").lower() != (expected.hostname or "").lower():
        return None
    if (port or DEFAULT_PORTS[found.scheme]) != (expected_port or DEFAULT_PORTS[found.scheme]):
        return None
    target = (found.path if found.path.startswith("/") else f"/{found.path}") + (
        f"?{found.query}" if found.query else ""
    )
    encoded = target.encode(errors="replace")
    return b"".join(b"%%%02X" % byte if byte <= 0x20 or byte >= 0x7F else bytes((byte,)) for byte in encoded)


def decoded_body(response: ReceivedResponse) -> bytes:
    """Return the body without its compression, as far as it is valid."""
    coding = b"".join(response.all("content-encoding")).strip().lower()
    if coding not in (b"gzip", b"x-gzip", b"deflate"):
        return response.body
    try:
        return zlib.decompressobj(wbits=47 if coding != b"deflate" else 15).decompress(response.body, MAX_DECODED_BYTES)
    except zlib.error:
        return response.body


def json_value(body: bytes, pointer: str) -> str | None:
    """Return the value at a JSON pointer (RFC 6901) as text; None if there is none, or if it is no single value."""
    try:
        value: object = json.loads(body)
    except (ValueError, RecursionError):
        return None
    for each in pointer.split("/")[1:]:
        key = each.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and key in value:
            value = value[key]
        elif isinstance(value, list) and key.isascii() and key.isdigit() and len(key) < 10 and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    if isinstance(value, str):
        return value.encode(errors="replace").decode()  # JSON may have half of a surrogate pair
    return json.dumps(value) if isinstance(value, bool | int | float) else None


def _search(compiled: CompiledCapture, data: bytes) -> str | None:
    """Return the group of the first match; None without a match, or if the group is not part of it."""
    if compiled.in_bytes is not None:
        found = compiled.in_bytes.search(data)
        return None if found is None or found[1] is None else found[1].decode(errors="replace")
    assert compiled.in_text is not None
    in_text = compiled.in_text.search(data.decode(errors="replace"))
    return None if in_text is None else in_text[1]


def contains_text(body: bytes, template: Template, values: Mapping[str, str]) -> bool:
    """Return whether `body` has the text; its values may be escaped as in HTML or JSON."""
    if template.render(values) in body:
        return True
    return any(
        template.render({name: escape(values[name]) for name in template.names}) in body
        for escape in (_ESCAPES if template.names else ())
    )


_ESCAPES: tuple[Callable[[str], str], ...] = (
    html.escape,
    lambda value: html.escape(value).replace("&quot;", "&#34;").replace("&#x27;", "&#39;"),  # as Jinja writes quotes
    lambda value: json.dumps(value)[1:-1],
    lambda value: json.dumps(value, ensure_ascii=False)[1:-1],
)
"""The ways in which a page may write a value."""


def _text(data: bytes) -> str:
    return repr(data[:200].decode(errors="replace"))
