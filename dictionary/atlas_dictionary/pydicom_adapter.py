"""pydicom's private dictionary with this one behind it: `patch_pydicom`, `unpatch_pydicom`.

pydicom decodes a private element, ``UN`` ones included, by ``private_dictionaries``, a dict of
dicts that is read without a lock. A patch changes single keys in it, each in one step, and keeps
what was there. pydicom compares a creator as it is written, so that every spelling goes in.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from threading import Lock
from typing import TYPE_CHECKING, Literal

from atlas_dictionary.keys import PRIVATE

if TYPE_CHECKING:
    from atlas_dictionary.dictionary import Dictionary
    from atlas_dictionary.entry import Entry

Fields = tuple[str, str, str, str]
"""VR, VM, name and whether retired, as pydicom has them."""

_FIRST_BLOCK = "10"
_lock = Lock()
_replaced: dict[tuple[str, str], tuple[Fields | None, Fields]] = {}
"""What the patch in force changed: before (None: nothing) and after, by creator and key."""
_new_creators: list[str] = []


def patch_pydicom(dictionary: Dictionary, mode: Literal["fill", "override"] = "fill") -> int:
    """Make pydicom decode private elements with `dictionary`; a patch in force is undone first.

    Parameters
    ----------
    dictionary : Dictionary
        Where it gives several VRs, pydicom gets ``UN``.
    mode : {"fill", "override"}
        ``fill`` adds elements that pydicom does not find, among them those that it has under a key
        that its look-up never reaches, and VRs where it has ``UN``. ``override`` also replaces
        what it has.

    Returns
    -------
    int
        Number of keys that were added or changed.

    Raises
    ------
    ImportError
        When pydicom is not installed.
    ValueError
        When `mode` is neither.

    Examples
    --------
    >>> from atlas_dictionary import open_dictionary
    >>> from pydicom.datadict import private_dictionary_VR
    >>> changed = patch_pydicom(open_dictionary())
    >>> private_dictionary_VR(0x00291001, "CANON_MEC_MR3")
    'SQ'
    >>> unpatch_pydicom()
    >>> private_dictionary_VR(0x00291001, "CANON_MEC_MR3")
    Traceback (most recent call last):
    KeyError: "Tag '(0029,1001)' not in private dictionary for private creator 'CANON_MEC_MR3'"
    """
    if mode not in ("fill", "override"):
        raise ValueError(f"mode {mode!r} is neither 'fill' nor 'override'")
    elements = _elements(dictionary)
    with _lock:
        target = _private_dictionaries()
        _undo(target)
        for creator, key, fields in list(_changes(target, elements, mode)):
            if creator not in target:
                target[creator] = {}
                _new_creators.append(creator)
            _replaced[creator, key] = (target[creator].get(key), fields)
            target[creator][key] = fields
        return len(_replaced)


def unpatch_pydicom() -> None:
    """Give pydicom back what `patch_pydicom` changed; without a patch in force do nothing.

    An entry that somebody else has changed since then stays as it is.
    """
    with _lock:
        if _replaced or _new_creators:
            _undo(_private_dictionaries())


def _private_dictionaries() -> dict[str, dict[str, Fields]]:
    from pydicom._private_dict import private_dictionaries  # noqa: PLC0415 - only here needed

    return private_dictionaries


def _undo(target: dict[str, dict[str, Fields]]) -> None:
    for (creator, key), (before, after) in _replaced.items():
        entries = target.get(creator, {})
        if entries.get(key) is not after:
            continue
        if before is None:
            del entries[key]
        else:
            entries[key] = before
    for creator in _new_creators:
        if not target.get(creator, True):
            del target[creator]
    _replaced.clear()
    _new_creators.clear()


def _elements(dictionary: Dictionary) -> list[tuple[str, Entry, Fields]]:
    """Return spelling of the creator, entry and pydicom's form of every private element."""
    from atlas_dictionary.exporters.pydicom import pydicom_entry  # noqa: PLC0415 - only here needed
    from atlas_dictionary.exporters.selection import LeftOut, select  # noqa: PLC0415

    found = select(dictionary).private_elements(LeftOut())
    return [(creator, entry, pydicom_entry(entry)) for creator, entry in found]


def _changes(
    target: dict[str, dict[str, Fields]], elements: list[tuple[str, Entry, Fields]], mode: str
) -> Iterator[tuple[str, str, Fields]]:
    """Yield creator, key and fields of what is to be set.

    pydicom looks for ``ggggbbee``, the element in one block alone, then for ``ggggxxee`` and for
    ``ggxxxxee``, a repeating group. Some of its own keys have the first form with block 00, which
    no element has (PS3.5 7.8.1).
    """
    fixed: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for creator, entries in target.items():
        for key in entries:
            if "x" not in key and key[4:6] >= _FIRST_BLOCK:
                fixed[creator, key[:4], key[6:]].append(key)
    for creator, entry, fields in elements:
        there = target.get(creator, {})
        group, offset = f"{entry.group:04X}", f"{entry.element:02X}"
        repeating = f"{group[:2]}xxxx{offset}"
        general = repeating if entry.key.mask != PRIVATE else f"{group}xx{offset}"
        if _is_wanted(there.get(general) or there.get(repeating), fields, mode):
            yield creator, general, fields
        for key in fixed[creator, group, offset]:
            if _is_wanted(there[key], fields, mode):
                yield creator, key, fields


def _is_wanted(has: Fields | None, fields: Fields, mode: str) -> bool:
    if has is None:
        return True
    if mode == "override":
        return has != fields
    return has[0] == "UN" != fields[0]
