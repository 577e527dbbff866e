"""Options that several commands of `atlas-dict` share, and how entries are printed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from atlas_dictionary.dictionary import Dictionary
from atlas_dictionary.entry import Candidate, Entry
from atlas_dictionary.layers import environment_paths, open_layers
from atlas_dictionary.terminal import printable

Layers = Annotated[
    list[Path] | None,
    typer.Option(
        "--dictionary",
        "-d",
        help="A compiled file, or a source such as .csv or .dic, above the built-in dictionary; may"
        " be repeated, a later one wins. Files that ATLAS_DICTPATH names, separated by colons, lie"
        " below those given here.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


def layered(paths: list[Path] | None) -> Dictionary:
    """Open the built-in dictionary, what the environment names above it, then `paths` on top."""
    return open_layers([*environment_paths(), *(paths or ())], {})


def print_json(document: object) -> None:
    """Print `document` on one line."""
    typer.echo(json.dumps(document))


def describe(entry: Entry) -> str:
    """Return all of an entry as lines for a terminal."""
    kind = "standard" if entry.creator is None else entry.creator
    rows = [
        ("VR", f"{entry.vr}   (confidence {entry.confidence:.2f})"),
        ("VM", entry.vm),
        ("keyword", entry.keyword),
        ("name", entry.name),
        ("description", entry.description),
        ("candidates", ", ".join(map(_candidate, entry.candidates))),
        ("sources", ", ".join(f"{s.id} {s.detail}".strip() for s in entry.sources)),
        ("flags", entry.flags.name.replace("|", ", ").lower() if entry.flags.name else ""),
    ]
    lines = [f"{entry.key}  {printable(kind)}"]
    lines += [f"  {label:12} {printable(text)}" for label, text in rows if text]
    return "\n".join(lines)


def in_one_line(entry: Entry) -> str:
    """Return key, VR, creator and name of an entry as a line of a list."""
    creator = "standard" if entry.creator is None else entry.creator
    name = entry.name or entry.keyword
    return printable(f"{entry.key}  {entry.vr:<8}  {creator:<24}  {name}").rstrip()


def _candidate(candidate: Candidate) -> str:
    text = f"{candidate.vr} (weight {candidate.weight}"
    condition = candidate.condition
    if condition is not None:
        fields = (condition.manufacturer, condition.model, condition.software)
        text += ", for " + " ".join(filter(None, fields))
    return text + ")"
