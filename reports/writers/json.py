"""`results.json`: all results for programs. Its JSON Schema is results.schema.json in this folder.

The text is ASCII. Bytes are base64 (`contentEncoding` in the schema). Only cells that blame the server, and errors,
have evidence, cut to EVIDENCE_LIMITS: `run.jsonl.zst` in the same folder has more. A change that old readers cannot
read raises model.SCHEMA. `load` also reads schema 1.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.model import SCHEMA, CaseResult, Evidence, Percentile, Results, Sample, Verdict, Window
from wsgi_gauntlet.harness.store import schema_1
from wsgi_gauntlet.harness.store.evidence_limits import EvidenceLimits, truncate_evidence
from wsgi_gauntlet.harness.store.json_encoding import to_json
from wsgi_gauntlet.harness.store.stored_evidence import loaded

EVIDENCE_LIMITS = EvidenceLimits(event=8_192, wire=16_384, events=200, detail=1_024, log=8_192)
"""The evidence of a cell: enough to judge it, small enough for thousands of cells in one file."""

FILENAME = "results.json"

ROWS = (Sample, Percentile, Window)
"""Types that are arrays in JSON. The schema names their columns."""


def render(results: Results) -> str:
    """Return `results` as one JSON document and a line break."""
    return "".join(parts(results))


def parts(results: Results) -> Iterator[str]:
    """Yield the document in parts: that of many servers is large."""
    opening = "{"
    for name in results.__struct_fields__:
        yield f'{opening}"{name}":'
        opening = ","
        if name != "conformance":
            yield _ascii_json(getattr(results, name))
            continue
        yield "["
        for number, cell in enumerate(results.conformance):
            yield ("," if number else "") + _ascii_json(_small(cell))
        yield "]"
    yield "}\n"


def load(path: Path) -> Results:
    """Return the results in `path`, a results.json or a run folder with one.

    Raises ConfigurationError if there is none, or if it is damaged, of another program, or newer than this one.
    """
    file = path / FILENAME if path.is_dir() else path
    try:
        data = file.read_bytes()
    except OSError as why:
        raise ConfigurationError(f"cannot read {file}: {why.strerror}; name a run folder or its {FILENAME}") from None
    try:
        version = msgspec.json.decode(data, type=_Version).schema
    except (msgspec.DecodeError, UnicodeDecodeError) as why:
        raise ConfigurationError(f"{file} is not a {FILENAME} of wsgi-gauntlet: {_one_line(why)}") from None
    if version > SCHEMA:
        raise ConfigurationError(
            f"{file} has schema {version} and this wsgi-gauntlet reads up to {SCHEMA}: upgrade wsgi-gauntlet"
        )
    if version < 1:
        raise ConfigurationError(f"{file} has schema {version}, which does not exist: the first is 1")
    try:
        if version == 1:
            data = msgspec.json.encode(schema_1.upgrade_results(msgspec.json.decode(data)))
        return msgspec.json.decode(data, type=Results)
    except (msgspec.DecodeError, UnicodeDecodeError) as why:
        raise ConfigurationError(f"{file} does not follow schema {version}: {_one_line(why)}; run again") from None


def schema() -> dict[str, object]:
    """Return the JSON Schema of `results.json`, made from the model."""
    made: dict[str, object] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "results.json of wsgi-gauntlet",
        "description": "Bytes are base64. Evidence is cut, and only of failures and errors; run.jsonl.zst has more.",
        **msgspec.json.schema(Results),
    }
    definitions = made["$defs"]
    assert isinstance(definitions, dict)
    for row in ROWS:
        for column, name in zip(definitions[row.__name__]["prefixItems"], row.__struct_fields__, strict=True):
            column["title"] = name
    return made


class _Version(msgspec.Struct):
    schema: int


def _small(cell: CaseResult) -> CaseResult:
    shown = cell.verdict.blames_server or cell.verdict is Verdict.ERROR
    evidence = truncate_evidence(loaded(cell.evidence), EVIDENCE_LIMITS) if shown else Evidence()
    return msgspec.structs.replace(cell, evidence=evidence)


def _ascii_json(value: object) -> str:
    text = to_json(value).decode()
    return text if text.isascii() and "\x7f" not in text else _NOT_PRINTABLE.sub(_escape, text)


_NOT_PRINTABLE = re.compile(r"[^ -~]")


def _escape(found: re.Match[str]) -> str:
    # A character beyond U+FFFF becomes two escapes. json writes DEL as it is.
    return "\\u007f" if found[0] == "\x7f" else json.dumps(found[0])[1:-1]


def _one_line(why: Exception) -> str:
    return " ".join(str(why).split())
