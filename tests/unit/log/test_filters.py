import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_node.log import LogFilter, parse_since, parse_tag
from atlas_node.log.filters import parse_until
from atlas_node.model import ElementStatus


@pytest.mark.parametrize(
    "text", ["(0019,100a)", "0019,100a", "0019100A", " 0019, 100a ", "(0019, 100A)"]
)
def test_a_tag_may_be_written_in_many_ways(text):
    assert parse_tag(text) == "(0019,100a)"


@pytest.mark.parametrize("text", ["0019xx0a", "(0019,xx0a)", "0019,XX0A", "0019 xx0a"])
def test_a_key_of_the_dictionary_is_a_tag_too(text):
    assert parse_tag(text) == "(0019,xx0a)"


@pytest.mark.parametrize("text", ["", "19,100a", "0019,10", "0019,1xxa", "xx19,100a", "0019100a0"])
def test_what_is_no_tag_is_refused(text):
    with pytest.raises(ValueError, match="expected a tag such as"):
        parse_tag(text)


@given(st.integers(0, 0xFFFF), st.integers(0, 0xFFFF))
def test_every_tag_keeps_its_numbers(group, element):
    assert parse_tag(f"{group:04X}{element:04X}") == f"({group:04x},{element:04x})"


@given(st.text(max_size=20))
def test_any_text_is_a_time_or_refused(text):
    try:
        parse_since(text)
    except ValueError as error:
        assert "expected a time such as" in str(error)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("45s", 45), ("30m", 1800), ("2h", 7200), ("7d", 604_800), ("1W", 604_800)],
)
def test_an_age_counts_back_from_now(text, seconds):
    before = time.time()

    assert before - seconds <= parse_since(text) <= time.time() - seconds


def test_an_iso_time_has_its_zone_or_the_local_one():
    moment = datetime(2026, 3, 1, 8, 30, tzinfo=UTC)

    assert parse_since("2026-03-01T08:30Z") == moment.timestamp()
    assert parse_since("2026-03-01T09:30+01:00") == moment.timestamp()
    assert parse_since("2026-03-01 08:30") == datetime(2026, 3, 1, 8, 30).timestamp()


def test_until_a_day_means_to_its_end_and_until_a_time_that_time():
    assert parse_until("2026-03-01") == datetime(2026, 3, 2).timestamp()
    assert parse_until("2026-03-01T08:30Z") == parse_since("2026-03-01T08:30Z")
    assert abs(parse_until("2h") - (time.time() - 7200)) < 5


@given(st.text(max_size=20) | st.dates().map(str))
def test_any_text_is_an_end_or_refused(text):
    try:
        parse_until(text)
    except ValueError as error:
        assert "expected a time such as" in str(error)


def test_a_filter_is_read_from_text():
    wanted = LogFilter.from_text(
        {
            "creator": " ACME ",
            "tag": "0019100a",
            "vr": "us",
            "status": "Refused",
            "name": "",
            "x": "y",
        }
    )

    assert wanted == LogFilter(
        creator="ACME", tag="(0019,100a)", vr="US", status=ElementStatus.REFUSED
    )


def test_a_status_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match="expected one of decoded, already, unknown"):
        LogFilter.from_text({"status": "lost"})
