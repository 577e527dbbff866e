"""Importer of DCMTK data dictionaries, ``.dic``: the form that DCMDICTPATH names.

Each line has tag, VR, name, VM and version. A tag is ``(gggg,eeee)`` or, of a private element,
``(gggg,"CREATOR",ee)``; ``(gggg,"CREATOR",eeee)`` is the same element in a fixed block. Either
number may be a range, ``6000-60FF``, of even numbers, or of odd (``-o-``) or all (``-u-``). A later
line overrides an earlier one of the same tag.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from atlas_dictionary.creator import trim
from atlas_dictionary.entry import NO_FLAGS, Flags
from atlas_dictionary.errors import DictionaryError, UnusableLineError
from atlas_dictionary.keys import EXACT, PRIVATE, ElementKey
from atlas_dictionary.keywords import derive_keyword
from atlas_dictionary.statements import (
    SourceInfo,
    SourceTable,
    Statement,
    parse_vm,
    parse_vr,
    require_usable,
)

_TAG = re.compile(
    r"""\( \s* (?P<group>[0-9a-f]{4} (?:-(?:[ou]-)?[0-9a-f]{4})?) \s* ,
        \s* (?:"(?P<creator>[^"]*)" \s* ,)?
        \s* (?P<element>[0-9a-f]{2,4} (?:-(?:[ou]-)?[0-9a-f]{2,4})?) \s* \)
        \s+ (?P<rest>.*)""",
    re.ASCII | re.IGNORECASE | re.VERBOSE,
)
_INTERNAL_VRS = {
    "ox": "OB or OW",
    "px": "OB or OW",
    "xs": "US or SS",
    "lt": "US or SS or OW",
    "up": "UL",
    "na": "UN",
}
"""VRs of DCMTK's own, for elements whose VR depends on the rest of the object."""
_MOST_TAGS = 256
"""Tags into which a range that no mask can express is spelled out."""

_ILLEGAL = "describes groups as such, not elements of one private creator (PS3.5 7.8)"


def read_dic(path: Path) -> SourceTable:
    """Return the dictionary in the file `path`.

    Raises
    ------
    DictionaryError
        Where it cannot be read; the message names file and line.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DictionaryError(f"{path}: cannot be read: {error.strerror}") from None
    statements: dict[ElementKey, Statement] = {}
    notes = []
    unread = 0
    for number, raw in enumerate(data.split(b"\n"), 1):
        line = raw.decode("utf-8", "replace").strip()
        if not line or line.startswith("#"):
            continue
        try:
            found = _statements(line)
        except UnusableLineError as error:
            unread += 1
            notes.append(f"{path}, line {number}: {error}: left out")
            continue
        except DictionaryError as error:
            raise DictionaryError(f"{path}, line {number}: {error}") from None
        for statement in found:
            before = statements.pop(statement.key, statement)
            if before.vrs != statement.vrs:
                notes.append(
                    f"{path}, line {number}: {statement.key} overrides an earlier line, "
                    f"{before.stated_vr} becomes {statement.stated_vr}"
                )
            statements[statement.key] = statement
    info = SourceInfo(
        id=path.stem,
        title=path.name,
        sha256=hashlib.sha256(data).hexdigest(),
        statements=len(statements),
        unread=unread,
    )
    return SourceTable(info, tuple(statements.values()), tuple(notes))


def _statements(line: str) -> list[Statement]:
    """Return what a line says of one element or of several."""
    match = _TAG.fullmatch(line)
    # A name may have spaces where tabs part the fields.
    rest = re.split(r"\t+" if "\t" in match["rest"] else r"\s+", match["rest"]) if match else []
    if match is None or len(rest) < 3:
        raise DictionaryError(
            '"(gggg,eeee) VR Name VM Version" expected, or (gggg,"CREATOR",ee) for the tag'
        )
    vr, stated_name, vm, *version = (field.strip() for field in rest)
    creator = trim(match["creator"] or "") or None
    groups = _Range(match["group"])
    if creator is None and groups.odd:
        raise UnusableLineError(_ILLEGAL)
    retired = stated_name.startswith("RETIRED_") or "retired" in " ".join(version)
    name = stated_name.removeprefix("RETIRED_")
    keys = list(_keys(creator, groups, _Range(match["element"])))
    if len(keys) > _MOST_TAGS:
        raise UnusableLineError(
            f"a range of more than {_MOST_TAGS} tags that no digit pattern expresses"
        )
    for key in keys:
        require_usable(key, name)
    return [
        Statement(
            key=key,
            vrs=parse_vr(_INTERNAL_VRS.get(vr, vr)),
            vm=parse_vm(vm),
            keyword=derive_keyword(name),
            name=name,
            flags=Flags.RETIRED if retired else NO_FLAGS,
        )
        for key in keys
    ]


class _Range:
    """A group or an element number of a tag, or a range of them."""

    def __init__(self, text: str) -> None:
        parts = text.lower().split("-")
        self.first, self.last = int(parts[0], 16), int(parts[-1], 16)
        if self.last < self.first:
            raise DictionaryError(f"range {text} runs backwards")
        # Of a range without a letter the even numbers count.
        self.kind = parts[1] if len(parts) == 3 else "e"
        self.odd = self.kind == "o" or (self.first == self.last and bool(self.first & 1))

    def patterns(self) -> Iterator[tuple[int, int]]:
        """Yield number and mask: one pattern where digits express the range, else each number."""
        for free in (0, 4, 8, 12, 16):
            low = self.first >> free << free
            whole = self.first - low <= 1 and self.last - low >= (1 << free) - 2
            if self.first == self.last or (whole and self.last - low < 1 << free):
                mask = 0xFFFF if self.first == self.last else 0xFFFF >> free << free
                yield self.first & mask, mask
                return
        for number in range(self.first, self.last + 1):
            if self.kind == "u" or number & 1 == (self.kind == "o"):
                yield number, 0xFFFF


def _keys(creator: str | None, groups: _Range, elements: _Range) -> Iterator[ElementKey]:
    for group, group_mask in groups.patterns():
        for element, element_mask in elements.patterns():
            tag, mask = group << 16 | element, group_mask << 16 | element_mask
            if creator is not None:
                tag, mask = tag & PRIVATE, mask & PRIVATE
            yield ElementKey(creator, tag, mask & EXACT)
