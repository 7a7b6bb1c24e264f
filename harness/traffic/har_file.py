"""Traffic from HAR files (HTTP Archive 1.2), as browsers export them. Pure.

The requests to one site become one sequence. Secrets are dropped, unless the user keeps them. A token that an earlier
page of the recording has is captured from that page, because each visit gets another one. A redirect and the request
that followed it become one step.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections import Counter
from collections.abc import Callable
from collections.abc import Sequence as SequenceOf
from dataclasses import dataclass, field
from datetime import datetime
from email.message import Message
from typing import cast
from urllib.parse import parse_qsl, quote, unquote, unquote_plus, urljoin, urlsplit

import msgspec

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.server.user_app import CONTROL_PREFIX
from wsgi_gauntlet.harness.traffic.har_captures import RecordedPage, find_capture
from wsgi_gauntlet.harness.traffic.model import (
    Body,
    Capture,
    FileBody,
    FilePart,
    FormBody,
    JsonBody,
    RawBody,
    Sequence,
    Step,
    Traffic,
)
from wsgi_gauntlet.harness.traffic.recorded_secrets import (
    DROPPED,
    hides_secret,
    is_login_callback,
    is_secret,
    is_secret_path_part,
    is_secret_value,
    redacted,
)
from wsgi_gauntlet.harness.traffic.template import ORIGIN, escape_placeholders
from wsgi_gauntlet.harness.traffic.toml_file import MAX_STEPS, MAX_UPLOAD_BYTES, with_unique_names

SEQUENCE_NAME = "recording"
"""The name of the sequence that a HAR file becomes."""

MIN_THINK_TIME_SECONDS, MAX_THINK_TIME_SECONDS = 0.2, 60.0
"""A shorter time between two requests is the browser's own; a longer one is a break of the person who recorded."""

MAX_NAME_CHARACTERS = 80
MAX_LISTED_SITES = 5
JSON_TYPE = "application/json"
WRITE_OR_KEEP = "write its value into a traffic file, or use --keep-secrets"
REDIRECTS = frozenset((301, 302, 303, 307, 308))

_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.DOTALL
)
"""An escape of JSON; the group is half of a surrogate pair without the other half."""

MANAGED = frozenset(
    (
        "host",
        "connection",
        "content-length",
        "transfer-encoding",
        "accept-encoding",  # bodies are compared and searched as they come
        "content-type",  # the body has it
        "if-none-match",  # a new visitor has nothing in the cache
        "if-modified-since",
        "cache-control",
        "pragma",
        "upgrade",
        "upgrade-insecure-requests",
        "keep-alive",
        "te",
        "trailer",
        "expect",
        "priority",
        "dnt",
        "http2-settings",
        "proxy-connection",
    )
)
"""Headers of a browser that say nothing about the request itself."""


class _Pair(msgspec.Struct):
    name: str = ""
    value: str | None = None


class _Param(msgspec.Struct, rename="camel"):
    name: str = ""
    value: str | None = None
    file_name: str | None = None
    content_type: str | None = None


class _PostData(msgspec.Struct, rename="camel"):
    mime_type: str | None = None
    text: str | None = None
    params: list[_Param] | None = None
    encoding: str | None = None


class _Request(msgspec.Struct, rename="camel"):
    method: str
    url: str
    headers: list[_Pair] = []
    post_data: _PostData | None = None


class _Content(msgspec.Struct, rename="camel"):
    mime_type: str | None = None
    text: str | None = None
    encoding: str | None = None


class _Response(msgspec.Struct):
    status: int | None = 0
    headers: list[_Pair] = []
    content: _Content | None = None
    worker_source: str | None = msgspec.field(default=None, name="_serviceWorkerResponseSource")


class _Entry(msgspec.Struct, rename="camel"):
    request: _Request
    response: _Response = msgspec.field(default_factory=_Response)
    started_date_time: str | None = None
    time: float | None = None
    from_cache: str | bool | None = msgspec.field(default=None, name="_fromCache")  # Chrome
    fetch_type: str | None = msgspec.field(default=None, name="_fetchType")  # Safari

    @property
    def is_from_browser(self) -> bool:
        """Whether a cache or a service worker of the browser gave the response, and not the app."""
        worker = self.response.worker_source
        return bool(self.from_cache or self.fetch_type) or worker not in (None, "", "network")

    @property
    def is_preflight(self) -> bool:
        """Whether the browser asked by itself if a page of another site may send a request."""
        return self.request.method == "OPTIONS" and bool(_header(self.request.headers, "access-control-request-method"))

    @property
    def status(self) -> int:
        return self.response.status or 0

    @property
    def mime_type(self) -> str:
        content = self.response.content
        return _base_type(content.mime_type or "") if content is not None else ""


class _Log(msgspec.Struct):
    entries: list[_Entry]


class _Har(msgspec.Struct):
    log: _Log


@dataclass
class _Draft:
    """A step while it is made: a page that it gets may still give a value to a later step."""

    step: Step
    captures: list[Capture] = field(default_factory=list)
    think_time: float = 0.0


def parse(data: bytes, source: str, *, keep_secrets: bool = False, site: str = "") -> tuple[Traffic, tuple[str, ...]]:
    """Return the traffic of a HAR file, and what was left out or changed, one line each, without the secrets.

    `source` is the name of the file in messages. `site` is the scheme and the host whose requests are used, by default
    that of most pages. Raises ConfigurationError, which says what is wrong with the file.
    """
    try:
        har = _decoded_har(data.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise ConfigurationError(
            f"{source}: it is no HAR file: {problem}; export it again from the network panel of the browser"
        ) from None
    entries = _by_time(har.log.entries)
    origin = _chosen_origin(site, entries, source) if site else _main_origin(entries)
    if not origin:
        raise ConfigurationError(f"{source}: it has no requests; record a visit, then export the HAR file again")
    notes = _Notes()
    kept = [each for each in entries if _keeps(each, origin, notes)]
    if not kept:
        raise ConfigurationError(
            f"{source}: no request to {origin} has a usable response; record a visit, then export the HAR file again"
        )
    if len(kept) > MAX_STEPS:
        raise ConfigurationError(f"{source}: it has {len(kept)} requests; {MAX_STEPS} are the most: record less")
    steps = _Recording(origin, keep_secrets, notes).steps(kept)
    bodies = [each.body for each in steps]
    size = sum(
        sum(len(part.data) for part in each.files) if isinstance(each, FileBody) else len(each.data)
        for each in bodies
        if isinstance(each, FileBody | RawBody)
    )
    if size > MAX_UPLOAD_BYTES:
        raise ConfigurationError(
            f"{source}: its uploads have more than {MAX_UPLOAD_BYTES >> 20} MB; record smaller ones"
        )
    traffic = Traffic((Sequence(SEQUENCE_NAME, with_unique_names(steps)),), (), source)
    return traffic, notes.lines(origin)


def _decoded_har(data: bytes) -> _Har:
    try:
        return msgspec.json.decode(data, type=_Har, strict=False)
    except msgspec.DecodeError:
        # Browsers write half of a surrogate pair as an escape, and msgspec does not read it.
        whole = _ESCAPE.sub(lambda found: b"\\ufffd" if found[1] else found[0], data)
        if whole == data:
            raise
        return msgspec.json.decode(whole, type=_Har, strict=False)


class _Notes:
    """What of a recording was left out or changed."""

    def __init__(self) -> None:
        self.other_sites: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()
        self.dropped_headers: Counter[str] = Counter()
        self.changes: list[str] = []

    def lines(self, origin: str) -> tuple[str, ...]:
        """Return the notes, one line each."""
        found = [f"the site of the recording is {origin}"]
        if self.other_sites:
            sites = _sites(self.other_sites)
            found.append(f"requests to other sites are left out: {sites}; --site takes another site")
        found += [f"requests left out because {why}: {count}" for why, count in self.left_out.items()]
        for name, count in self.dropped_headers.items():
            cookies = "; each visit keeps the cookies that the app sets" if name.lower() == "cookie" else ""
            found.append(f"header {name} is dropped from {_requests(count)}{cookies}")
        return (*found, *dict.fromkeys(self.changes))


class _Recording:
    """Makes steps of the entries of one site."""

    def __init__(self, origin: str, keep_secrets: bool, notes: _Notes) -> None:
        self._origin = origin
        self._keep_secrets = keep_secrets
        self._notes = notes
        self._drafts: list[_Draft] = []
        self._pages: list[RecordedPage] = []
        self._names: dict[tuple[int, Capture], str] = {}
        self._free_number: Counter[str] = Counter()

    def steps(self, entries: SequenceOf[_Entry]) -> list[Step]:
        """Return the steps, with what they capture."""
        at, last_end = 0, None
        while at < len(entries):
            first = entries[at]
            while at + 1 < len(entries) and self._redirects_to(entries[at], entries[at + 1]):
                at += 1
            last = entries[at]
            start, end = _seconds(first.started_date_time), _seconds(last.started_date_time)
            if (
                self._drafts
                and start is not None
                and last_end is not None
                and start - last_end >= MIN_THINK_TIME_SECONDS
            ):
                self._drafts[-1].think_time = round(min(start - last_end, MAX_THINK_TIME_SECONDS), 3)
            self._drafts.append(_Draft(self._step(first, last)))
            self._pages.append(_page(last, first))
            if end is not None:
                end += max(last.time or 0.0, 0.0) / 1000
                last_end = end if last_end is None else max(end, last_end)
            at += 1
        return [
            msgspec.structs.replace(each.step, captures=tuple(each.captures), think_time=each.think_time)
            for each in self._drafts
        ]

    def _redirects_to(self, entry: _Entry, following: _Entry) -> bool:
        location = _header(entry.response.headers, "location")
        return (
            entry.status in REDIRECTS
            and bool(location)
            and _without_fragment(_joined_url(entry.request.url, location)) == _without_fragment(following.request.url)
            and following.request.method in (entry.request.method, "GET")
        )

    def _step(self, first: _Entry, last: _Entry) -> Step:
        request = first.request
        url = urlsplit(request.url)
        path = self._path(url.path or "/", request.method)
        name = f"{request.method} {path.replace('$${', '${')}"
        body = self._body(request, name)
        headers = [pair for each in request.headers for pair in self._header(each, name)]
        if isinstance(body, JsonBody) and _base_type(_mime_type(request)) != JSON_TYPE:
            headers.append(("Content-Type", escape_placeholders(_mime_type(request))))
        query = self._query(url.query, f"{name}: parameter")
        status = 200 if last.status == 304 else last.status
        return Step(
            name if len(name) <= MAX_NAME_CHARACTERS else name[: MAX_NAME_CHARACTERS - 1] + "…",
            request.method,
            f"{path}?{query}" if query else path,
            tuple(headers),
            body,
            (status,),
            follow=first is not last,
        )

    def _header(self, header: _Pair, step: str) -> list[tuple[str, str]]:
        name, value = header.name, (header.value or "").strip()
        lower = name.lower()
        if lower in MANAGED or lower.startswith((":", "sec-", "proxy-", "content-")) or not _is_token(name):
            return []
        if any(each < " " or each == "\x7f" for each in value):
            return []
        if lower in ("origin", "referer"):
            if _origin(value) != self._origin:
                return []
            url = urlsplit(value)
            place = f"{step}: header {name}"
            query = f"?{self._query(url.query, f'{place}, parameter')}" if url.query else ""
            return [(name, f"${{{ORIGIN}}}{self._path(url.path, place)}{query}")]
        if lower == "cookie" or is_secret_value(name, value) or hides_secret(value) or redacted(value) != value:
            # A token may follow its scheme, as in `Bearer TOKEN`.
            scheme, space, token = value.rpartition(" ")
            captured = "" if lower == "cookie" else self._captured(name, token, f"{step}: header {name}")
            if captured:
                return [(name, f"{escape_placeholders(scheme)}{space}{captured}")]
            if not self._keep_secrets:
                self._notes.dropped_headers[name] += 1
                return []
        return [(name, escape_placeholders(value))]

    def _path(self, path: str, place: str) -> str:
        """Return a path as a text with placeholders, without its secrets. `place` says in a note whose path it is."""
        parts = path.split("/")
        made: list[str] = []
        for at, each in enumerate(parts):
            part, *parameters = each.split(";")  # as in /shop;jsessionid=1
            kept = escape_placeholders(_printable(part))
            if is_secret_path_part(part, parts[:at]):
                place_of_part = f"{place} {'/'.join(made)}/..."
                captured = self._captured("token", unquote(part), f"{place_of_part}: a part of the path")
                if not captured and not self._keep_secrets:
                    self._notes.changes.append(f"{place_of_part}: a part of the path is dropped: {WRITE_OR_KEEP}")
                    captured = DROPPED
                kept = captured or kept
            pairs = [self._pair(pair, f"{place} {'/'.join(made)}/...: parameter") for pair in parameters]
            made.append(";".join([kept, *pairs]))
        return "/".join(made)

    def _query(self, query: str, place: str) -> str:
        pairs = query.split("&") if query else []
        is_callback = is_login_callback([each.partition("=")[0] for each in pairs])
        return "&".join(self._pair(each, place, is_callback=is_callback) for each in pairs)

    def _pair(self, pair: str, place: str, *, is_callback: bool = False) -> str:
        """Return `name=value` of a URL with placeholders in place of a captured or dropped value."""
        name, equals, value = pair.partition("=")
        if not equals and not self._keep_secrets and is_secret_path_part(unquote_plus(name), ()):
            self._notes.changes.append(f"{place} without a name is dropped: {WRITE_OR_KEEP}")
            return DROPPED
        changed = self._value(
            unquote_plus(name),
            unquote_plus(value),
            place,
            is_callback=is_callback,
            encode=lambda text: quote(text, "/:"),
        )
        if changed is None:
            return escape_placeholders(_printable(pair))
        return f"{escape_placeholders(_printable(name))}{equals}{changed}"

    def _value(
        self,
        name: str,
        value: str,
        place: str,
        *,
        is_callback: bool = False,
        encode: Callable[[str], str] = escape_placeholders,
    ) -> str | None:
        """Return the text with placeholders in place of a captured or dropped value, None if the value stays.

        `encode` writes a text as its place demands, for a value that keeps all but the secrets inside it.
        """
        place = f"{place} {redacted(name)}"
        captured = self._captured(name, value, place)
        if captured:
            return captured
        if not value or self._keep_secrets:
            return None
        without = redacted(value)
        if is_secret_value(name, value) or (is_callback and name.lower() in ("code", "state")) or hides_secret(value):
            without = DROPPED
        if without == value:
            return None
        what = "is dropped" if without == DROPPED else "has secrets, which are dropped"
        self._notes.changes.append(f"{place} {what}: {WRITE_OR_KEEP}")
        return encode(without)

    def _captured(self, name: str, value: str, place: str) -> str:
        """Return a placeholder for a value that an earlier page of the recording has, '' if none has it."""
        found = find_capture(self._pages, value, secret=is_secret(name))
        if found is None:
            return ""
        at, capture = found
        key = (at, msgspec.structs.replace(capture, name=""))
        if key not in self._names:
            used = set(self._names.values())
            name_of_capture = capture.name
            while name_of_capture in used:
                self._free_number[capture.name] += 1
                name_of_capture = f"{capture.name}_{self._free_number[capture.name] + 1}"
            self._names[key] = name_of_capture
            self._drafts[at].captures.append(msgspec.structs.replace(capture, name=self._names[key]))
        self._notes.changes.append(f"{place} is captured from {self._drafts[at].step.name}")
        return f"${{{self._names[key]}}}"

    # ------------------------------------------------------------------ bodies

    def _body(self, request: _Request, step: str) -> Body | None:
        data = request.post_data
        if data is None or (not data.text and not data.params):
            return None
        mime_type = _mime_type(request)
        base_type = _base_type(mime_type)
        raw = _decoded(data.text or "", data.encoding)
        if base_type == "application/x-www-form-urlencoded":
            pairs = (
                parse_qsl(data.text, keep_blank_values=True)
                if data.text
                else [(each.name, each.value or "") for each in data.params or []]
            )
            return FormBody(self._fields(pairs, step))
        if base_type == "multipart/form-data":
            return self._multipart(mime_type, raw, data.params or [], step)
        # JavaScript often sends JSON as text.
        if base_type.endswith(("/json", "+json")) or (base_type == "text/plain" and raw.lstrip()[:1] in b"{["):
            try:
                return JsonBody(self._json(raw.decode(), step))
            except (ValueError, RecursionError):
                pass
        return self._raw(raw, mime_type, step)

    def _raw(self, raw: bytes, mime_type: str, step: str) -> RawBody:
        if self._keep_secrets:
            return RawBody(raw, mime_type)
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            text = ""
        if (without := redacted(text)) != text:
            self._notes.changes.append(f"{step}: secrets in the body are dropped: {WRITE_OR_KEEP}")
            raw = without.encode()
        self._notes.changes.append(f"{step}: the body is kept; make sure that it has no secrets")
        return RawBody(raw, mime_type)

    def _fields(self, pairs: SequenceOf[tuple[str, str]], step: str) -> tuple[tuple[str, str], ...]:
        found = []
        is_callback = is_login_callback([name for name, _ in pairs])  # as of the response mode form_post
        for name, value in pairs:
            changed = self._value(name, value, f"{step}: field", is_callback=is_callback)
            found.append((escape_placeholders(name), escape_placeholders(value) if changed is None else changed))
        return tuple(found)

    def _multipart(self, mime_type: str, raw: bytes, params: SequenceOf[_Param], step: str) -> FileBody | RawBody:
        parts = _parts(mime_type, raw) or [
            _Part(each.name, each.file_name, _one_line(each.content_type or ""), (each.value or "").encode())
            for each in params
        ]
        if not parts:
            return self._raw(raw, mime_type, step)
        fields = [(each.name, each.data.decode(errors="replace")) for each in parts if each.filename is None]
        files = [
            FilePart(each.name, each.filename, each.content_type, each.data)
            for each in parts
            if each.filename is not None and each.name
        ]
        for each in files:
            if each.data and not self._keep_secrets:
                self._notes.changes.append(
                    f"{step}: the file in field {redacted(each.field)} is kept; make sure that it has no secrets"
                )
            if not each.data and each.filename:
                self._notes.changes.append(
                    f"{step}: the recording lacks the bytes of the file in field {redacted(each.field)}; "
                    "an empty file is sent"
                )
        return FileBody(tuple(files), self._fields(fields, step))

    def _json(self, text: str, step: str) -> str:
        """Return a JSON text with placeholders. Raises ValueError if `text` is no JSON."""
        document: object = json.loads(text)
        placeholders: dict[str, str] = {}

        def replaced(name: str, value: str | float) -> object:
            is_number = not isinstance(value, str)
            if is_number and not is_secret_value(name, str(value)):
                return value
            changed = self._value(name, str(value), f"{step}: field", encode=_json_piece)
            if changed is None:
                return value
            mark = f"\ue000{len(placeholders)}\ue000"  # a private character, which no app sends
            # A captured number stays a number: it has no quotes.
            placeholders[f'"{mark}"' if is_number and changed != DROPPED else mark] = changed
            return mark

        made = _map_texts(document, "", replaced)
        if not placeholders:
            return escape_placeholders(text)
        found = escape_placeholders(json.dumps(made, ensure_ascii=False).encode(errors="replace").decode())
        for mark, each in placeholders.items():
            found = found.replace(mark, each)
        return found


# ---------------------------------------------------------------------- entries


def _by_time(entries: list[_Entry]) -> list[_Entry]:
    times = [_seconds(each.started_date_time) for each in entries]
    if any(each is None for each in times):
        return entries
    order = sorted(range(len(entries)), key=lambda at: cast("float", times[at]))
    return [entries[at] for at in order]


def _seconds(text: str | None) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp() if text else None
    except (ValueError, OverflowError, OSError):
        return None


def _origin(url: str) -> str:
    """Return the origin of an HTTP URL, '' for other URLs."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return ""
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    is_default = port == {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{host}{f':{port}' if port and not is_default else ''}"


def _main_origin(entries: list[_Entry]) -> str:
    """Return the origin of most pages of the recording, or of most requests if it has none; the first of several."""
    pages = Counter(
        origin for each in entries if each.mime_type == "text/html" and (origin := _origin(each.request.url))
    )
    found = pages or Counter(origin for each in entries if (origin := _origin(each.request.url)))
    return found.most_common(1)[0][0] if found else ""


def _chosen_origin(site: str, entries: list[_Entry], source: str) -> str:
    """Return the origin of `site`. Raises ConfigurationError if no request goes there."""
    origin = _origin(site)
    if not origin:
        raise ConfigurationError(
            f"--site {redacted(site)}: write the scheme and the host of the site, as https://shop.example"
        )
    found = Counter(each_origin for each in entries if (each_origin := _origin(each.request.url)))
    if origin not in found:
        raise ConfigurationError(
            f"{source}: no request goes to the site {origin}; name one of its sites: {_sites(found) or 'it has none'}"
        )
    return origin


def _sites(found: Counter[str]) -> str:
    names = ", ".join(f"{site} ({count})" for site, count in found.most_common(MAX_LISTED_SITES))
    more = len(found) - MAX_LISTED_SITES
    return f"{names} and {more} more" if more > 0 else names


def _keeps(entry: _Entry, origin: str, notes: _Notes) -> bool:
    site = _origin(entry.request.url)
    if site != origin:
        if site:
            notes.other_sites[site] += 1
        else:
            notes.left_out["they are no HTTP requests"] += 1
        return False
    why = ""
    if not _is_token(entry.request.method) or entry.request.method.upper() == "CONNECT":
        why = "their method is not one of an app"
    elif entry.is_from_browser:
        why = "the browser had the response in its cache"
    elif entry.is_preflight:
        why = "the browser asked by itself if another site may send a request"
    elif entry.status == 101:
        why = "they opened a WebSocket"
    elif not 200 <= entry.status <= 499:
        why = "the app did not answer them, or with an error of its own"
    elif unquote(urlsplit(entry.request.url).path).startswith(CONTROL_PREFIX):
        why = f"paths below {CONTROL_PREFIX} belong to the harness"
    if why:
        notes.left_out[why] += 1
    return not why


def _page(last: _Entry, first: _Entry) -> RecordedPage:
    content = last.response.content
    text = ""
    if content is not None and content.text:
        text = _decoded(content.text, content.encoding).decode(errors="replace")
    cookies = [
        each.value or ""
        for entry in ((first,) if first is last else (first, last))
        for each in entry.response.headers
        if each.name.lower() == "set-cookie"
    ]
    # Firefox joins several Set-Cookie headers with line breaks.
    return RecordedPage(text, last.mime_type, tuple(line for each in cookies for line in each.splitlines()))


def _decoded(text: str, encoding: str | None) -> bytes:
    if (encoding or "").lower() == "base64":
        try:
            return base64.b64decode(text)
        except (binascii.Error, ValueError):
            return b""
    return text.encode(errors="replace")


# ---------------------------------------------------------------------- multipart


@dataclass(frozen=True)
class _Part:
    name: str
    filename: str | None
    content_type: str
    data: bytes


def _parts(mime_type: str, raw: bytes) -> list[_Part]:
    """Return the parts of a body of multipart/form-data, none if it has none."""
    header = Message()
    header["content-type"] = mime_type
    boundary = header.get_param("boundary")
    if not isinstance(boundary, str) or not raw:
        return []
    found = []
    for piece in (b"\r\n" + raw).split(b"\r\n--" + boundary.encode(errors="replace"))[1:]:
        if piece.startswith(b"--"):
            break
        head, _, data = piece.partition(b"\r\n\r\n")
        fields = Message()
        for line in head.decode(errors="replace").splitlines():
            name, colon, value = line.partition(":")
            if colon:
                fields[name.strip()] = value.strip()
        field_name = fields.get_param("name", header="content-disposition")
        filename = fields.get_param("filename", header="content-disposition")
        if isinstance(field_name, str):
            content_type = _one_line(str(fields.get("content-type", "")))
            found.append(_Part(field_name, filename if isinstance(filename, str) else None, content_type, data))
    return found


# ---------------------------------------------------------------------- texts


def _map_texts(value: object, name: str, change: Callable[[str, str | float], object]) -> object:
    """Return `value` with its texts and numbers changed; `change` gets the name of the field and the value.

    Everything inside a secret field has the name of that field.
    """
    if isinstance(value, dict):
        return {key: _map_texts(each, name if is_secret(name) else key, change) for key, each in value.items()}
    if isinstance(value, list):
        return [_map_texts(each, name, change) for each in value]
    return change(name, value) if isinstance(value, str | int | float) and not isinstance(value, bool) else value


def _json_piece(text: str) -> str:
    """Return a text as it stands between the quotes of a JSON text with placeholders."""
    return escape_placeholders(json.dumps(text, ensure_ascii=False)[1:-1].encode(errors="replace").decode())


def _mime_type(request: _Request) -> str:
    """Return the content type of the body, '' if there is none, or if it has control characters."""
    given = request.post_data.mime_type if request.post_data is not None else None
    return _one_line(given or _header(request.headers, "content-type"))


def _one_line(text: str) -> str:
    return "" if any(each < " " or each == "\x7f" for each in text) else text


def _header(headers: SequenceOf[_Pair], name: str) -> str:
    return next((each.value or "" for each in headers if each.name.lower() == name), "")


def _base_type(mime_type: str) -> str:
    return mime_type.partition(";")[0].strip().lower()


def _joined_url(base: str, location: str) -> str:
    try:
        return urljoin(base, location)
    except ValueError:
        return ""


def _without_fragment(url: str) -> str:
    return url.partition("#")[0]


def _printable(text: str) -> str:
    """Return a part of a URL with all characters percent-encoded that a request line cannot have."""
    return "".join(each if "!" <= each <= "~" and each != "#" else quote(each, "", errors="replace") for each in text)


def _is_token(text: str) -> bool:
    return text.isascii() and bool(text) and all(each.isalnum() or each in "!#$%&'*+-.^_`|~" for each in text)


def _requests(count: int) -> str:
    return f"{count} request{'' if count == 1 else 's'}"
