"""The table of settings, made from the model: docs/configuration.md and messages come from it.

``python -m atlas_node.config FILE`` writes the table between its two marks in a document; a test
fails when the document is behind the model.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import EnumType, StrEnum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from atlas_node.config.models import Config
from atlas_node.config.types import Kind

BEGIN = "<!-- settings: made by `make docs`, do not edit -->"
END = "<!-- end of settings -->"

_GIB = 2**30


class Setting(NamedTuple):
    """One row of the table of settings.

    Attributes
    ----------
    name : str
        Such as ``destinations[].port``.
    type : str
        In words.
    default : str
        As it is written in YAML; ``required`` or ``none``.
    help : str
    """

    name: str
    type: str
    default: str
    help: str


def settings_table() -> list[Setting]:
    """Return every setting in the order of the model, lists and optional sections included."""
    return list(_settings(Config, ""))


def _settings(model: type[BaseModel], prefix: str) -> Iterator[Setting]:
    for key, field in model.model_fields.items():
        name = prefix + key
        inner = model_of(field.annotation)
        if inner is None or field.default in ((), None):
            words = kind_of(field).removeprefix("a ").removeprefix("an ")
            yield Setting(name, words, _default(field), field.description or "")
        if inner is not None:
            many = "[]" if get_origin(field.annotation) is tuple else ""
            yield from _settings(inner, f"{name}{many}.")


def model_of(annotation: Any) -> type[BaseModel] | None:
    """Return the section that `annotation` holds: itself, optional, or in a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (model_of(argument) for argument in get_args(annotation))
    return next((model for model in found if model is not None), None)


def kind_of(field: FieldInfo) -> str:
    """Return in words what a setting may hold, such as ``a port, 1 to 65535``."""
    for metadata in field.metadata:
        if isinstance(metadata, Kind):
            return metadata.words
    return _words(field.annotation)


def _words(annotation: Any) -> str:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return _words(next(a for a in arguments if a is not NoneType))
    if origin is Literal:
        return "one of " + ", ".join(arguments)
    if origin in (tuple, frozenset):
        item = _words(arguments[0])
        return "a list" if item == "a section" else f"a list, each {item}"
    kinds = [m for m in getattr(annotation, "__metadata__", ()) if isinstance(m, Kind)]
    if kinds:
        return kinds[0].words
    if isinstance(annotation, EnumType) and issubclass(annotation, StrEnum):
        return "one of " + ", ".join(annotation)
    return "text" if annotation in (str, SecretStr) else "a section"


def _default(field: FieldInfo) -> str:
    value = field.default
    if field.is_required():
        return "required"
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and value >= _GIB:
        return f"{value // _GIB} GiB"
    if isinstance(value, tuple | frozenset):
        return f"[{', '.join(sorted(value))}]"
    return str(value)


def markdown_table() -> str:
    """Return the table of settings in Markdown, one table for each section."""
    lines: list[str] = []
    for section, field in Config.model_fields.items():
        rows = [s for s in settings_table() if s.name.split(".")[0].removesuffix("[]") == section]
        lines += [f"### {section}", "", field.description or "", ""]
        lines += ["| setting | type | default | meaning |", "|---|---|---|---|"]
        lines += [
            f"| `{row.name}` | {row.type} | `{row.default}` | {row.help} |"
            for row in rows
            if row.name != section
        ]
        lines.append("")
    return "\n".join(lines)


def write_table(document: Path) -> None:
    """Replace what stands between the two marks of `document` by the present table."""
    text = document.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    document.write_text(f"{before}{BEGIN}\n\n{markdown_table()}\n{END}{after}", encoding="utf-8")
