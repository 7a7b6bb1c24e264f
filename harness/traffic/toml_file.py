"""Traffic files in TOML, as docs/traffic.md describes them. Pure: `read` gives the files that a traffic file names."""

from __future__ import annotations

import base64
import binascii
import json
import math
import mimetypes
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote

import msgspec

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.model.naming import did_you_mean
from wsgi_gauntlet.harness.server.user_app import CONTROL_PREFIX
from wsgi_gauntlet.harness.traffic import values_file
from wsgi_gauntlet.harness.traffic.compiled import MANAGED_HEADERS
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
    ValueList,
)
from wsgi_gauntlet.harness.traffic.template import NAME, ORIGIN, parse_text, placeholder_names

ReadFile = Callable[[str], bytes]
"""Returns the content of a file that a traffic file names. Raises ConfigurationError, which says why it cannot."""

TRAFFIC_KEYS = ("sequence", "request", "values")
SEQUENCE_KEYS = ("name", "weight", "step")
BODY_KEYS = ("form", "json", "file", "body", "type")
STEP_KEYS = (
    "name",
    "method",
    "path",
    "query",
    "headers",
    *BODY_KEYS,
    "status",
    "follow",
    "capture",
    "contains",
    "think_time",
    "compare",
)
CAPTURE_KEYS = ("input", "pattern", "json", "header", "cookie")
FILE_KEYS = ("field", "path", "base64", "name", "type")
RAW_KEYS = ("path", "base64")

MAX_STEPS = 10_000
"""Steps of a traffic file."""

MAX_UPLOAD_BYTES = 64 * 1024 * 1024
"""Bytes of all bodies of a traffic file together. Each generator process keeps them in memory."""

MAX_INTEGER = 2**63 - 1
"""The largest whole number of TOML."""

TOO_LARGE_NUMBER = "a whole number has more than 64 bits; write it between quotes"
MAX_THINK_TIME_SECONDS = 3600.0
MAX_WEIGHT = 1e6

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_HOST = re.compile(r"(?:[A-Za-z0-9._~%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
_TARGET = re.compile(r"[!-\"$-~]*")


@dataclass(frozen=True)
class _Place:
    """A place in the file, for messages."""

    text: str

    def error(self, problem: str) -> ConfigurationError:
        return ConfigurationError(f"{self.text}: {problem}")

    def at(self, more: str) -> _Place:
        return _Place(f"{self.text}, {more}")


def parse(text: str, source: str, read: ReadFile) -> Traffic:
    """Return the traffic of a TOML file; `source` is the name of the file in messages.

    Raises ConfigurationError, which names the place and what is wrong with it.
    """
    where = _Place(source)
    try:
        document: object = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise where.error(f"it is no TOML: {problem}; correct the line") from None
    except RecursionError:
        raise where.error("it is nested too deeply; write it flatter") from None
    except ValueError:
        raise where.error(TOO_LARGE_NUMBER) from None
    if _has_large_number(document):
        raise where.error(TOO_LARGE_NUMBER)
    document = _table(document, where, TRAFFIC_KEYS)
    values = tuple(
        _value_list(name, file, where, read)
        for name, file in _mapping(document.get("values", {}), where.at("values")).items()
    )
    parser = _Parser(values, read)
    sequences = [
        *(parser.sequence(each, number, where) for number, each in _tables(document, "sequence", where)),
        *(parser.request(each, number, where) for number, each in _tables(document, "request", where)),
    ]
    if not sequences:
        raise where.error("it has no requests; write a table [[request]] or [[sequence]]")
    names = Counter(each.name for each in sequences)
    for each, count in names.items():
        if count > 1:
            raise where.error(f"two sequences or requests have the name {each!r}; give each its own name")
    return Traffic(tuple(sequences), values, source)


class _Parser:
    """Parses sequences whose texts may use `values`."""

    def __init__(self, values: tuple[ValueList, ...], read: ReadFile) -> None:
        self._read = read
        self._columns = tuple(f"{each.name}.{column}" for each in values for column in each.columns)
        self._steps = 0
        self._upload_bytes = 0

    def sequence(self, value: object, number: int, source: _Place) -> Sequence:
        where = source.at(f"sequence {number}")
        table = _table(value, where, SEQUENCE_KEYS)
        name = _text(table, "name", where) or f"sequence {number}"
        where = source.at(f"sequence {name!r}")
        steps: list[Step] = []
        names: set[str] = set()
        captured: list[str] = []
        for at, each in _tables(table, "step", where):
            place = where.at(f"step {at}")
            step = self._step(_table(each, place, STEP_KEYS), place, captured)
            if isinstance(each, dict) and "name" in each and step.name in names:
                raise place.error(f"an earlier step has the name {step.name!r}; give each its own name")
            steps.append(step)
            names.add(step.name)
            captured += [capture.name for capture in step.captures]
        if not steps:
            raise where.error("it has no steps; write a table [[sequence.step]] after [[sequence]]")
        return Sequence(name, with_unique_names(steps), _weight(table, where))

    def request(self, value: object, number: int, source: _Place) -> Sequence:
        where = source.at(f"request {number}")
        table = _table(value, where, (*STEP_KEYS, "weight"))
        step = self._step(table, where, ())
        return Sequence(step.name, (step,), _weight(table, where))

    def _step(self, table: Mapping[str, object], where: _Place, captured: Collection[str]) -> Step:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise where.error(f"a traffic file has at most {MAX_STEPS} steps; use fewer")
        if name := _text(table, "name", where):
            where = _Place(f"{where.text} ({name})")
        body = self._body(table, where)
        method = _text(table, "method", where) or ("GET" if body is None else "POST")
        if not _TOKEN.fullmatch(method) or method.upper() == "CONNECT":
            raise where.error(f"method {method!r} is no method of an app; use for example GET or POST")
        target = _target(table, where)
        headers = self._headers(table, body, where)
        contains = _texts(table.get("contains", []), where.at("contains"))
        known = (*self._columns, *captured, ORIGIN)
        for place, text in _placeholder_texts(target, headers, body, contains):
            _require_known(text, known, where.at(place))
        return Step(
            name or f"{method} {target}",
            method,
            target,
            headers,
            body,
            _statuses(table.get("status"), where),
            _flag(table, "follow", False, where),
            _captures(table.get("capture", {}), where.at("capture")),
            contains,
            _number(table.get("think_time", 0), "think_time", where, 0, MAX_THINK_TIME_SECONDS, "seconds"),
            _flag(table, "compare", True, where),
        )

    def _headers(self, table: Mapping[str, object], body: Body | None, where: _Place) -> tuple[tuple[str, str], ...]:
        where = where.at("headers")
        headers = _pairs(table.get("headers", {}), where)
        for name, value in headers:
            if not _TOKEN.fullmatch(name):
                raise where.error(f"{name!r} is no name of a header; use letters, digits and -")
            if name.lower() in MANAGED_HEADERS:
                raise where.error(f"the program writes {name} itself; leave it out")
            if name.lower() == "content-type" and isinstance(body, FileBody):
                raise where.error("the program writes the Content-Type of a form with files itself; leave it out")
            if any(each < " " or each == "\x7f" for each in value):
                raise where.error(f"the value of {name} has control characters; write it in one line")
            if name.lower() == "host" and "${" not in value and not _HOST.fullmatch(value):
                raise where.error(f"{value!r} is no host; write a name and a port or not, as shop.example:8000")
        given = Counter(name.lower() for name, _ in headers)
        for name in ("Host", "Content-Type"):
            if given[name.lower()] + (name == "Content-Type" and "type" in table) > 1:
                raise where.error(f"{name} is given twice; a request has one")
        return headers

    def _body(self, table: Mapping[str, object], where: _Place) -> Body | None:
        given = [each for each in ("form", "json", "file", "body") if each in table]
        if len(given) > 1 and given != ["form", "file"]:
            raise where.error(f"{' and '.join(given)} cannot be combined; use one of them")
        if "type" in table and given != ["body"]:
            raise where.error("type is the content type of body; give a body, or leave type out")
        if "file" in table:
            fields = _pairs(table.get("form", {}), where.at("form"))
            if table["file"] == [] and "form" in table:
                return FileBody((), fields)
            return FileBody(tuple(self._files(table["file"], where.at("file"))), fields)
        if "form" in table:
            return FormBody(_pairs(table["form"], where.at("form")))
        if "json" in table:
            return JsonBody(_json(table["json"], where))
        if "body" not in table:
            return None
        content_type = _text(table, "type", where)
        if any(each < " " for each in content_type):
            raise where.error("type has control characters; write it in one line")
        body = table["body"]
        if isinstance(body, str):
            return RawBody(body.encode(), content_type)
        place = where.at("body")
        return RawBody(self._data(_table(body, place, RAW_KEYS), place), content_type)

    def _files(self, value: object, where: _Place) -> Iterable[FilePart]:
        if value == []:
            raise where.error('it names no file; write file = { field = "photo", path = "photo.png" }')
        for each in value if isinstance(value, list) else [value]:
            table = _table(each, where, FILE_KEYS)
            field = _text(table, "field", where)
            if not field:
                raise where.error('it has no field; write the name of the field of the form, as field = "photo"')
            path = _text(table, "path", where)
            filename = ""  # a browser sends an empty name if the user chose no file
            if table.get("name") != "":
                filename = _text(table, "name", where) or re.split(r"[/\\]", path)[-1] or "file"
            content_type = _text(table, "type", where) or mimetypes.guess_type(filename)[0] or ""
            if any(character < " " for character in content_type):
                raise where.error("type has control characters; write it in one line")
            yield FilePart(field, filename, content_type, self._data(table, where))

    def _data(self, table: Mapping[str, object], where: _Place) -> bytes:
        path, encoded = _text(table, "path", where), table.get("base64")
        if (encoded is None) == (not path):
            raise where.error("it takes either path, the name of a file, or base64, its bytes")
        if encoded is None:
            try:
                data = self._read(path)
            except ConfigurationError as problem:
                raise where.error(str(problem)) from None
        else:
            if not isinstance(encoded, str):
                raise where.error("base64 must be a text")
            try:
                data = base64.b64decode("".join(encoded.split()), validate=True)
            except (binascii.Error, ValueError):
                raise where.error("base64 is not valid; write path and the name of a file instead") from None
        self._upload_bytes += len(data)
        if self._upload_bytes > MAX_UPLOAD_BYTES:
            raise where.error(f"the bodies of all steps have more than {MAX_UPLOAD_BYTES >> 20} MB; use smaller files")
        return data


def with_unique_names(steps: Iterable[Step]) -> tuple[Step, ...]:
    """Return the steps with different names: the second `GET /` becomes `GET / (2)`."""
    used: set[str] = set()
    numbers: Counter[str] = Counter()
    found: list[Step] = []
    for each in steps:
        numbers[each.name] += 1
        name = each.name
        while name in used:
            number = numbers[each.name]
            name = f"{each.name} ({number})"
            numbers[each.name] += name in used
        used.add(name)
        found.append(msgspec.structs.replace(each, name=name))
    return tuple(found)


# ---------------------------------------------------------------------- parts of a step


def _target(table: Mapping[str, object], where: _Place) -> str:
    if "path" not in table:
        raise where.error('it has no path; write for example path = "/login"')
    target = _text(table, "path", where)
    try:
        parts = parse_text(target)
    except ConfigurationError as problem:
        raise where.error(f"path: {problem}") from None
    literal = "".join(each for each in parts if isinstance(each, str))
    if not (target.startswith("/") or (len(parts) == 1 and isinstance(parts[0], tuple))):
        raise where.error(f"path {target!r} must begin with /, or be one placeholder alone")
    if not _TARGET.fullmatch(literal):
        raise where.error(
            f"path {target!r} must have only ASCII characters without spaces and fragments; percent-encode all others"
        )
    if unquote(literal.partition("?")[0]).rstrip("/").startswith(CONTROL_PREFIX):
        raise where.error(f"paths below {CONTROL_PREFIX} belong to the harness; use a path of the app")
    query = _pairs(table.get("query", {}), where.at("query"))
    if query and not target.startswith("/"):
        raise where.error(f"path {target!r} is a link with its own query; leave query out")
    for name, value in query:
        try:
            piece = f"{_query_text(name)}={_query_text(value)}"
        except ConfigurationError as problem:
            raise where.error(f"query: {problem}") from None
        target += ("&" if "?" in target else "?") + piece
    return target


def _query_text(text: str) -> str:
    return "".join(f"${{{each[0]}}}" if isinstance(each, tuple) else quote(each, "") for each in parse_text(text))


def _json(value: object, where: _Place) -> str:
    where = where.at("json")
    if not isinstance(value, str):
        try:
            return json.dumps(value, allow_nan=False, ensure_ascii=False)
        except (TypeError, ValueError):
            raise where.error("JSON has no dates and no infinite numbers; write them as texts") from None
    try:
        parts = parse_text(value)
    except ConfigurationError as problem:
        raise where.error(str(problem)) from None
    try:
        json.loads("".join("0" if isinstance(each, tuple) else each for each in parts))
    except (ValueError, RecursionError) as problem:
        raise where.error(f"it is no JSON: {problem}; correct it, or use body for another text") from None
    return value


def _statuses(value: object, where: _Place) -> tuple[int, ...]:
    if value is None:
        return ()
    found = value if isinstance(value, list) else [value]
    if not found or not all(
        isinstance(each, int) and not isinstance(each, bool) and 200 <= each <= 599 for each in found
    ):
        raise where.error(f"status {value!r}: use a number from 200 to 599, or a list of them")
    return tuple(found)


def _captures(value: object, where: _Place) -> tuple[Capture, ...]:
    return tuple(_capture(name, each, where.at(name)) for name, each in _mapping(value, where).items())


def _capture(name: str, value: object, where: _Place) -> Capture:
    if not re.fullmatch(NAME, name):
        raise where.error("the name of a captured value has letters, digits, _ and -; rename it")
    if name == ORIGIN:
        raise where.error(f"every visit has a value {ORIGIN}; choose another name")
    if isinstance(value, str):
        return Capture(name, _pattern(value, where))
    table = _table(value, where, CAPTURE_KEYS)
    if table == {"json": ""}:
        return Capture(name, "", "json")  # the whole document
    found = {key: _text(table, key, where) for key in table}
    if "" in found.values() or tuple(sorted(found)) not in (
        ("input",),
        ("pattern",),
        ("json",),
        ("cookie",),
        ("header",),
        ("header", "pattern"),
    ):
        raise where.error(
            "use one of input (the name of a form field), pattern (a regular expression), json (a JSON pointer), "
            "cookie or header (a name)"
        )
    if "input" in found:
        return Capture(name, input_pattern(found["input"]))
    if "json" in found:
        if not found["json"].startswith("/"):
            raise where.error(f"{found['json']!r} is no JSON pointer; begin it with /, as in /items/0/id")
        return Capture(name, found["json"], "json")
    if "cookie" in found:
        return Capture(name, "", "cookie", found["cookie"])
    if "header" in found:
        if not _TOKEN.fullmatch(found["header"]):
            raise where.error(f"{found['header']!r} is no name of a header; use letters, digits and -")
        return Capture(name, _pattern(found.get("pattern", "(.*)"), where), "header", found["header"])
    return Capture(name, _pattern(found["pattern"], where))


def input_pattern(field: str) -> str:
    """Return the regular expression for the value of an HTML form field, or of a meta element, of that name."""
    return (
        rf"<(?i:input|meta|button)\b(?=[^>]{{0,2000}}\s(?i:name)\s*=\s*[\"']?{re.escape(field)}[\"'\s/>])"
        r"[^>]{0,2000}?\s(?i:value|content)\s*=\s*[\"']?((?<=\")[^\"]*|(?<=')[^']*|(?<=[=\s])[^\"'\s>]*)"
    )


def _pattern(text: str, where: _Place) -> str:
    try:
        groups = re.compile(text).groups
        if text.isascii():
            re.compile(text.encode())
    except (re.error, OverflowError, RecursionError) as problem:
        raise where.error(f"{text!r} is no regular expression: {problem}; correct it") from None
    if groups != 1:
        raise where.error(
            f"{text!r} has {groups} groups; put the value that is captured, and nothing else, in ( ), and write (?: ) "
            "for others"
        )
    return text


def _placeholder_texts(
    target: str, headers: tuple[tuple[str, str], ...], body: Body | None, contains: tuple[str, ...]
) -> Iterable[tuple[str, str]]:
    """Yield the texts of a step that may have placeholders, with their places."""
    yield "path", target
    for name, value in headers:
        yield f"header {name}", value
    for each in contains:
        yield "contains", each
    match body:
        case FormBody(fields) | FileBody(fields=fields):
            for name, value in fields:
                yield "form", name
                yield f"form field {name!r}", value
        case JsonBody(text):
            yield "json", text


def _require_known(text: str, known: Collection[str], where: _Place) -> None:
    try:
        names = placeholder_names(text)
    except ConfigurationError as problem:
        raise where.error(str(problem)) from None
    for each in names:
        if each not in known:
            what = "no value list has this column" if "." in each else "no earlier step of this sequence captures it"
            raise where.error(f"${{{each}}} has no value: {what}{did_you_mean(each, known)}; add it, or write $${{")


# ---------------------------------------------------------------------- values of TOML


def _table(value: object, where: _Place, known: Collection[str]) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise where.error(f"it must be a table with the keys {', '.join(known)}")
    for key in value:
        if key not in known:
            raise where.error(f"there is no key {key!r}{did_you_mean(key, known)}; the keys are {', '.join(known)}")
    return value


def _mapping(value: object, where: _Place) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise where.error("it must be a table of names and values")
    return value


def _tables(table: Mapping[str, object], key: str, where: _Place) -> Iterable[tuple[int, object]]:
    found = table.get(key, [])
    if not isinstance(found, list):
        raise where.error(f"{key} must be a list of tables; begin each with two brackets, as [[{key}]]")
    return enumerate(found, 1)


def _text(table: Mapping[str, object], key: str, where: _Place) -> str:
    value = table.get(key, "")
    if not isinstance(value, str) or (key in table and not value):
        raise where.error(f"{key} must be a text between quotes, with at least one character")
    return value


def _flag(table: Mapping[str, object], key: str, default: bool, where: _Place) -> bool:
    value = table.get(key, default)
    if not isinstance(value, bool):
        raise where.error(f"{key} takes true or false")
    return value


def _texts(value: object, where: _Place) -> tuple[str, ...]:
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list) or not all(isinstance(each, str) and each for each in found):
        raise where.error("it must be a text, or a list of texts, with at least one character each")
    return tuple(found)


def _pairs(value: object, where: _Place) -> tuple[tuple[str, str], ...]:
    """Return names and values: of a table, whose values may be lists, or of a list of pairs."""
    found: list[tuple[str, str]] = []
    if isinstance(value, dict):
        items = [
            (name, each) for name, given in value.items() for each in (given if isinstance(given, list) else [given])
        ]
    elif isinstance(value, list) and all(isinstance(each, list) and len(each) == 2 for each in value):
        items = [(each[0], each[1]) for each in value]
    else:
        raise where.error('it must be a table, as { name = "value" }, or a list of pairs, as [["name", "value"]]')
    for name, each in items:
        if isinstance(each, bool):
            raise where.error(f'{name}: true and false have no form here; write the text, as "on" or "1"')
        if not isinstance(name, str) or not isinstance(each, str | int | float):
            raise where.error(f"{name}: its value must be a text or a number")
        found.append((name, str(each)))
    return tuple(found)


def _has_large_number(document: object) -> bool:
    stack = [document]
    while stack:
        each = stack.pop()
        if isinstance(each, int) and not -MAX_INTEGER - 1 <= each <= MAX_INTEGER:
            return True
        if isinstance(each, dict | list):
            stack += each.values() if isinstance(each, dict) else each
    return False


def _number(value: object, key: str, where: _Place, low: float, high: float, unit: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise where.error(f"{key} must be a number{f' of {unit}' if unit else ''}, such as 1.5")
    if not low <= value <= high:
        raise where.error(f"{key} is {value}; use a number from {low:g} to {high:g}")
    return float(value)


def _weight(table: Mapping[str, object], where: _Place) -> float:
    weight = _number(table.get("weight", 1), "weight", where, 0, MAX_WEIGHT, "")
    if weight == 0:
        raise where.error("weight is 0; use a larger number, or remove the table")
    return weight


def _value_list(name: str, file: object, source: _Place, read: ReadFile) -> ValueList:
    where = source.at(f"values, {name}")
    if not re.fullmatch(NAME, name):
        raise where.error("the name of a value list has letters, digits, _ and -; rename it")
    if not isinstance(file, str) or not file:
        raise where.error('it must be the name of a CSV file, as users = "users.csv"')
    try:
        data = read(file)
    except ConfigurationError as problem:
        raise where.error(str(problem)) from None
    return values_file.parse(name, data, file)
