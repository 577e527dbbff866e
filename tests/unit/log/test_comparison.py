import pytest

from atlas_node.log.comparison import counts, key_path
from atlas_node.model import ElementStatus


@pytest.fixture
def compared(store, make_object, make_element):
    """Series A and B of five objects each."""

    def series(uid, block, same, other, slices, **only):
        return [
            make_object(
                f"o{uid}{number}",
                [
                    make_element(f"(0019,{block}01)", [same], name="Same"),
                    make_element(f"(0019,{block}02)", [other], name="Other"),
                    make_element(f"(0019,{block}03)", [slices + number], vr="FL", name="Slice"),
                    make_element(f"(0019,{block}04)", [number], name="Number"),
                    make_element(**only),
                ],
                series_instance_uid=uid,
            )
            for number in range(5)
        ]

    store.record(series("1", "10", 7, "M", 100.5, path="(0043,1001)", creator="GE"))
    store.record(series("2", "11", 7, "P", 250.5, path="(0043,1002)", creator="GE"))
    return {it.name if it.key != "(0043,xx01)" else "A": it for it in store.compared("1", "2")
            if it.key != "(0043,xx02)"}, store.compared("1", "2")  # fmt: skip


def test_elements_are_told_by_creator_and_key_whatever_their_block(compared):
    by_name, every = compared

    assert {name: it.outcome for name, it in by_name.items()} == {
        "Same": "equal", "Other": "differs", "Slice": "varies", "Number": "equal", "A": "only_a",
    }  # fmt: skip
    assert counts(every) == {"differs": 1, "varies": 1, "only_a": 1, "only_b": 1, "equal": 2}


def test_a_side_says_how_many_values_there_are_and_which(compared):
    slices = compared[0]["Slice"]

    assert (slices.a.least, slices.a.most, slices.a.different) == (100.5, 104.5, 5)
    assert (slices.b.least, slices.b.most, slices.b.objects) == (250.5, 254.5, 5)
    assert compared[0]["Other"].a.values == (["M"],)
    assert compared[0]["A"].b is None


def test_another_vr_or_status_is_a_difference(store, make_object, make_element):
    unknown = make_element(vr="UN", status=ElementStatus.UNKNOWN, value=["2400"])
    store.record([make_object("o1", [make_element()], series_instance_uid="1")])
    store.record([make_object("o2", [unknown], series_instance_uid="2")])

    (found,) = store.compared("1", "2")

    assert (found.outcome, found.a.vr, found.b.vr) == ("differs", "US", "UN")
    assert found.b.status == (ElementStatus.UNKNOWN,)


def test_a_path_loses_its_blocks_and_items():
    path = "(5200,9230)[3].(2005,140f)[0].(2005,1013)"

    assert key_path(path) == "(5200,9230).(2005,xx0f).(2005,xx13)"
