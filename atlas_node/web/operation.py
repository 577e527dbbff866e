"""How an endpoint under /api describes itself: what it is asked and what it answers.

A page module puts `described` above each endpoint of its data; `openapi` gathers the descriptions.
Schemas are those of JSON Schema 2020-12, as OpenAPI 3.1 has them, put together from the few words
here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

Schema = dict[str, Any]

TEXT: Final[Schema] = {"type": "string"}
NUMBER: Final[Schema] = {"type": "number"}
COUNT: Final[Schema] = {"type": "integer", "minimum": 0}
SWITCH: Final[Schema] = {"type": "boolean"}
ANYTHING: Final[Schema] = {}
MOMENT: Final[Schema] = {
    "type": "string",
    "format": "date-time",
    "examples": ["2026-03-01T08:30:00.125+00:00"],
}


def list_of(items: Schema) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": items}


def one_of(*texts: str) -> Schema:
    """Return the schema of one of some texts."""
    return {"type": "string", "enum": list(texts)}


def or_none(schema: Schema) -> Schema:
    """Return a schema that takes null, too."""
    return {"anyOf": [schema, {"type": "null"}]}


def record(optional: Mapping[str, Schema] | None = None, /, **fields: Schema) -> Schema:
    """Return the schema of an object with these fields.

    Parameters
    ----------
    optional : mapping of str to Schema
        Fields that it may lack.
    **fields
        Fields that it has; it has no others.
    """
    return {
        "type": "object",
        "properties": {**fields, **(optional or {})},
        "required": list(fields),
        "additionalProperties": False,
    }


def map_of(values: Schema) -> Schema:
    """Return the schema of an object whose keys are not known beforehand."""
    return {"type": "object", "additionalProperties": values}


@dataclass(frozen=True, slots=True)
class Parameter:
    """A part of the address.

    Attributes
    ----------
    name : str
    where : "query" or "path"
    meaning : str
        A sentence.
    schema : Schema
    """

    name: str
    where: Literal["query", "path"]
    meaning: str
    schema: Schema


def query(name: str, meaning: str, schema: Schema = TEXT) -> Parameter:
    """Return a parameter behind the question mark; all of them may be left out."""
    return Parameter(name, "query", meaning, schema)


def path(name: str, meaning: str) -> Parameter:
    """Return a parameter in the path."""
    return Parameter(name, "path", meaning, TEXT)


@dataclass(frozen=True, slots=True)
class Operation:
    """What an endpoint does.

    Attributes
    ----------
    summary : str
        A few words.
    answer : Schema
        Of the JSON that it answers with.
    parameters : tuple of Parameter
    form : Schema or None
        Of the body that it is sent; None for a GET.
    kinds : tuple of str
        Media types that it answers with beside JSON.
    """

    summary: str
    answer: Schema
    parameters: tuple[Parameter, ...] = ()
    form: Schema | None = None
    kinds: tuple[str, ...] = ()


_Endpoint = TypeVar("_Endpoint", bound=Callable[..., Any])


def described(
    summary: str,
    answer: Schema,
    *parameters: Parameter,
    form: Schema | None = None,
    kinds: tuple[str, ...] = (),
) -> Callable[[_Endpoint], _Endpoint]:
    """Describe the endpoint that follows; the arguments are those of `Operation`."""
    operation = Operation(summary, answer, parameters, form, kinds)

    def describe(endpoint: _Endpoint) -> _Endpoint:
        endpoint.operation = operation  # type: ignore[attr-defined]
        return endpoint

    return describe


def operation_of(endpoint: object) -> Operation | None:
    """Return the description of an endpoint, also through `Site.change`; None without one."""
    found = getattr(endpoint, "operation", None)
    return found if isinstance(found, Operation) else None
