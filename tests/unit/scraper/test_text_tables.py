"""Tables found in the places of words alone."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_scraper.grids import Grid
from atlas_scraper.lines import lines_of
from atlas_scraper.pages import Word
from atlas_scraper.text_tables import find

ROWS = [
    [(0, "Attribute"), (40, "Name"), (150, "Tag"), (240, "VR"), (270, "VM")],
    [(0, "Gain"), (22, "factor"), (150, "(0019,xx01)"), (240, "DS"), (270, "1")],
    [(0, "Mode"), (150, "(0019,xx02)"), (240, "CS"), (270, "1-n")],
]


def words(rows, top=0.0, leading=12.0):
    """Place words of 5 points a letter and 9 points height."""
    return [
        Word(text, x, x + 5.0 * len(text), top + n * leading, top + n * leading + 9, "F", 9)
        for n, row in enumerate(rows)
        for x, text in row
    ]


def cells(grid: Grid):
    return [row.cells for row in grid.rows]


def test_a_table_under_its_titles():
    (grid,), rest = find(lines_of(words(ROWS)), [])
    assert cells(grid) == [
        ("Attribute Name", "Tag", "VR", "VM"),
        ("Gain factor", "(0019,xx01)", "DS", "1"),
        ("Mode", "(0019,xx02)", "CS", "1-n"),
    ]
    assert not grid.ruled
    assert rest == []


def test_titles_of_two_lines():
    titles = [[(150, "Data"), (240, "Value")], [(0, "Name"), (150, "Tag"), (240, "Rep.")]]
    (grid,), _ = find(lines_of(words([*titles, ROWS[1][:4], ROWS[2][:3]])), [])
    assert cells(grid)[0] == ("Name", "Tag", "Value Rep.")


@pytest.mark.parametrize("below", [True, False])
def test_a_rule_divides_the_lines_between_two_tags(below):
    rows = [*ROWS[:2], [(0, "of"), (15, "coil")], ROWS[2]]
    rule = 35.0 if below else 22.5
    (grid,), _ = find(lines_of(words(rows)), [rule])
    names = [row[0] for row in cells(grid)[1:]]
    assert names == (["Gain factor of coil", "Mode"] if below else ["Gain factor", "of coil Mode"])


def test_the_larger_gap_divides_where_there_is_no_rule():
    name = words([[(0, "of"), (15, "coil")]], top=22.5)
    lines = lines_of([*words(ROWS[:2]), *name, *words(ROWS[2:], top=40.0)])
    (grid,), _ = find(lines, [])
    assert [row[0] for row in cells(grid)[1:]] == ["Gain factor of coil", "Mode"]


def test_a_column_without_texts_keeps_its_title():
    rows = [[*ROWS[0], (330, "Value")], *ROWS[1:]]
    (grid,), _ = find(lines_of(words(rows)), [])
    assert cells(grid)[1] == ("Gain factor", "(0019,xx01)", "DS", "1", "")


def test_a_sentence_below_stays_outside():
    sentence = [
        [(0, "The"), (18, "elements"), (61, "above"), (89, "are"), (107, "not"), (125, "sent")]
    ]
    (grid,), rest = find(lines_of([*words(ROWS), *words(sentence, top=60)]), [])
    assert len(grid.rows) == 3
    assert [line.text for line in rest] == ["The elements above are not sent"]


def test_two_lines_with_tags_are_no_table_by_themselves():
    grids, rest = find(lines_of(words(ROWS[1:])), [])
    assert grids == []
    assert len(rest) == 2


def test_two_tables_side_by_side_are_read_one_after_the_other():
    rows = [[*row, *((x + 320, text) for x, text in row)] for row in ROWS]
    left, right = find(lines_of(words(rows)), [])[0]
    assert cells(left) == cells(right)
    assert left.box[2] < right.box[0]


def test_no_words_no_tables():
    assert find([], []) == ([], [])


PIECES = ["(0019,xx01)", "(0019,1002)", "0019", "100A", "DS", "1-n", "Gain", "of", "Mode"]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(-20, 560), st.integers(0, 300), st.sampled_from(PIECES)), max_size=40
    ),
    st.lists(st.floats(0, 300), max_size=4),
)
def test_no_word_is_lost_or_told_twice(placed, rules):
    made = [Word(t, x, x + 5.0 * len(t), y, y + 9.0, "F", 9) for x, y, t in placed]
    grids, rest = find(lines_of(made), sorted(rules))
    told = [line.text for line in rest] + [
        text for g in grids for row in cells(g) for text in row if text
    ]
    assert Counter(" ".join(told).split()) == Counter(text for _, _, text in placed)
