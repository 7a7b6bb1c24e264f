"""Value lists from CSV files: the first row has the names of the columns. Pure."""

from __future__ import annotations

import csv
import io
import re

from wsgi_gauntlet.harness.errors import ConfigurationError
from wsgi_gauntlet.harness.traffic.model import ValueList
from wsgi_gauntlet.harness.traffic.template import NAME

MAX_ROWS = 1_000_000
"""Rows of a value list."""


def parse(name: str, data: bytes, source: str) -> ValueList:
    """Return the value list `name` of a CSV file in UTF-8; `source` is the name of the file in messages.

    Raises ConfigurationError, which names the line and what is wrong with it.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = data.count(b"\n", 0, problem.start) + 1
        raise ConfigurationError(f"{source}, line {line}: it is not UTF-8; save the file as UTF-8") from None
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    columns: tuple[str, ...] = ()
    rows: list[tuple[str, ...]] = []
    try:
        for row in reader:
            where = f"{source}, line {reader.line_num}"
            if not row:
                continue
            if not columns:
                columns = _columns(row, where)
            elif len(row) != len(columns):
                raise ConfigurationError(
                    f"{where}: it has {len(row)} value{'s' if len(row) != 1 else ''} and the first line has "
                    f"{len(columns)} names; write as many values as names, and quote values with commas"
                )
            elif len(rows) == MAX_ROWS:
                raise ConfigurationError(f"{where}: a value list has at most {MAX_ROWS} rows; use a shorter file")
            else:
                rows.append(tuple(row))
    except csv.Error as problem:
        raise ConfigurationError(
            f"{source}, line {reader.line_num}: it is no CSV: {problem}; correct the line"
        ) from None
    if not columns:
        raise ConfigurationError(f"{source}: it is empty; write the names of the columns in the first line")
    if not rows:
        raise ConfigurationError(f"{source}: it has no rows; write at least one after the names of the columns")
    return ValueList(name, columns, tuple(rows))


def _columns(row: list[str], where: str) -> tuple[str, ...]:
    names = tuple(each.strip() for each in row)
    for each in names:
        if not re.fullmatch(NAME, each):
            hint = "; separate the columns with commas" if ";" in each or "\t" in each else ""
            raise ConfigurationError(f"{where}: {each!r} is no name of a column; use letters, digits, _ and -{hint}")
        if names.count(each) > 1:
            raise ConfigurationError(f"{where}: the column {each!r} stands there twice; give each its own name")
    return names
