"""In which VRs the values that the log has of an undecoded element can be read.

`entry` asks it when somebody makes a dictionary entry. It is the engine's own verification
(`annotate.verify`), on what the log has kept: at most the first 128 bytes of a value, and nothing
of the object's character set.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from atlas_node.annotate.charset import DEFAULT_REPERTOIRE, Encodings
from atlas_node.annotate.value import reported_value
from atlas_node.annotate.verify import misfit, multiplicity
from atlas_node.encoding.vr import NATIVE_TEXT, STREAM_UNIT, UNIT
from atlas_node.log import Sample, value_text

VRS: Final = (
    "UI", "DA", "TM", "DT", "AS", "IS", "DS", "CS", "AE", "SH", "LO", "PN", "UC", "UR", "ST", "LT",
    "UT", "US", "SS", "UL", "SL", "UV", "SV", "FL", "FD", "AT", "SQ", "OB", "OW", "OL", "OF", "OD",
    "OV",
)  # fmt: skip
"""Every VR that an entry may have, text before numbers before bytes."""

_UTF_8: Final[Encodings] = ("utf8",)
_ITEM: Final = b"\xfe\xff\x00\xe0"
_EXAMPLES: Final = 3

Fit = Literal["fits", "misfit", "open"]
"""Whether a value can be one of a VR; open where the log has not enough of it to tell."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a VR makes of the values.

    Attributes
    ----------
    vr : str
    fits, misfits, open : int
        How many values can be of this VR, cannot, or are cut so that nobody can tell.
    why : str
        Why the first one that cannot, cannot.
    examples : tuple of str
        Some that can, read so.
    """

    vr: str
    fits: int
    misfits: int
    open: int
    why: str
    examples: tuple[str, ...]


def bytes_of(sample: Sample) -> bytes | None:
    """Return the bytes of a `UN` value; None where the log has them not, or masked."""
    if sample.vr != "UN" or len(sample.value) != 1 or not isinstance(sample.value[0], str):
        return None
    try:
        return bytes.fromhex(sample.value[0])
    except ValueError:
        return None


def readings(samples: Sequence[Sample], vm: str = "") -> tuple[Reading, ...]:
    """Return for each VR whether the values fit, those that all values fit first.

    Parameters
    ----------
    samples : sequence of Sample
        Those that are no bytes are left aside.
    vm : str
        How many values there should be, as in PS3.6; empty: any number.
    """
    known = [(data, it.truncated) for it in samples if (data := bytes_of(it)) is not None]
    found = [reading(vr, known, vm) for vr in VRS] if known else []
    return tuple(sorted(found, key=lambda it: (it.misfits > 0, it.misfits)))


def reading(vr: str, values: Iterable[tuple[bytes, bool]], vm: str = "") -> Reading:
    """Return what a VR makes of some values, each with whether it was cut."""
    counted: dict[Fit, int] = {"fits": 0, "misfit": 0, "open": 0}
    why = ""
    examples: list[str] = []
    for value, cut in values:
        fit, reason = _fit(vr, value, cut, vm)
        counted[fit] += 1
        why = why or (reason if fit == "misfit" else "")
        if fit != "misfit" and len(examples) < _EXAMPLES:
            examples.append(_read(vr, value, cut))
    return Reading(
        vr, counted["fits"], counted["misfit"], counted["open"], why,
        tuple(dict.fromkeys(it for it in examples if it)),
    )  # fmt: skip


def _fit(vr: str, value: bytes, cut: bool, vm: str) -> tuple[Fit, str]:
    if vr == "SQ":
        if value and not value.startswith(_ITEM):
            return "misfit", "the value does not begin with an item"
        return "open", ""
    if vr in UNIT or vr in STREAM_UNIT:
        if cut:
            return "open", ""
        reason = misfit(vr, memoryview(value), multiplicity(vm), DEFAULT_REPERTOIRE)
        return ("misfit", reason) if reason else ("fits", "")
    shown = value
    if cut:
        # The last of several values may have been cut in two.
        shown = value[: value.rfind(b"\\") + 1 or None].rstrip(b"\\")
        shown += b" " * (len(shown) % 2)
    reason = misfit(vr, memoryview(shown), None if cut else multiplicity(vm), DEFAULT_REPERTOIRE)
    if reason and vr in NATIVE_TEXT and not shown.isascii():
        # Another repertoire than that of ISO IR 6: which one the object says, the log does not.
        reason = misfit(vr, memoryview(_low(shown)), multiplicity(vm), DEFAULT_REPERTOIRE)
        return ("misfit", reason) if reason else ("open", "")
    if reason:
        return "misfit", reason
    return ("open" if cut else "fits"), ""


def _low(value: bytes) -> bytes:
    """Return a value with a letter for each byte beyond ASCII."""
    return bytes(byte if byte < 0x80 else 0x41 for byte in value)


def _read(vr: str, value: bytes, cut: bool) -> str:
    if vr == "SQ":
        return ""
    read, shortened = reported_value(vr, memoryview(value), _UTF_8)
    return value_text(read, truncated=cut or shortened)
