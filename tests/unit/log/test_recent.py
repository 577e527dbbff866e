from hypothesis import given
from hypothesis import strategies as st

from atlas_node.log.recent import Recent


def test_what_was_asked_for_stays_and_the_rest_goes():
    known: Recent[str, int] = Recent(3)
    known.put("often", 1)
    known.put("once", 2)
    for number in range(10):
        known.put(f"new {number}", number)
        assert known.get("often") == 1

    assert known.get("once") is None


def test_heavy_things_count_for_more():
    known: Recent[str, int] = Recent(10)
    known.put("light", 1)
    known.put("heavy", 2, 10)
    known.put("heavier", 3, 20)

    assert known.get("light") is None
    assert known.get("heavy", 10) == 2


def test_it_forgets_when_told():
    known: Recent[str, int] = Recent(3)
    known.put("a", 1)
    known.clear()

    assert known.get("a") is None


@given(st.lists(st.integers(0, 30), max_size=200))
def test_it_never_tells_wrong_and_never_keeps_too_much(keys):
    known: Recent[int, int] = Recent(5)
    for key in keys:
        if known.get(key) is None:
            known.put(key, key * 7)
        assert known.get(key) == key * 7
        assert len(known.young) <= 5
