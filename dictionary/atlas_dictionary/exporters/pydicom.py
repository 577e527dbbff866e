"""Exporter of a Python module for pydicom, which does without this package.

Importing it changes nothing; its function ``register`` adds the entries to pydicom's private
dictionary with ``pydicom.datadict.add_private_dict_entries``. Where this package is at hand,
`atlas_dictionary.patch_pydicom` does more.
"""

from __future__ import annotations

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

_HEAD = '''"""Private data elements for pydicom, written by atlas-dict.

Call `register` to add them to pydicom's private dictionary; what it has already is replaced.
"""

from pydicom.datadict import add_private_dict_entries


def register():
    """Add all entries to pydicom's private dictionary."""
    for creator, entries in ENTRIES.items():
        add_private_dict_entries(creator, entries)


# Private creator: tag with the offset in its block: VR, VM, name, retired.
ENTRIES = {
'''


def export_pydicom(selection: Selection) -> Export:
    """Return `selection` as a Python module."""
    left_out = LeftOut()
    of_creator: dict[str, list[Entry]] = defaultdict(list)
    for creator, entry in selection.private_elements(left_out):
        if repeats(entry):
            left_out.add("repeating group")
        else:
            of_creator[creator].append(entry)
    lines = []
    for creator, entries in of_creator.items():
        lines.append(f"    {creator!a}: {{\n")
        lines += [f"        0x{e.key.tag:08X}: {pydicom_entry(e)!a},\n" for e in entries]
        lines.append("    },\n")
    count = sum(map(len, of_creator.values()))
    return Export({"": _HEAD + "".join(lines) + "}\n"}, count, left_out.notes())


def pydicom_entry(entry: Entry) -> tuple[str, str, str, str]:
    """Return `entry` as pydicom's private dictionary has it: VR, VM, name, retired."""
    name = entry.name or entry.keyword or "Unknown"
    return single_vr(entry), entry.vm or UNKNOWN_VM, name, "Retired" if entry.retired else ""
