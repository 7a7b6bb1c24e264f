"""`results.json`: all results for programs. Its JSON Schema is results.schema.json in this folder.

The text is ASCII, and small: nothing is in it twice. A cell has no evidence and a load no log if the journal of the run
has both. A report of several runs has no journal, so its failures and errors keep their evidence here. Level, tags and
summary stand with the case and not in each cell. The prose of a case is in the catalogue, and here if another package
has the case: a reader may not have that. A change that old readers cannot read raises model.SCHEMA. `load` also reads
schema 1 and 2.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.model import (
    SCHEMA,
    BaselineExpectation,
    Basis,
    Breach,
    CaseInfo,
    CaseResult,
    Evidence,
    Level,
    Percentile,
    Reference,
    Results,
    Sample,
    Verdict,
    Window,
)
from wsgi_gauntlet.harness.store import schema_1
from wsgi_gauntlet.harness.store.evidence_limits import EvidenceLimits, truncate_evidence
from wsgi_gauntlet.harness.store.json_encoding import to_json
from wsgi_gauntlet.harness.store.stored_evidence import loaded

EVIDENCE_LIMITS = EvidenceLimits(event=8_192, wire=16_384, events=200, detail=1_024, log=8_192)
"""The evidence of a cell: enough to judge it, small enough for thousands of cells in one file."""

FILENAME = "results.json"

ROWS = (Sample, Percentile, Window)
"""Types that are arrays in JSON. The schema names their columns."""


class ConformanceCell(msgspec.Struct, frozen=True, omit_defaults=True):
    """One cell of conformance: a server, a case and the verdict. `seconds` is the sum of all attempts.

    `level`, `tags` and `summary` are those of the case, unless the cell has its own. `segmentations` are those in which
    the case passed. It is missing if only one is possible. `findings` are the lint findings of all responses: they
    never change a verdict. `baseline` is missing if there is no baseline, or if it says nothing about the cell.
    `evidence` is in a report of several runs, of failures, warnings, flaky cells and errors.
    """

    server: str
    case: str
    verdict: Verdict
    level: Level | None = None
    tags: tuple[str, ...] | None = None
    summary: str | None = None
    expected: str = ""
    actual: str = ""
    attempts: int = 1
    seconds: float = 0.0
    segmentations: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()
    baseline: BaselineExpectation | None = None
    evidence: Evidence = Evidence()


class CaseDescription(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the cells of a case have in common.

    `wsgi-gauntlet explain` prints what the case sends, what it expects and why. `sent`, `expected` and `why` are here
    only for a case that another Python `package` adds.
    """

    level: Level
    summary: str
    reference: Reference
    tags: tuple[str, ...] = ()
    basis: Basis | None = None
    breach: Breach | None = None
    package: str = ""
    why: str = ""
    sent: str = ""
    expected: str = ""


def _document() -> type[msgspec.Struct]:
    """Return the type of the document: Results with other cells and cases."""
    types = {"conformance": tuple[ConformanceCell, ...], "cases": dict[str, CaseDescription]}
    fields: list[tuple[str, object, object]] = []
    for each in msgspec.structs.fields(Results):
        default = msgspec.field(name=each.encode_name)
        if each.default is not msgspec.NODEFAULT:
            default = each.default
        elif each.default_factory is not msgspec.NODEFAULT:
            default = msgspec.field(default_factory=each.default_factory)
        fields.append((each.name, types.get(each.name, each.type), default))
    made = msgspec.defstruct(Results.__name__, fields, frozen=True)
    made.__doc__ = inspect.getdoc(Results)
    return made


_Stored = _document()


def render(results: Results) -> str:
    """Return `results` as one JSON document and a line break."""
    return "".join(parts(results))


def parts(results: Results, *, has_journal: bool = True) -> Iterator[str]:
    """Yield the document in parts: that of many servers is large.

    If the folder of the report `has_journal`, that has the evidence and the logs.
    """
    opening = "{"
    for name in results.__struct_fields__:
        yield f'{opening}"{name}":'
        opening = ","
        match name:
            case "conformance":
                yield from _list(_cell(each, results.cases, has_journal=has_journal) for each in results.conformance)
            case "load":
                without = {"log": ""} if has_journal else {}
                yield from _list(msgspec.structs.replace(each, **without) for each in results.load)
            case "cases":
                yield _ascii_json({name: _case(each) for name, each in results.cases.items()})
            case _:
                yield _ascii_json(getattr(results, name))
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
        return _results(msgspec.json.decode(data, type=_Stored))
    except (msgspec.DecodeError, UnicodeDecodeError) as why:
        raise ConfigurationError(f"{file} does not follow schema {version}: {_one_line(why)}; run again") from None


def schema() -> dict[str, object]:
    """Return the JSON Schema of `results.json`, made from the model."""
    made: dict[str, object] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "results.json of wsgi-gauntlet",
        "description": "Evidence and logs are in the journal of the run, run.jsonl.zst. A report of several runs has "
        "no journal, and has the evidence of failures here. Bytes are base64.",
        **msgspec.json.schema(_Stored),
    }
    definitions = made["$defs"]
    assert isinstance(definitions, dict)
    for row in ROWS:
        for column, name in zip(definitions[row.__name__]["prefixItems"], row.__struct_fields__, strict=True):
            column["title"] = name
    return made


class _Version(msgspec.Struct):
    schema: int


_PROSE = ("why", "sent", "expected")
_FROM_CASE = ("level", "tags", "summary")
_COMMON = [each for each in ConformanceCell.__struct_fields__ if each not in (*_FROM_CASE, "evidence")]


def _cell(cell: CaseResult, cases: Mapping[str, CaseInfo], *, has_journal: bool) -> ConformanceCell:
    info = cases.get(cell.case)
    own = {name: value for name in _FROM_CASE if (value := getattr(cell, name)) != getattr(info, name, None)}
    if not has_journal and (cell.verdict.blames_server or cell.verdict is Verdict.ERROR):
        own["evidence"] = truncate_evidence(loaded(cell.evidence), EVIDENCE_LIMITS)
    return ConformanceCell(**{name: getattr(cell, name) for name in _COMMON}, **own)


def _case(info: CaseInfo) -> CaseDescription:
    left_out = () if info.package else _PROSE
    names = (name for name in CaseDescription.__struct_fields__ if name not in left_out)
    return CaseDescription(**{name: getattr(info, name) for name in names})


def _results(stored: msgspec.Struct) -> Results:
    """Return the results of a document. Raises msgspec.ValidationError if a cell has no level."""
    values = msgspec.structs.asdict(stored)
    cases = {name: CaseInfo(id=name, **msgspec.structs.asdict(each)) for name, each in values["cases"].items()}
    cells = tuple(_case_result(each, cases) for each in values["conformance"])
    return Results(**{**values, "schema": SCHEMA, "cases": cases, "conformance": cells})


def _case_result(stored: ConformanceCell, cases: Mapping[str, CaseInfo]) -> CaseResult:
    values = msgspec.structs.asdict(stored)
    info = cases.get(stored.case)
    for name in _FROM_CASE:
        if values[name] is None:
            if info is None:
                raise msgspec.ValidationError(f"a cell has no {name}, and {stored.case} is not in `cases`")
            values[name] = getattr(info, name)
    return CaseResult(**values)


def _list(values: Iterator[msgspec.Struct]) -> Iterator[str]:
    yield "["
    for number, each in enumerate(values):
        yield ("," if number else "") + _ascii_json(each)
    yield "]"


def _ascii_json(value: object) -> str:
    text = to_json(value).decode()
    return text if text.isascii() and "\x7f" not in text else _NOT_PRINTABLE.sub(_escape, text)


_NOT_PRINTABLE = re.compile(r"[^ -~]")


def _escape(found: re.Match[str]) -> str:
    # A character beyond U+FFFF becomes two escapes. json writes DEL as it is.
    return "\\u007f" if found[0] == "\x7f" else json.dumps(found[0])[1:-1]


def _one_line(why: Exception) -> str:
    return " ".join(str(why).split())
