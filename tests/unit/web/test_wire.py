import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_node.annotate.value import reported_value
from atlas_node.web.wire import bytes_before


def element(vr, value, **more):
    return {"vr": vr, "value": value, **more}


@pytest.mark.parametrize(
    ("vr", "value", "shown"),
    [
        ("US", [36], "24 00"),
        ("SS", [-1, 2], "ff ff 02 00"),
        ("FL", [0.1], "cd cc cc 3d"),
        ("FD", ["inf"], "00 00 00 00 00 00 f0 7f"),
        ("AT", ["(0019,100a)"], "19 00 0a 10"),
        ("UN", ["00ff"], "00 ff"),
        ("LO", ["CT", "01"], "43 54 5c 30 31"),
        ("OB", ["00" * 9], "00 00 00 00 00 00 00 00 …"),
    ],
)
def test_bytes_that_the_value_tells(vr, value, shown):
    assert bytes_before(element(vr, value)) == shown


def test_a_value_that_was_cut_goes_on():
    assert bytes_before(element("US", [1], truncated=True)) == "01 00 …"


@pytest.mark.parametrize(
    ("vr", "value"),
    [
        ("DS", [1.5]), ("IS", [3]), ("SQ", None), ("LO", ["Müller"]), ("US", None), ("US", []),
        # Masked values, and a log that somebody has changed.
        ("US", ["*"]), ("LO", ["****"]), ("UN", ["****"]), ("AT", ["(****,****)"]), ("US", [-1]),
        ("LO", [1]), ("UN", ["0"]), ("FL", [1e300]),
    ],
)  # fmt: skip
def test_nothing_where_the_value_does_not_tell_them(vr, value):
    assert bytes_before(element(vr, value)) == ""


@given(
    st.sampled_from(["US", "SS", "UL", "SL", "UV", "SV", "FL", "FD", "AT"]),
    st.binary(min_size=8, max_size=8),
)
def test_what_the_engine_reports_of_bytes_tells_these_bytes(vr, raw):
    value, cut = reported_value(vr, memoryview(raw), ())
    if vr in ("FL", "FD") and "nan" in value:
        return  # a NaN has many spellings

    assert not cut
    assert bytes_before(element(vr, value)) == raw.hex(" ")
