import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_node.log import value_text, visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Müller^山田\u3000太郎", "Müller^山田\u3000太郎"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("two\r\nlines", r"two\x0d\x0alines"),
        ("\x9b31m", r"\x9b31m"),
        ("\u202etxt.exe", r"\u202etxt.exe"),
        ("line\u2028separator", r"line\u2028separator"),
        ("\ud800", r"\ud800"),
        ("\U000e0001", r"\U000e0001"),
    ],
)
def test_what_cannot_be_seen_is_written_out(text, shown):
    assert visible(text) == shown


@given(st.text(st.characters()))
def test_nothing_that_moves_a_cursor_is_left(text):
    shown = visible(text)

    assert not any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 for c in shown)
    assert len(shown.splitlines()) <= 1
    shown.encode()


@pytest.mark.parametrize(
    ("value", "truncated", "shown"),
    [
        (None, False, ""),
        ([36], False, "36"),
        ([1.5, -2.0], False, r"1.5\-2.0"),
        (["A", "B\n"], False, r"A\B\x0a"),
        (["00ff"], True, "00ff …"),
    ],
)
def test_a_value_is_one_line(value, truncated, shown):
    assert value_text(value, truncated=truncated) == shown
