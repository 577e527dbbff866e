"""Read the configuration: file, environment, model; and say in one line what is wrong in it.

Called by every command of ``atlas-node``. It reads and resolves and opens nothing: whether a
port is free or a path can be written is for the part that uses it.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from atlas_node.config.location import Location, dotted, quoted
from atlas_node.config.models import Config
from atlas_node.config.reference import kind_of, model_of
from atlas_node.config.source import Source
from atlas_node.errors import ConfigurationError

DEFAULT_PATH = Path("config.yaml")
OWN_FAULTS = frozenset(
    {"address", "ae_title", "contradiction", "credential", "database_url"}
    | {"host", "name", "origin", "path", "size"}
)
"""Faults that the model itself words; pydantic's own are worded here."""


def load_config(path: Path | None = None, env: Mapping[str, str] = os.environ) -> Config:
    """Read the configuration file, then what the environment replaces.

    Parameters
    ----------
    path : Path or None
        The file; None: config.yaml in the working directory.
    env : mapping of str to str
        ``ATLAS_NODE__SECTION__KEY`` replaces a setting, its value is read as YAML;
        ``ATLAS_DICTPATH`` adds dictionaries, separated by colons.

    Returns
    -------
    Config
        With relative paths, the one in a ``sqlite:///`` URL too, taken from the file's folder.

    Raises
    ------
    ConfigurationError
        One line for each fault, with file and line (or variable), key, and what to do.
    """
    path = DEFAULT_PATH if path is None else path
    source = Source(str(path))
    source.read_file(path)
    source.read_environment(env)
    # An absent section is validated like an empty one, so that its default paths resolve too.
    tree: dict[str, object] = {
        key: {} for key, field in Config.model_fields.items() if _is_section(field)
    }
    try:
        config = Config.model_validate(
            tree | source.tree, context={"folder": path.absolute().parent}
        )
    except ValidationError as error:
        lines = dict.fromkeys(_line(source, fault) for fault in error.errors())
        raise ConfigurationError("\n".join(lines)) from None
    return _with_dictpath(config, env.get("ATLAS_DICTPATH", ""))


def _is_section(field: FieldInfo) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)


def _with_dictpath(config: Config, dictpath: str) -> Config:
    added = tuple(Path(part).absolute() for part in dictpath.split(":") if part)
    if not added:
        return config
    dictionary = config.dictionary.model_copy(update={"paths": config.dictionary.paths + added})
    return config.model_copy(update={"dictionary": dictionary})


def _line(source: Source, fault: ErrorDetails) -> str:
    """Return the one line that reports `fault`."""
    location: Location = fault["loc"]
    return f"{source.place(location)}: {dotted(location)}: {_reason(location, fault)}"


def _reason(location: Location, fault: ErrorDetails) -> str:
    if fault["type"] in OWN_FAULTS:
        return fault["msg"]
    if fault["type"] == "extra_forbidden":
        return _unknown_key(location)
    if fault["type"] == "missing":
        return "missing; it has no default"
    fields = list(_fields(location))
    expected = kind_of(fields[-1]) if fields else "a section"
    if isinstance(location[-1], int):
        expected = "a section" if expected == "a list" else expected.removeprefix("a list, each ")
    if not any(field.repr is False for field in fields):
        expected += f", found {_found(fault)}"
    needs_quotes = fault["type"] == "string_type" and isinstance(fault["input"], int | float)
    return f"expected {expected}" + ("; put it in quotes" if needs_quotes else "")


def _fields(location: Location) -> Iterator[FieldInfo]:
    """Yield the fields of the model on the way to `location`, as far as there are any."""
    model: type[BaseModel] | None = Config
    for part in location:
        if isinstance(part, int):
            continue
        if model is None or part not in model.model_fields:
            return
        field = model.model_fields[part]
        yield field
        model = model_of(field.annotation)


def _unknown_key(location: Location) -> str:
    *above, key = location
    fields = list(_fields(tuple(above)))
    model = model_of(fields[-1].annotation) if fields else Config
    known = list(model.model_fields) if model else []
    nearest = difflib.get_close_matches(str(key), known, n=1)
    if nearest:
        return f"unknown key; did you mean {quoted(nearest[0])}?"
    return f"unknown key; the keys here are: {', '.join(known)}"


def _found(fault: ErrorDetails) -> str:
    """Describe a value of the wrong kind; text where a section belongs may be a secret."""
    value: Any = fault["input"]
    if isinstance(value, dict):
        return "a section"
    if isinstance(value, list | tuple):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, str):
        if fault["type"] in ("model_type", "tuple_type", "frozen_set_type"):
            return "text"
        return quoted(value if len(value) <= 40 else f"{value[:37]}...")
    return str(value).lower() if isinstance(value, bool) else str(value)
