from hypothesis import given
from hypothesis import strategies as st

from atlas_node.dimse.transport.admission import (
    one_to_close,
    room_for_one_address,
    room_in_whole,
)


def test_a_host_may_open_all_of_its_associations_at_the_same_moment():
    assert room_for_one_address(64) == 64
    assert one_to_close("a", ["a"] * 63, 64) is None


def test_a_host_with_too_many_makes_room_for_itself():
    assert one_to_close("a", ["b", *["a"] * 64], 64) == 1


def test_of_many_hosts_the_one_with_the_most_makes_room():
    waiting = ["a", *["b"] * 3, *(f"host {n}" for n in range(room_in_whole(64) - 4))]
    assert one_to_close("new", waiting, 64) == 1
    assert one_to_close("new", waiting[:-1], 64) is None


def test_where_nobody_has_more_than_others_the_first_in_turn_makes_room():
    waiting = [f"host {n}" for n in range(room_in_whole(5))]
    assert one_to_close("new", waiting, 5) == 0


@given(st.lists(st.sampled_from("abcdef"), max_size=300), st.integers(1, 100))
def test_whatever_comes_in_both_bounds_are_kept(newcomers, most_associations):
    waiting: list[str] = []
    for newcomer in newcomers:
        number = one_to_close(newcomer, waiting, most_associations)
        if number is not None:
            del waiting[number]
        waiting.append(newcomer)
        assert waiting.count(newcomer) <= room_for_one_address(most_associations)
        assert len(waiting) <= room_in_whole(most_associations)
