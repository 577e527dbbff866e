"""Facets, coverage and plots of a log, against what counting object by object gives."""

import pytest

from atlas_node.log import Selection
from atlas_node.model import ElementStatus
from tests.unit.log import explored


@pytest.fixture
def made(store, make_object, make_element):
    made = explored.things(make_object, make_element)
    store.record(made)
    return made


def test_each_facet_counts_what_fits_all_conditions_but_its_own(store, made):
    explored.check_facets(store, made)


def test_coverage_counts_by_device_and_by_element(store, made):
    explored.check_coverage(store, made)


def test_values_are_plotted_in_the_order_of_the_objects(store, made):
    explored.check_history(store)


def test_an_empty_log_has_nothing_to_count(store):
    found = store.facets(Selection())

    assert (found.objects, found.elements, sum(found.by_status.values())) == (0, (), 0)
    assert all(values == () for values in found.values.values())
    assert store.coverage(Selection()) == ()
    assert store.undecoded(Selection(status=ElementStatus.UNKNOWN), 10) == ((), 0)
    assert store.values_over_time(Selection(creator="C", element="(0019,xx01)"), 10).points == ()
    assert store.compared("1", "2") == ()


def test_counts_follow_what_is_removed(store, made):
    store.expire(1065.0)

    explored.check_facets(store, made[65:])
    explored.check_coverage(store, made[65:])


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"group": "19"}, "group: expected four hexadecimal digits"),
        ({"element": "b-value"}, "element: expected a tag"),
        ({"status": "odd"}, "status: expected one of decoded"),
        ({"since": "yesterday"}, "since: expected a time"),
    ],
)
def test_a_condition_that_cannot_be_understood_is_named(query, message):
    with pytest.raises(ValueError, match=message):
        Selection.from_text(query)


def test_a_tag_asks_for_its_key():
    for text in ("0019,100c", "(0019,xx0c)", "0019110c"):
        assert Selection.from_text({"element": text}).element == "(0019,xx0c)"


def test_an_empty_text_is_a_value_of_a_facet(store, made):
    assert Selection.from_text({"model": ""}).model == ""
    found = store.facets(Selection(model=""))
    assert dict(found.values["manufacturer"]) == {
        "GE": sum(len(it.elements) for it in made if it.identity.manufacturer == "GE")
    }


def test_the_values_of_frames_stand_in_their_order(store, make_object, make_element):
    frames = [
        make_element(f"(5200,9230)[{n}].(2005,140f)[0].(2005,10{offset})", [value], creator="DD")
        for n in range(3)
        for offset, value in (("13", 100 * n), ("14", 3 - n))
    ]
    store.record([make_object("o1", frames)])

    found = store.values_over_series("1.2.3.4", ("DD", "(2005,xx13)"), ("DD", "(2005,xx14)"))

    assert [(point.value, point.by) for point in found.points] == [([0], 3), ([100], 2), ([200], 1)]
    assert [point.path[:14] for point in found.points] == [f"(5200,9230)[{n}]" for n in range(3)]


def test_samples_are_different_values_of_objects_that_were_not_decoded(
    store, make_object, make_element
):
    def left(value, status=ElementStatus.UNKNOWN, vr="UN"):
        return make_element("(0043,1010)", [value], creator="GE", status=status, vr=vr)

    store.record([make_object(f"o{n}", [left(f"{n % 4:04x}")]) for n in range(12)])
    store.record([make_object("o99", [left("7", ElementStatus.ALREADY, "DS")], manufacturer="GE")])
    store.record([make_object("o98", [left("9", ElementStatus.DECODED, "DS")], manufacturer="X")])

    found, read = store.samples("GE", "(0043,xx10)", 100)

    assert {(it.vr, it.value[0]) for it in found} == {
        ("UN", "0000"), ("UN", "0001"), ("UN", "0002"), ("UN", "0003"), ("DS", "7"),
    }  # fmt: skip
    assert read == 11, "ten objects of a run are enough"
    assert len(store.samples("GE", "(0043,xx10)", 2)[0]) == 2
    assert store.samples("GE", "(0043,xx11)", 2) == ((), 0)
