"""Exporter of a table as CSV, which a spreadsheet opens and ``atlas-dict build`` reads back.

It says what the dictionary says: the VR that was chosen, and those that hold for some equipment
only. Candidates that lost, and the weights of the others, are in the JSON.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from atlas_dictionary.entry import Condition, Entry, Flags
from atlas_dictionary.exporters.selection import Export, Selection

# A row whose first field began with "#" would be a comment: a group never does.
_COLUMNS = (
    "group", "element", "creator", "vr", "vm", "keyword", "name", "description", "flags", "detail",
    "weight", "manufacturer", "model", "software",
)  # fmt: skip
_STATED = [flag for flag in Flags if flag <= Flags.SAFE]
"""Flags that a source may state; the others follow from comparing sources."""


def export_csv(selection: Selection) -> Export:
    """Return `selection` as CSV with a line of column names."""
    text = io.StringIO(newline="")
    # With this end of a line (RFC 4180) the writer quotes fields that have either character.
    writer = csv.DictWriter(text, _COLUMNS, restval="", lineterminator="\r\n")
    writer.writeheader()
    for entry in selection.entries:
        writer.writerows(_rows(entry))
    return Export({"": text.getvalue()}, len(selection.entries))


def _rows(entry: Entry) -> Iterator[dict[str, str]]:
    row = {
        "group": entry.key.group_text,
        "element": entry.key.element_text,
        "creator": entry.creator or "",
        "vr": entry.vr,
        "vm": entry.vm,
        "keyword": entry.keyword,
        "name": entry.name,
        "description": entry.description,
        "flags": " ".join(f.name.lower() for f in _STATED if f in entry.flags and f.name),
        "detail": "; ".join(f"{s.id} {s.detail}".strip() for s in entry.sources),
    }
    conditional = [c for c in entry.candidates if c.condition is not None]
    # What holds for all equipment comes first; where nothing does, the conditions say it all.
    if len(conditional) < len(entry.candidates) or not conditional:
        yield row
    for candidate in conditional:
        held = candidate.condition or Condition()
        yield row | {
            "vr": candidate.vr,
            "weight": str(candidate.weight),
            "manufacturer": held.manufacturer,
            "model": held.model,
            "software": held.software,
        }
