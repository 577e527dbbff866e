"""What a source says, before it is merged with the others: statements, and the table of a source.

Importers make these from the form in which a source is published; `tables` keeps them as text
under dictionary/sources; `resolution` merges them into entries.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from atlas_dictionary.entry import NO_FLAGS, Condition, Flags
from atlas_dictionary.errors import DictionaryError, UnusableLineError
from atlas_dictionary.keys import ElementKey

TEXT_VRS = frozenset("AE AS CS DA DS DT IS LO LT PN SH ST TM UC UI UR UT".split())  # noqa: SIM905
"""Value representations whose values are text."""
VRS = TEXT_VRS.union("AT FD FL OB OD OF OL OV OW SL SQ SS SV UL US UV".split())  # noqa: SIM905
"""Value representations of PS3.5 table 6.2-1, without UN."""

WHOLE_VRS = frozenset("LT OB OD OF OL OV OW SQ ST UR UT".split())  # noqa: SIM905
"""Value representations whose value is always one (PS3.5 6.4)."""
KINDS = ("dictionary", "observed")
"""Kinds of source; see `SourceInfo`."""

_RESERVATION = re.compile(
    r"private\s*(creator(\s*(id|identification|data|data\s*element|element|code\b.*))?"
    r"|identification\s*code)",
    re.IGNORECASE | re.DOTALL,
)
"""Names of the element that reserves a block, (gggg,00bb) Private Creator (PS3.5 7.8.1)."""
_VM = re.compile(r"[1-9][0-9]*(-([1-9]?[0-9]*n|[1-9][0-9]*))?")


@dataclass(frozen=True, slots=True)
class Statement:
    """What one source says of one key.

    Attributes
    ----------
    key : ElementKey
    vrs : tuple of str
        The VR; several where the source leaves the choice (``US or SS``); none where it gives no
        usable one.
    vm, keyword, name, description : str
        Empty where the source is silent.
    flags : Flags
        Those that a source can state: retired, inferred, observed, safe.
    detail : str
        Where in the source.
    weight : int
        How much it counts; 0: as its source does.
    condition : Condition or None
        For which equipment it was seen to hold.
    """

    key: ElementKey
    vrs: tuple[str, ...]
    vm: str = ""
    keyword: str = ""
    name: str = ""
    description: str = ""
    flags: Flags = NO_FLAGS
    detail: str = ""
    weight: int = 0
    condition: Condition | None = None

    @property
    def stated_vr(self) -> str:
        """The VR as tables write it: ``US``, ``US or SS``, ``UN``."""
        return " or ".join(self.vrs) or "UN"


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """A source and what must be said of it.

    Attributes
    ----------
    id : str
        Short name by which entries refer to it.
    title, origin, version, licence : str
    rank : int
        Its place among the sources that are compiled together: the lower goes first and wins
        where weights tie.
    weight : int
        How much each of its statements counts.
    sha256 : str
        Digest of the table that was read; empty for one that was made in memory.
    statements : int
        How many statements it makes.
    kind : str
        ``dictionary``: says what it read or believes. ``observed``: counts what explicit VR
        objects have; a statement with the flag `observed` then tells what the vendor wrote, one
        without it what another toolkit had written anew.
    family : str
        Sources of one family have copied from each other: together they count as one.
    successor : str
        Id of the source that this one is an earlier edition of: what that one corrected weighs
        nothing here.
    unread : int
        How many lines of the published file could not be read.
    """

    id: str
    title: str = ""
    origin: str = ""
    version: str = ""
    licence: str = ""
    rank: int = 0
    weight: int = 1
    sha256: str = ""
    statements: int = 0
    kind: str = "dictionary"
    family: str = ""
    successor: str = ""
    unread: int = 0


@dataclass(frozen=True, slots=True)
class SourceTable:
    """The statements of one source.

    Attributes
    ----------
    info : SourceInfo
    statements : tuple of Statement
    notes : tuple of str
        What the importer left out or changed, a line each that names file and line.
    faults : tuple of str
        Those of the notes that tell of a line which is not of the form of the file.
    """

    info: SourceInfo
    statements: tuple[Statement, ...] = field(repr=False)
    notes: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


def require_usable(key: ElementKey, name: str = "") -> None:
    """Refuse what is written as an element of a private creator and can be none (PS3.5 7.8).

    Every importer asks this of every line, so that a source says the same in each of its forms.

    Raises
    ------
    UnusableLineError
        Where the group is even, or where the element is the Private Creator element itself, which
        sources write as offset 00: it is no element of the block that it reserves.
    """
    if key.creator is None:
        return
    if key.mask & 0x10000 and not key.tag & 0x10000:
        raise UnusableLineError(
            f"{key} of {key.creator!r} has an even group: not a private element"
        )
    if key.mask & 0xFF != 0xFF or key.tag & 0xFF:
        return
    quoted = name in (f'"{key.creator}"', f"\u201c{key.creator}\u201d")
    if quoted or _RESERVATION.fullmatch(name.strip()):
        raise UnusableLineError(
            f"{key} of {key.creator!r}, {name!r}, is the element that reserves a block, not one of"
            " the block"
        )


def parse_vr(text: str) -> tuple[str, ...]:
    """Return the VRs that a source writes as `text`.

    One VR, or several joined by ``or``, ``_``, ``/``, ``|`` or ``,``; ``OB_OW`` and ``US or SS``
    thus give two. ``UN``, ``?``, ``??``, ``NONE`` and nothing give none.

    Raises
    ------
    DictionaryError
        Where a part is no VR of PS3.5.
    """
    words = [word for word in re.split(r"[\s_/|,]+", text.strip().upper()) if word != "OR"]
    known: Iterable[str] = (w for w in words if w not in ("", "UN", "?", "??", "NONE"))
    vrs = tuple(dict.fromkeys(known))
    for vr in vrs:
        if vr not in VRS:
            raise DictionaryError(f"{text!r} names no VR of PS3.5 6.2")
    return vrs


def parse_vm(text: str) -> str:
    """Return the value multiplicity `text` in the form of PS3.6, such as ``1-n``.

    Raises
    ------
    DictionaryError
        Where it has another form.
    """
    vm = re.sub(r"\s*(-|or)\s*", "-", text.strip().lower())
    if vm.startswith("0-"):
        # An element may always be empty: PS3.6 counts from 1.
        vm = "1-" + vm[2:]
    if vm and not _VM.fullmatch(vm):
        raise DictionaryError(f"VM {text!r} is not of the form 1, 1-3, 1-n or 2-2n")
    return vm
