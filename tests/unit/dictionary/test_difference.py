"""What changed from one dictionary to another."""

from __future__ import annotations

from atlas_dictionary import Condition
from atlas_dictionary.difference import compare


def test_added_removed_and_changed(compiled, say):
    before = compiled(
        [
            say("C", "0019", "xx01", "US", name="Same", keyword="Same"),
            say("C", "0019", "xx02", "US", vm="1", name="Changed"),
            say("C", "0019", "xx03", "US"),
            say(None, "0010", "0010", "PN"),
        ]
    )
    after = compiled(
        [
            say("c", "0019", "xx01", "US", name="Same", keyword="Same"),
            say("C", "0019", "xx02", "SS", vm="2", name="Changed"),
            say("C", "0021", "xx03", "US"),
            say(None, "0010", "0010", "PN"),
        ]
    )
    difference = compare(before, after)
    assert [str(entry.key) for entry in difference.added] == ["(0021,xx03)"]
    assert [str(entry.key) for entry in difference.removed] == ["(0019,xx03)"]
    (change,) = difference.changed
    assert change.fields == {"vr": ("US", "SS"), "vm": ("1", "2"), "candidates": ("US", "SS")}
    assert difference.to_json()["changed"] == [
        {
            "group": "0019", "element": "xx02", "creator": "C",
            "fields": {
                "vr": {"before": "US", "after": "SS"},
                "vm": {"before": "1", "after": "2"},
                "candidates": {"before": "US", "after": "SS"},
            },
        }
    ]  # fmt: skip


def test_a_new_condition_is_a_change_and_a_weight_is_none(compiled, say):
    plain = [say("C", "0019", "xx01", "US", weight=1)]
    heavier = [say("C", "0019", "xx01", "US", weight=5)]
    held = [*plain, say("C", "0019", "xx01", "SS", condition=Condition("GE*", "", "9*"))]
    assert compare(compiled(plain), compiled(heavier)).changed == ()
    (change,) = compare(compiled(plain), compiled(held)).changed
    assert change.fields["candidates"] == ("US", "SS GE* 9*, US")
