"""How the log writes a layout's findings and an object's values into single columns.

`recorder` packs, `queries` unpacks. A value is JSON, ``{"cut": ...}`` around it where the log has
not all of it; the values of a run are one JSON array, those in which an object differs a JSON
object with places in the array as keys. Everything is ASCII.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import Any, Final

from atlas_node.errors import LogError

_JSON: Final = json.JSONEncoder(default=str)
DAMAGED: Final = "its content is damaged: move it away, a new one is made at the next start"
_SHORT: Final = 160  # bytes that are not worth deflating
_DEFLATED: Final = b"\x78"  # begins a zlib stream; JSON begins with [ or {


def value_json(value: Sequence[Any] | None, truncated: bool = False) -> str:
    """Return a value as compact ASCII JSON; NaN and infinities, which JSON lacks, as text."""
    text = "null" if value is None else f"[{','.join(map(_item_json, value))}]"
    return f'{{"cut":{text}}}' if truncated else text


def _item_json(item: Any) -> str:
    kind = type(item)
    # Each of these is several times as quick by itself as through the encoder.
    if kind is int or (kind is float and isfinite(item)):
        return repr(item)
    return _JSON.encode(str(item) if kind is float else item)


def value_of(item: Any) -> tuple[list[Any] | None, bool]:
    """Return a value, and whether it was cut, from what `unpack_json` makes of it."""
    return (item["cut"], True) if isinstance(item, dict) else (item, False)


def values_json(values: Iterable[str]) -> str:
    """Return the array of values that are JSON already."""
    return f"[{','.join(values)}]"


def split_values(packed: bytes) -> list[str]:
    """Return the values that `values_json` has joined and `pack_text` packed, each as JSON."""
    return [value_json(*value_of(item)) for item in unpack_json(packed)]


def differing_json(values: Sequence[str], common: Sequence[str]) -> str:
    """Return the values that differ from the common ones, empty when none does."""
    differing = [
        f'"{place}":{value}'
        for place, (value, usual) in enumerate(zip(values, common, strict=True))
        if value != usual
    ]
    return f"{{{','.join(differing)}}}" if differing else ""


def joined_values(common: Sequence[Any], differing: Mapping[str, Any]) -> list[Any]:
    """Return an object's values, from what `unpack_json` made of the two columns."""
    values = list(common)
    for place, value in differing.items():
        values[int(place)] = value
    return values


def pack_text(text: str) -> bytes:
    """Return JSON as bytes, deflated where that is shorter."""
    plain = text.encode("ascii")
    if len(plain) <= _SHORT:
        return plain
    deflated = zlib.compress(plain, 1)
    return deflated if len(deflated) < len(plain) else plain


def unpack_json(packed: bytes) -> Any:
    """Return what the JSON says that `pack_text` has packed.

    Raises
    ------
    LogError
        The bytes are damaged.
    """
    try:
        return json.loads(zlib.decompress(packed) if packed[:1] == _DEFLATED else packed)
    except (ValueError, zlib.error):
        raise LogError(DAMAGED) from None


def pack_numbers(numbers: Iterable[int]) -> bytes:
    """Return integers as differences, zigzag, in 7 bits a byte with the low ones first."""
    packed, last = bytearray(), 0
    for number in numbers:
        step = number - last
        last = number
        rest = step << 1 if step >= 0 else (-step << 1) - 1
        while rest > 0x7F:
            packed.append(rest & 0x7F | 0x80)
            rest >>= 7
        packed.append(rest)
    return bytes(packed)


def unpack_numbers(packed: bytes) -> list[int]:
    """Return the integers that `pack_numbers` has packed."""
    numbers: list[int] = []
    last = rest = shift = 0
    for byte in packed:
        rest |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            last += -((rest + 1) >> 1) if rest & 1 else rest >> 1
            numbers.append(last)
            rest = shift = 0
    return numbers
