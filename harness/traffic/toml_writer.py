"""Write traffic as a TOML file that a person can edit and toml_file.py reads. Pure."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable

from wsgi_gauntlet.harness.traffic.model import Body, Capture, FileBody, FormBody, JsonBody, RawBody, Step, Traffic
from wsgi_gauntlet.harness.traffic.toml_file import input_pattern

LINE_CHARACTERS = 100
"""Characters of a line of base64."""

_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def render(traffic: Traffic, comments: Iterable[str] = ()) -> str:
    """Return the TOML file of `traffic`, which has no value lists; `comments` are lines at its beginning."""
    lines = [f"# {_comment(each)}" for each in comments]
    for sequence in traffic.sequences:
        lines += ["", "[[sequence]]", f"name = {quoted(sequence.name)}"]
        if sequence.weight != 1:
            lines.append(f"weight = {sequence.weight!r}")
        for step in sequence.steps:
            lines += ["", "[[sequence.step]]", *_step_lines(step)]
    return "\n".join(lines).strip("\n") + "\n"


def quoted(text: str) -> str:
    """Return `text` as a basic string of TOML: only printable characters, the others as escapes."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    number = ord(character)
    if 0xD800 <= number <= 0xDFFF:
        return "\\ufffd"  # TOML cannot have half of a pair
    if character.isprintable():
        return character
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"


def _step_lines(step: Step) -> Iterable[str]:
    if step.name != f"{step.method} {step.target}":
        yield f"name = {quoted(step.name)}"
    yield f"method = {quoted(step.method)}"
    yield f"path = {quoted(step.target)}"
    if step.headers:
        yield f"headers = {_pairs(step.headers)}"
    yield from _body_lines(step.body)
    if step.status:
        yield f"status = {step.status[0] if len(step.status) == 1 else list(step.status)}"
    if step.follow:
        yield "follow = true"
    if step.contains:
        yield f"contains = [{', '.join(map(quoted, step.contains))}]"
    if step.think_time:
        yield f"think_time = {step.think_time!r}"
    if not step.compare:
        yield "compare = false"
    for each in step.captures:
        yield f"capture.{each.name} = {_capture(each)}"


def _body_lines(body: Body | None) -> Iterable[str]:
    match body:
        case FormBody(fields):
            yield f"form = {_pairs(fields)}"
        case JsonBody(text):
            yield f"json = {_literal(text)}"
        case FileBody(files, fields):
            if fields or not files:  # without files, a form says that the body is multipart/form-data
                yield f"form = {_pairs(fields)}"
            yield "file = ["
            for each in files:
                kind = f", type = {quoted(each.content_type)}" if each.content_type else ""
                yield f"  {{ field = {quoted(each.field)}, name = {quoted(each.filename)}{kind}, base64 = '''"
                yield from _base64_lines(each.data)
                yield "''' },"
            yield "]"
        case RawBody(data, content_type):
            if content_type:
                yield f"type = {quoted(content_type)}"
            try:
                yield f"body = {quoted(data.decode())}"
            except UnicodeDecodeError:
                yield "body = { base64 = '''"
                yield from _base64_lines(data)
                yield "''' }"


def _base64_lines(data: bytes) -> Iterable[str]:
    text = base64.b64encode(data).decode()
    return (text[at : at + LINE_CHARACTERS] for at in range(0, len(text), LINE_CHARACTERS))


def _pairs(pairs: tuple[tuple[str, str], ...]) -> str:
    """Return a table, or a list of pairs if a name is there twice or empty."""
    names = [name for name, _ in pairs]
    if len(set(names)) == len(names):
        return "{ " + ", ".join(f"{quoted(name)} = {quoted(value)}" for name, value in pairs) + " }"
    return "[" + ", ".join(f"[{quoted(name)}, {quoted(value)}]" for name, value in pairs) + "]"


def _literal(text: str) -> str:
    """Return a JSON text as a literal string, which needs no escapes; as a basic string if it cannot be one."""
    if "'" in text or not all(each.isprintable() for each in text):
        return quoted(text)
    return f"'{text}'"


def _capture(capture: Capture) -> str:
    if capture.where == "json":
        return f"{{ json = {quoted(capture.pattern)} }}"
    if capture.where == "cookie":
        return f"{{ cookie = {quoted(capture.source)} }}"
    if capture.where == "header":
        return f"{{ header = {quoted(capture.source)}, pattern = {_literal(capture.pattern)} }}"
    field = _field_of(capture.pattern)
    return f"{{ input = {quoted(field)} }}" if field else f"{{ pattern = {_literal(capture.pattern)} }}"


def _field_of(pattern: str) -> str:
    """Return the form field whose `input_pattern` this is, '' if it is another pattern."""
    before, after = input_pattern("\0").split("\0")
    if not (pattern.startswith(before) and pattern.endswith(after)):
        return ""
    escaped = pattern[len(before) : len(pattern) - len(after)]
    field = "".join(escaped[at] for at in range(len(escaped)) if escaped[at] != "\\" or escaped[at - 1 : at] == "\\")
    return field if input_pattern(field) == pattern else ""


def _comment(text: str) -> str:
    return json.dumps(text, ensure_ascii=True)[1:-1].replace('\\"', '"')
