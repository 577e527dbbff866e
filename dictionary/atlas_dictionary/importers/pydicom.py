"""Importer of the dictionaries inside the installed pydicom package: the private and the public.

``atlas-dict import`` writes them as source tables. The private one spells its keys in four ways:
``0019xx0A``; ``00290001``, the block digits of one real object, which pydicom's own look-up finds
in that block alone; ``60xxxx01``, a repeating group; ``001910xx``, which names a block as a whole.
All become keys of `atlas_dictionary.keys`.
"""

from __future__ import annotations

from atlas_dictionary.entry import NO_FLAGS, Flags
from atlas_dictionary.errors import DictionaryError, UnusableLineError
from atlas_dictionary.keys import ElementKey, parse_key
from atlas_dictionary.statements import (
    SourceInfo,
    SourceTable,
    Statement,
    parse_vm,
    parse_vr,
    require_usable,
)

_ORIGIN = "https://github.com/pydicom/pydicom"
_LICENCE = "MIT"
FAMILY = "dicom3tools"
"""pydicom made its private dictionary from GDCM's, which took much from dicom3tools."""
SUCCESSOR = "gdcm-table"
"""GDCM has corrected its own since."""
PUBLIC_WEIGHT = 10
"""The public dictionary is PS3.6 itself; no private source outweighs it."""


def import_private() -> SourceTable:
    """Return pydicom's private dictionary.

    Raises
    ------
    DictionaryError
        When pydicom is missing or has an entry of an unknown form.
    """
    try:
        import pydicom  # noqa: PLC0415 - the reader does without it
        from pydicom._private_dict import private_dictionaries  # noqa: PLC0415
    except ImportError as error:
        raise DictionaryError(f"pydicom's private dictionary cannot be imported: {error}") from None
    statements, notes = [], []
    for creator, entries in private_dictionaries.items():
        for digits, entry in entries.items():
            try:
                statements.append(_statement(creator, digits, *entry))
            except UnusableLineError as error:
                notes.append(f"pydicom, {creator!r} {digits}: {error}: left out")
    info = SourceInfo(
        id="pydicom",
        title="Private dictionary of pydicom",
        origin=_ORIGIN,
        version=pydicom.__version__,
        licence=_LICENCE,
        rank=40,
        family=FAMILY,
        successor=SUCCESSOR,
        statements=len(statements),
        unread=len(notes),
    )
    return SourceTable(info, tuple(statements), tuple(notes))


def import_public() -> SourceTable:
    """Return pydicom's copy of the data dictionary of PS3.6, repeating groups included.

    Raises
    ------
    DictionaryError
        When pydicom is missing or has an entry of an unknown form.
    """
    try:
        import pydicom  # noqa: PLC0415 - the reader does without it
        from pydicom._dicom_dict import DicomDictionary, RepeatersDictionary  # noqa: PLC0415
    except ImportError as error:
        raise DictionaryError(f"pydicom's public dictionary cannot be imported: {error}") from None
    exact = {f"{tag:08x}": entry for tag, entry in DicomDictionary.items()}
    statements = tuple(
        _statement("", digits, *entry) for digits, entry in (exact | RepeatersDictionary).items()
    )
    info = SourceInfo(
        id="pydicom-public",
        title="Data dictionary of PS3.6, as in pydicom",
        origin=_ORIGIN,
        version=pydicom.__version__,
        licence=_LICENCE,
        rank=1,
        weight=PUBLIC_WEIGHT,
        statements=len(statements),
    )
    return SourceTable(info, statements)


def _statement(
    creator: str, digits: str, vr: str, vm: str, name: str, retired: str, keyword: str = ""
) -> Statement:
    try:
        key = _key(creator, digits)
        require_usable(key, name)
        return Statement(
            key=key,
            vrs=parse_vr(vr),
            vm=parse_vm(vm),
            keyword=keyword,
            name=name.strip(),
            flags=Flags.RETIRED if retired else NO_FLAGS,
        )
    except UnusableLineError:
        raise
    except DictionaryError as error:
        raise DictionaryError(f"pydicom, {creator!r} {digits}: {error}") from None


def _key(creator: str, digits: str) -> ElementKey:
    return parse_key(digits[:4], digits[4:], creator or None)
