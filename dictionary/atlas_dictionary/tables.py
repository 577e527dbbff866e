"""Source tables: the text form of a source, sorted and diffable, one line a statement.

The tables under dictionary/sources are written and read here, and so are tables that users write
themselves, as TSV or CSV. Lines that begin with ``#`` carry what must be said of the source; the
first other line names the columns. Errors name file and line.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from atlas_dictionary.creator import encode, trim
from atlas_dictionary.entry import NO_FLAGS, Condition, Flags
from atlas_dictionary.errors import DictionaryError, UnusableLineError
from atlas_dictionary.keys import parse_key, sort_key
from atlas_dictionary.statements import (
    KINDS,
    SourceInfo,
    SourceTable,
    Statement,
    parse_vm,
    parse_vr,
    require_usable,
)

_INFO = (
    "id",
    "title",
    "origin",
    "version",
    "licence",
    "rank",
    "weight",
    "kind",
    "family",
    "successor",
    "unread",
)
_NUMBERS = ("rank", "weight", "unread")
_HEAD = _INFO[:7]
"""What the head of every table says that is written; the rest only where it differs."""
_REQUIRED = ("group", "element", "vr")
_COLUMNS = (
    "creator", "group", "element", "vr", "vm", "keyword", "name", "description", "flags",
    "detail", "weight", "manufacturer", "model", "software",
)  # fmt: skip
_WRITTEN = _COLUMNS[:10]
"""Columns of every table that is written; the others only where a statement has them."""
_FLAGS = {f.name.lower(): f for f in Flags if f.name and f <= Flags.SAFE}
_ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|.?)")
_HEADER = re.compile(r"#\s*([a-z]+):\s*(.*)")


def write_table(table: SourceTable) -> str:
    """Return `table` as TSV, sorted by key."""
    info = table.info
    usual = SourceInfo(info.id)
    lines = [
        f"# {name}: {_escape(str(getattr(info, name)))}"
        for name in _INFO
        if name in _HEAD or getattr(info, name) != getattr(usual, name)
    ]
    rows = [_row(statement) for statement in table.statements]
    columns = [c for c in _COLUMNS if c in _WRITTEN or any(row[c] for row in rows)]
    lines.append("\t".join(columns))
    order = [sort_key(statement.key) for statement in table.statements]
    body = ["\t".join(_escape(row[c]) for c in columns).rstrip("\t") for row in rows]
    lines += [line for _, line in sorted(zip(order, body, strict=True))]
    return "\n".join(lines) + "\n"


def read_table(path: Path) -> SourceTable:
    """Return the source table in the file `path`: TSV, or CSV where the name ends with ``.csv``.

    Raises
    ------
    DictionaryError
        Where it cannot be read; the message names file and line.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DictionaryError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DictionaryError(f"{path}, line {line}: not UTF-8") from None
    digest = hashlib.sha256(data).hexdigest()
    rows = _csv_rows if path.suffix.lower() == ".csv" else _tsv_rows
    try:
        return _parse(path, text, rows(text), digest)
    except csv.Error as error:
        raise DictionaryError(f"{path}: not CSV: {error}") from None


def _tsv_rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield number and fields of every line that is no comment."""
    for number, line in enumerate(text.split("\n"), 1):
        bare = line.rstrip("\r")
        if bare.strip() and not bare.startswith("#"):
            yield number, [_unescape(field) for field in bare.split("\t")]


def _csv_rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Yield number and fields of every row that is no comment; a quoted field may have lines."""
    reader = csv.reader(io.StringIO(text, newline=""))
    for row in reader:
        if any(field.strip() for field in row) and not row[0].startswith("#"):
            yield reader.line_num, row


def _parse(
    path: Path, text: str, rows: Iterator[tuple[int, list[str]]], digest: str
) -> SourceTable:
    line, columns = next(rows, (1, []))
    columns = [name.strip().lower() for name in columns]
    missing = [name for name in _REQUIRED if name not in columns]
    unknown = [name for name in columns if name not in _COLUMNS]
    if missing or unknown:
        what = f"has no column {missing[0]!r}" if missing else f"column {unknown[0]!r} is unknown"
        raise DictionaryError(f"{path}, line {line}: {what}; columns are {', '.join(_COLUMNS)}")
    if len(set(columns)) != len(columns):
        raise DictionaryError(f"{path}, line {line}: a column appears twice")
    needed = 1 + max(columns.index(name) for name in _REQUIRED)
    statements, notes = [], []
    for line, fields in rows:
        if not needed <= len(fields) <= len(columns):
            cut = f", the line ends before {_REQUIRED[-1]!r}" if len(fields) < needed else ""
            raise DictionaryError(
                f"{path}, line {line}: {len(fields)} fields under {len(columns)} columns{cut}"
            )
        try:
            statements.append(_statement(dict(zip(columns, fields, strict=False))))
        except UnusableLineError as error:
            notes.append(f"{path}, line {line}: {error}: left out")
        except DictionaryError as error:
            raise DictionaryError(f"{path}, line {line}: {error}") from None
    info = _info(path, text)
    info = replace(info, sha256=digest, statements=len(statements), unread=info.unread + len(notes))
    return SourceTable(info, tuple(statements), tuple(notes))


def _info(path: Path, text: str) -> SourceInfo:
    """Return what the comments at the head of the table say of it."""
    said: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("#"):
            break
        match = _HEADER.match(line)
        if match is None or match[1] not in _INFO:
            continue
        value = _unescape(match[2].strip())
        if match[1] in _NUMBERS and not value.isdecimal():
            raise DictionaryError(f"{path}, line {number}: {match[1]} is no whole number")
        if match[1] == "kind" and value not in KINDS:
            raise DictionaryError(f"{path}, line {number}: kind is none of {', '.join(KINDS)}")
        said[match[1]] = value
    return SourceInfo(
        id=said.get("id") or path.stem,
        title=said.get("title", ""),
        origin=said.get("origin", ""),
        version=said.get("version", ""),
        licence=said.get("licence", ""),
        rank=int(said.get("rank", "0")),
        weight=int(said.get("weight", "1")),
        kind=said.get("kind", KINDS[0]),
        family=said.get("family", ""),
        successor=said.get("successor", ""),
        unread=int(said.get("unread", "0")),
    )


def _statement(row: Mapping[str, str]) -> Statement:
    creator = trim(row.get("creator", ""))
    if creator and encode(creator) is None:
        raise DictionaryError(f"creator {creator!r} has a NUL")
    flags = NO_FLAGS
    for word in row.get("flags", "").split():
        if word not in _FLAGS:
            raise DictionaryError(f"flag {word!r} is none of {', '.join(_FLAGS)}")
        flags |= _FLAGS[word]
    weight = row.get("weight", "").strip() or "0"
    if not weight.isdecimal():
        raise DictionaryError(f"weight {weight!r} is no whole number")
    name = row.get("name", "").strip()
    key = parse_key(row.get("group", ""), row.get("element", ""), creator)
    require_usable(key, name)
    condition = Condition(*(row.get(c, "").strip() for c in ("manufacturer", "model", "software")))
    return Statement(
        key=key,
        vrs=parse_vr(row.get("vr", "")),
        vm=parse_vm(row.get("vm", "")),
        keyword=row.get("keyword", "").strip(),
        name=name,
        description=row.get("description", "").strip(),
        flags=flags,
        detail=row.get("detail", "").strip(),
        weight=int(weight),
        condition=condition if condition != Condition() else None,
    )


def _row(statement: Statement) -> dict[str, str]:
    key, condition = statement.key, statement.condition or Condition()
    return {
        "creator": key.creator or "",
        "group": key.group_text,
        "element": key.element_text,
        "vr": statement.stated_vr,
        "vm": statement.vm,
        "keyword": statement.keyword,
        "name": statement.name,
        "description": statement.description,
        "flags": " ".join(name for name, flag in _FLAGS.items() if flag & statement.flags),
        "detail": statement.detail,
        "weight": str(statement.weight or ""),
        "manufacturer": condition.manufacturer,
        "model": condition.model,
        "software": condition.software,
    }


def _escape(text: str) -> str:
    escaped = "".join(
        _ESCAPES.get(c) or (f"\\x{ord(c):02x}" if ord(c) < 32 or 127 <= ord(c) < 160 else c)
        for c in text
    )
    # A line that begins with this field would be a comment.
    return "\\x23" + escaped[1:] if escaped.startswith("#") else escaped


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    return _ESCAPE.sub(_unescaped, text)


def _unescaped(match: re.Match[str]) -> str:
    code = match[1]
    if code.startswith("x") and len(code) == 3:
        return chr(int(code[1:], 16))
    return {"\\": "\\", "t": "\t", "n": "\n", "r": "\r"}.get(code, match[0])
