"""Dates and times with and without a zone, and their ranges."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_node.query.moments import Span, asked_span, moment, place, span


def matches(vr, key, value):
    found = span(vr, value)
    return found is not None and found.meets(asked_span(vr, key))


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        # The same moment, written in two zones.
        ("20200101120000+0200", "20200101100000+0000", True),
        ("20200101120000+0200", "20200101120000+0000", False),
        ("20200101110000+0000-20200101120000+0000", "20200101120000+0200", False),
        ("20200101100000+0000-20200101110000+0000", "20200101120000+0200", True),
        ("20200101+0000", "20191231233000-0100", True),
        ("2020+0000", "20191231233000-0100", True),
        ("202002+0000", "20200301003000+0100", True),
        ("202002+0000", "20200301013000+0100", False),
        ("00010101+1400", "00010101", True),
        ("99991231-1200", "99991231", True),
        # Without a zone it may be any, so no more than 14 and 12 hours away.
        ("20200101120000+0000", "20200102020000", True),
        ("20200101120000+0000", "20200102020001", False),
        ("20200101120000+0000", "20200101000000", True),
        ("20200101120000+0000", "20191231235959", False),
        ("20200102020000", "20200101120000+0000", True),
        ("20200102020001", "20200101120000+0000", False),
        # Both without a zone have the same.
        ("202001011200", "20200101120059", True),
        ("202001011200", "20200101120100", False),
        # One zone, on one end.
        ("20200101-20200131+0000", "20200131235959+0000", True),
        ("20200101-20200131+0000", "20200201000000+0000", False),
        # What no zone is, is a range.
        ("2019-2020", "2020", True),
        ("2019-2020", "2019", True),
        ("2019-2020", "2018", False),
        ("2019-1401", "2019", False),
        ("2019-1160", "2019", False),
        ("2019-1200", "2019-1200", True),
        ("2019 - 1200", "1500", False),
        ("2019-0500", "2021", False),
        ("2019-2020-0500", "20210101030000+0000", True),
        ("2019-0500-2020-0500", "2020", True),
        ("-2020-0500", "1999", True),
        ("2019-0500-", "2030", True),
        # The last day of a month is not always the 31st.
        ("20200201-20200231", "20200229", True),
        ("20200201+0000-20200231+0000", "20200229120000+0000", True),
        ("20200201+0000-20200231+0000", "20200301120000+0000", False),
    ],
)  # fmt: skip
def test_dates_with_times(key, value, expected):
    assert matches("DT", key, value) is expected


@pytest.mark.parametrize(
    ("vr", "key", "value"),
    [
        ("DA", "20200101 - 20200131", "20200115"),
        ("DA", " -20200131", "20200115"),
        ("DA", "20200101- ", "20200115"),
        ("TM", "10 - 11", "1030"),
        ("DT", "20200101 - 20200131", "20200115"),
        ("DA", "2020.01.01-2020.01.31", "20200115"),
    ],
)
def test_spaces_around_the_dash_of_a_range_do_not_count(vr, key, value):
    assert matches(vr, key, value)


@pytest.mark.parametrize("text", ["20201", "2020+1500", "2020-1230", "2020.5", "", "2019-2020"])
def test_what_is_no_date_with_time_has_no_moment(text):
    assert span("DT", text) is None
    assert moment("DT", text) is None


MOMENTS = st.datetimes(datetime(1999, 12, 28), datetime(2000, 3, 5))
ZONES = st.sampled_from(["", "+0000", "+1400", "-1200", "+0530", "-0500"])
LENGTHS = st.sampled_from([4, 6, 8, 10, 12, 14])


@st.composite
def written(draw):
    text = f"{draw(MOMENTS):%Y%m%d%H%M%S}"
    return text[: draw(LENGTHS)] + draw(ZONES)


@given(written(), written(), written())
def test_where_the_database_looks_is_everything_that_matches(low, high, value):
    asked = asked_span("DT", f"{low} - {high}")
    where, its = place("DT", asked), moment("DT", value)
    found = where.low <= its <= where.high or its in where.around
    is_match = matches("DT", f"{low} - {high}", value)
    assert found or not is_match
    first, last = where.certain
    assert is_match or not first <= its <= last


@given(MOMENTS, st.integers(-720, 840), st.integers(-720, 840))
def test_a_moment_is_the_same_in_every_zone(utc, one, other):
    def in_zone(minutes):
        sign = "-" if minutes < 0 else "+"
        hours, rest = divmod(abs(minutes), 60)
        return f"{utc + timedelta(minutes=minutes):%Y%m%d%H%M%S}{sign}{hours:02}{rest:02}"

    assert matches("DT", in_zone(one), in_zone(other))
    later = span("DT", in_zone(one))
    assert not span("DT", f"{utc + timedelta(seconds=1):%Y%m%d%H%M%S}+0000").meets(later)


def test_a_range_without_an_end_has_no_last_moment():
    assert asked_span("DA", "20200101-") == Span("20200101", "~")
    assert asked_span("DA", "-") is None
