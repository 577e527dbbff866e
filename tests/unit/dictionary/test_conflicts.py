"""What sources disagree on."""

from __future__ import annotations

from atlas_dictionary.conflicts import conflicts


def test_conflicts_by_kind_with_who_says_what(compiled, say):
    dictionary = compiled(
        [
            say("C", "0019", "xx01", "US"),
            say("C", "0019", "xx02", "LO"),
            say("C", "0019", "xx03", "LO"),
            say("C", "0019", "xx04", "SQ"),
            say("C", "0019", "xx05", "US or SS"),
        ],
        [
            say("C", "0019", "xx01", "US"),
            say("C", "0019", "xx02", "SH"),
            say("C", "0019", "xx03", "US"),
            say("C", "0019", "xx04", "LO"),
            say("C", "0019", "xx05", "SS"),
        ],
    )
    found = list(conflicts(dictionary))
    assert [(str(c.entry.key), c.kind) for c in found] == [
        ("(0019,xx02)", "same kind"),
        ("(0019,xx03)", "text against binary"),
        ("(0019,xx04)", "sequence against other"),
    ]
    record = found[0].to_json()
    assert record["stated"] == {"LO": ["a"], "SH": ["b"]}
    assert record["creator"] == "C"
    assert record["candidates"] == [{"vr": "LO", "weight": 1}, {"vr": "SH", "weight": 1}]
