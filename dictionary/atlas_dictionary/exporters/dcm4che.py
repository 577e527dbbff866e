"""Exporter of dcm4che's private dictionaries: a folder of XML files, one a private creator.

dcm4che generates Java classes from them when it is built (dcm4che-dict-priv): constants named by
keyword, so that a keyword must be a Java identifier and occur once in its file.
"""

from __future__ import annotations

import re
from collections import defaultdict

from atlas_dictionary.entry import Entry
from atlas_dictionary.exporters.selection import (
    UNKNOWN_VM,
    Export,
    LeftOut,
    Selection,
    repeats,
    single_vr,
)
from atlas_dictionary.exporters.xml_text import attribute, content, writable

_LONGEST_NAME = 100


def export_dcm4che(selection: Selection) -> Export:
    """Return `selection` as files in the form of dcm4che-dict."""
    left_out = LeftOut()
    of_creator: dict[str, list[Entry]] = defaultdict(list)
    for creator, entry in selection.private_elements(left_out):
        if repeats(entry):
            left_out.add("repeating group")
        elif not writable(creator):
            left_out.add("creator with a control character")
        else:
            of_creator[creator].append(entry)
    files: dict[str, str] = {}
    for creator, entries in of_creator.items():
        files[_file_name(creator, files)] = _file(creator, entries)
    return Export(files, sum(map(len, of_creator.values())), left_out.notes())


def _file_name(creator: str, taken: dict[str, str]) -> str:
    """Return a name that is safe on every file system, case-insensitive ones too."""
    stem = re.sub(r"[^A-Za-z0-9._-]+", "-", creator)[:_LONGEST_NAME].strip(".-") or "creator"
    lower = {name.lower() for name in taken}
    name, number = f"{stem}.xml", 1
    while name.lower() in lower:
        number += 1
        name = f"{stem}_{number}.xml"
    return name


def _file(creator: str, entries: list[Entry]) -> str:
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', f"<elements creator={attribute(creator)}>"]
    taken: set[str] = set()
    for entry in entries:
        tag = f"{entry.group:04X}xx{entry.element:02X}"
        keyword = _keyword(entry, taken)
        taken.add(keyword)
        name = entry.name if entry.name and writable(entry.name) else "?"
        lines.append(
            f'  <el keyword="{keyword}" tag="{tag}" vm="{entry.vm or UNKNOWN_VM}" '
            f'vr="{single_vr(entry)}">{content(name)}</el>'
        )
    return "\n".join((*lines, "</elements>", ""))


def _keyword(entry: Entry, taken: set[str]) -> str:
    tag = f"_{entry.group:04X}_xx{entry.element:02X}_"
    keyword = re.sub(r"[^A-Za-z0-9_]", "", entry.keyword)
    if not keyword or keyword[0].isdigit() or keyword.islower():
        return tag
    return keyword if keyword not in taken else keyword + tag
