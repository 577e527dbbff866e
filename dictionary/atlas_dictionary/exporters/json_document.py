"""Exporter of JSON: every entry with its evidence, as ``atlas-dict lookup --json`` prints one."""

from __future__ import annotations

import json

from atlas_dictionary.exporters.selection import Export, Selection


def export_json(selection: Selection) -> Export:
    """Return `selection` as a JSON array, one entry a line."""
    lines = ",\n".join(json.dumps(entry.to_json()) for entry in selection.entries)
    return Export({"": f"[\n{lines}\n]\n"}, len(selection.entries))
