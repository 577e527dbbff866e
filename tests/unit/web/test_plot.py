import math
from datetime import datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_node.web.plot import CATEGORIES, COMPONENTS, Item, draw, number_of

FINITE = st.floats().map(number_of).filter(lambda it: it is not None)


@settings(max_examples=40)
@given(st.lists(st.tuples(FINITE, FINITE), min_size=1, max_size=30))
def test_every_mark_and_tick_stands_inside_the_axes(points):
    plot = draw([Item(0, x, y, "") for x, y in points], "x", "y")

    assert len(plot.marks) == len(points)
    for mark in plot.marks:
        assert plot.left <= mark.x <= plot.right
        assert plot.top <= mark.y <= plot.bottom
    for x, label in plot.x_ticks:
        assert plot.left <= x <= plot.right
        assert label
    assert 1 <= len(plot.y_ticks) <= 12


@settings(max_examples=40)
@given(st.lists(FINITE, min_size=2, max_size=8))
def test_a_greater_value_stands_higher(values):
    plot = draw([Item(0, place, value, "") for place, value in enumerate(values)], "x", "y")

    ordered = sorted(zip(values, plot.marks, strict=True), key=lambda it: it[0])
    heights = [-mark.y for _, mark in ordered]
    assert heights == sorted(heights)


@settings(max_examples=40)
@given(st.lists(st.floats(0, 4e9), min_size=1, max_size=20))
def test_any_times_have_an_axis(moments):
    plot = draw([Item(0, at, 1, "") for at in moments], "x", "y", x_scale="time")

    assert plot.x_ticks
    assert len(plot.x_ticks) <= 12


def test_ticks_are_round_numbers():
    plot = draw([Item(0, 1, 0, ""), Item(0, 2, 1000, "")], "x", "y")

    assert [label for _, label in plot.y_ticks] == ["0", "200", "400", "600", "800", "1000"]


def test_ticks_of_a_time_are_round_on_the_clock_of_this_machine():
    noon = datetime(2026, 3, 1, 12).astimezone().timestamp()
    plot = draw([Item(0, noon, 1, ""), Item(0, noon + 7200, 2, "")], "x", "y", x_scale="time")

    assert [label for _, label in plot.x_ticks] == ["12:00", "12:30", "13:00", "13:30", "14:00"]


def test_text_has_a_row_for_each_category_and_one_for_the_rest():
    names = [f"{number:02d}" for number in range(CATEGORIES + 5)]
    items = [Item(0, number, name, "") for number, name in enumerate([*names, names[0]])]
    plot = draw(items, "x", "y", joined=True)

    labels = [label for _, label in plot.y_ticks]
    assert plot.categories
    assert plot.lines == ()
    assert len(labels) == CATEGORIES
    assert labels[0] == "other values"
    assert labels[-1] == "00"
    assert plot.marks[-1].y == plot.marks[0].y


def test_each_component_has_a_line_of_its_own_up_to_the_sixth():
    items = [Item(part, x, x + part, "") for x in range(3) for part in range(COMPONENTS + 2)]
    plot = draw(items, "x", "y", joined=True)

    assert [part for part, _ in plot.lines] == [1, 2, 3, 4, 5, 6]
    assert plot.components == COMPONENTS
    assert len(plot.marks) == 3 * COMPONENTS


def test_nothing_is_no_plot():
    assert draw([], "x", "y") is None


def test_a_number_is_what_can_stand_on_a_scale():
    assert [number_of(it) for it in (3, 2.5, " 7.0", "-1e3")] == [3, 2.5, 7, -1000]
    for other in ("M", "", None, math.nan, "inf", True, [1], 1e301, 10**400):
        assert number_of(other) is None
