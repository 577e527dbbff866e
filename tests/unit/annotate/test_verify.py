"""A value fits a VR, or there is a reason: PS3.5 table 6.2-1, row by row."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_node.annotate.charset import DEFAULT_REPERTOIRE, encodings_of
from atlas_node.annotate.verify import Multiplicity, misfit, multiplicity
from atlas_node.encoding.vr import KNOWN

FITTING = {
    "AE": [b"STORESCP", b"  PACS 1", b"A\\B "],
    "AS": [b"042Y", b"003W\\012M "],
    "AT": [b"\x19\x00\x0a\x10"],
    "CS": [b"ORIGINAL\\PRIMARY ", b"HFS ", b""],
    "DA": [b"20260228", b"20260228\\19991231 "],
    "DS": [
        b"1.5 ",
        b"-.5e-3",
        b"0\\0\\-1",
        b" 12 ",
        b"1234567890.12345",
        b"1.00\\1\\123456789.123456 ",
    ],
    "DT": [b"20260228123000.000000+0100", b"2026", b"202602281230"],
    "FD": [b"\0" * 8],
    "FL": [b"\0" * 12],
    "IS": [b"36", b"-2147483648 ", b"1\\2 ", b"10\\+02147483647 "],
    "LO": [b"SIEMENS CSA HEADER", b"a" * 64, b"xx\\" + b"a" * 64 + b" ", b"x\\y ", b"tex\0"],
    "LT": [b"one\r\ntwo\tthree \\ four"],
    "OB": [b"", b"\0\x01"],
    "OD": [b"\0" * 16],
    "OF": [b"\0" * 4],
    "OL": [b"\0" * 4],
    "OV": [b"\0" * 8],
    "OW": [b"\0\x01"],
    "PN": [b"Doe^Jane^^Dr.^ ", b"A\\B "],
    "SH": [b"a" * 16, b"b "],
    "SL": [b"\0" * 4],
    "SS": [b"\0\x80"],
    "ST": [b"a" * 1024],
    "SV": [b"\0" * 8],
    "TM": [b"235959.999999 ", b"07", b"070907.0705 "],
    "UC": [b"a" * 2000],
    "UI": [b"1.2.840.10008.1.2\0", b"1.2\\2.25.10"],
    "UL": [b"\xff" * 4],
    "UR": [b"https://example.org/a?b=c "],
    "US": [b"\x24\0"],
    "UT": [b"a" * 70000],
    "UV": [b"\0" * 8],
}

MISFITTING = {
    "AE": [b"a" * 18, b"A\nB "],
    "AS": [b"42Y ", b"042y"],
    "AT": [b"\0\0"],
    "CS": [b"lower case", b"A" * 18],
    "DA": [b"20261301", b"2026-01-01", b"19990230123"],
    "DS": [b"one ", b"1.5 2.5 ", b"123456789.1234567890", b"123456789.123456  ", b"0x10", b"1e  "],
    "DT": [b"20261301", b"yesterday "],
    "FD": [b"\0" * 4, b"\0" * 12],
    "FL": [b"\0" * 6],
    "IS": [b"1.5 ", b"2147483648", b"12345678901234"],
    "LO": [b"a" * 66, b"a\0b\0", b"\x01\x02", b"\xe4\xf6", b"a\nb "],
    "LT": [b"\0\0\x01\x02", b"a" * 10242],
    "OW": [b"\0"],
    "OF": [b"\0\0"],
    "PN": [b"a^b^c^d^e^f ", b"a=b=c=d ", b"x" * 66],
    "SH": [b"a" * 18],
    "SL": [b"\0\0"],
    "SS": [b"\0"],
    "ST": [b"a" * 1026, b"\x1bA"],
    "TM": [b"240000", b"12:00:00"],
    "UI": [b"1.2.x ", b"1..2", b"1.02", b"1." + b"2" * 64],
    "UL": [b"\0\0"],
    "UR": [b"two words "],
    "US": [b"\0"],
    "UT": [b"\0\x01"],
}

ALL_VRS = sorted(KNOWN - {"SQ", "UN"})


def fit(vr: str, value: bytes, vm: str = "", charset: bytes = b"") -> str:
    encodings = encodings_of(charset) if charset else DEFAULT_REPERTOIRE
    return misfit(
        vr,
        memoryview(value + b" " * (len(value) % 2 and vr in _PADDED)),
        multiplicity(vm),
        encodings,
    )


_PADDED = {"AE", "CS", "DS", "DT", "IS", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UR", "UT", "DA"}


@pytest.mark.parametrize("vr", ALL_VRS)
def test_what_the_standard_allows_fits(vr: str) -> None:
    for value in FITTING[vr]:
        padded = memoryview(value + b"\0" * (len(value) % 2))
        assert misfit(vr, padded, None, DEFAULT_REPERTOIRE) == "", value


@pytest.mark.parametrize("vr", sorted(MISFITTING))
def test_what_the_standard_forbids_does_not(vr: str) -> None:
    for value in MISFITTING[vr]:
        assert fit(vr, value), value


@pytest.mark.parametrize("vr", ALL_VRS)
def test_an_empty_value_fits_every_vr(vr: str) -> None:
    assert fit(vr, b"", "3") == ""


@pytest.mark.parametrize("vr", ALL_VRS)
def test_a_value_of_odd_length_fits_none(vr: str) -> None:
    assert "odd length" in misfit(vr, memoryview(b"1"), None, DEFAULT_REPERTOIRE)


@pytest.mark.parametrize("vr", ["LO", "DS", "US", "UI"])
def test_a_short_vr_holds_no_more_than_its_length_field_can_say(vr: str) -> None:
    assert "65534" in fit(vr, b"1 " * 32768)


@pytest.mark.parametrize(
    ("vm", "counts"),
    [
        ("1", {1}), ("3", {3}), ("1-3", {1, 2, 3}), ("1-n", {1, 2, 3, 4, 5, 6, 7, 8}),
        ("2-2n", {2, 4, 6, 8}), ("2-n", {2, 3, 4, 5, 6, 7, 8}), ("3-3n", {3, 6}),
    ],
)  # fmt: skip
def test_multiplicity_as_in_the_standard(vm: str, counts: set[int]) -> None:
    read = multiplicity(vm)
    assert read is not None
    assert {count for count in range(1, 9) if read.allows(count)} == counts


@pytest.mark.parametrize("vm", ["", "n", "one", "1-", "-1"])
def test_what_is_no_multiplicity_allows_any(vm: str) -> None:
    assert multiplicity(vm) is None


def test_a_wrong_number_of_values_is_a_misfit() -> None:
    assert fit("US", b"\0" * 4, "1") == "the value holds 2 values as US; the dictionary expects 1"
    assert fit("DS", b"1\\2 ", "3")
    assert fit("FD", b"\0" * 16, "1-n") == ""


@pytest.mark.parametrize(
    ("charset", "value", "fits"),
    [
        (b"ISO_IR 100", "Grüße ".encode("latin-1"), True),
        (b"ISO_IR 192", "Größe".encode(), True),
        (b"ISO_IR 192", "Größe ".encode("latin-1"), False),
        (b"ISO 2022 IR 6\\ISO 2022 IR 87", "\x1b$B;3ED\x1b(B".encode("ascii"), True),
        (b"GB18030 ", "中文".encode("gb18030"), True),
        (b"iso-ir-100", "Grüße ".encode("latin-1"), True),
        (b"ISO 2022 IR 6\\ISO 2022 IR 87", "Grüße ".encode("latin-1"), False),
        (b"\\ISO 2022 IR 87 ", "Grüße ".encode("latin-1"), False),
        (b"ISO 2022 IR 6\\ISO 2022 IR 87", "\x1b$B;3\x1b(Bü".encode("latin-1"), False),
        (b"ISO 2022 IR 100\\ISO 2022 IR 87 ", "\x1b$B;3\x1b(Bü".encode("latin-1"), True),
        (b"ISO 2022 IR 13\\ISO 2022 IR 87", "\x1b$B;3\x1b(JA ".encode("ascii"), True),
        (b"NO SUCH SET ", "Grüße ".encode("latin-1"), False),
        (b"NO SUCH SET ", b"plain ", True),
    ],
)
def test_text_is_read_in_the_character_set_of_the_data_set(
    charset: bytes, value: bytes, fits: bool
) -> None:
    assert (fit("LO", value, charset=charset) == "") is fits


@pytest.mark.parametrize(("vr", "most"), [("ST", 1024), ("LT", 10240)])
def test_a_text_of_the_most_characters_may_be_padded(vr: str, most: int) -> None:
    text = ("ö" + "a" * (most - 1)).encode()
    assert fit(vr, text, charset=b"ISO_IR 192") == ""
    assert fit(vr, text + b"a", charset=b"ISO_IR 192")


@given(vr=st.sampled_from(ALL_VRS), value=st.binary(max_size=200), charset=st.binary(max_size=20))
def test_any_bytes_get_an_answer_that_does_not_quote_them(
    vr: str, value: bytes, charset: bytes
) -> None:
    reason = misfit(vr, memoryview(value), Multiplicity(1, 1, 1), encodings_of(charset))
    assert reason.isascii()
    assert "\n" not in reason
