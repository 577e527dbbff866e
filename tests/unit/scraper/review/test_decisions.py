import json

import pytest

from atlas_dictionary import open_dictionary
from atlas_dictionary.compiler import read_source
from atlas_scraper.review.decisions import Decisions, ReviewError, SaveError
from atlas_scraper.rows import Row, RowsError

BOX = (10.0, 20.0, 300.0, 32.0)
GAIN = Row("one.pdf", 3, 1, BOX, 0x19, 0x01, "ACME", "DS", "1", "Gain", None, 0.98)
CURVE = Row(
    "one.pdf", 3, 1, (10.0, 32.0, 300.0, 44.0), 0x19, 0x02, None, "OB", "1", "Curve", None, 0.5
)
TEXT = Row("one.pdf", 4, None, BOX, reasons=("several tags in one line",), text="(0019,xx03) and x")
WIDTH = Row("two.pdf", 1, 1, BOX, 0x0043, 0x1D, "GEMS_PARM_01", "FD", "1", "Level", None, 0.99)


@pytest.fixture
def output(tmp_path):
    return tmp_path / "reviewed.jsonl"


@pytest.fixture
def begin(output):
    return lambda *rows: Decisions(rows or (GAIN, CURVE, TEXT, WIDTH), output, open_dictionary())


def saved(output):
    return [json.loads(line) for line in output.read_text("utf-8").splitlines()]


def decide(decisions, *numbers, decision="accepted", **facts):
    return decisions.decide(numbers, facts, decision, keep=False)


def test_what_is_decided_is_on_disk_at_once(begin, output):
    decisions = begin()
    (item,) = decide(decisions, 0)
    assert item.row.review == "accepted"
    decide(decisions, 2, decision="rejected")
    assert [(line["page"], line["review"]) for line in saved(output)] == [
        (3, "accepted"), (4, "rejected"),
    ]  # fmt: skip
    decide(decisions, 0, decision=None)
    assert [line["review"] for line in saved(output)] == ["rejected"]


def test_the_dictionary_imports_what_was_accepted(begin, output):
    decisions = begin()
    decide(decisions, 1, creator=" ACME  2 ", vr="ow", vm="1-n")
    decide(decisions, 0, decision="rejected")
    table = read_source(output)
    (statement,) = table.statements
    assert (statement.key.creator, statement.vrs, statement.vm) == ("ACME 2", ("OW",), "1-n")
    assert statement.detail == "one.pdf p. 3, reviewed"
    assert table.faults == ()


def test_a_review_that_was_left_goes_on(begin, output):
    first = begin()
    decide(first, 0)
    decide(first, 1, creator="ACME", element="xx12")
    decide(first, 2, decision="rejected")
    again = begin()
    assert [item.row.review for item in again.items] == ["accepted", "accepted", "rejected", None]
    edited = again.items[1]
    assert (edited.row.tag, edited.read.tag) == ("(0019,xx12)", "(0019,xx02)")
    assert edited.as_dict()["found"]["element"] == "xx02"
    before = output.read_bytes()
    decide(again, 3)
    assert output.read_bytes().startswith(before)


def test_undone_is_as_it_was_read(begin):
    decisions = begin()
    decide(decisions, 1, creator="ACME", name="Other")
    (item,) = decide(decisions, 1, decision=None)
    assert item.row == CURVE
    assert not item.as_dict()["edited"]


def test_a_creator_for_many_rows_leaves_their_decisions(begin):
    decisions = begin()
    decide(decisions, 1, decision="rejected")
    changed = decisions.decide([0, 1], {"creator": "ACME 3"}, None, keep=True)
    assert [(item.row.creator, item.row.review) for item in changed] == [
        ("ACME 3", None), ("ACME 3", "rejected"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "facts", "reason"),
    [
        (1, {}, "without a private creator"),
        (2, {}, "no tag yet"),
        (2, {"creator": "ACME"}, "hexadecimal"),
        (0, {"group": "0018"}, "no private element"),
        (0, {"vr": "XX"}, "no VR of PS3.5"),
        (0, {"vr": "US or SS"}, "give one VR"),
        (0, {"vm": "many"}, "is not of the form"),
        (0, {"creator": "A\\B"}, "no backslash"),
        (0, {"creator": "A" * 65}, "64 characters"),
        (0, {"name": "A" * 1025}, "more than 1024"),
        (0, {"page": "7"}, "a row has no page"),
        (99, {}, "no such row"),
    ],
)
def test_what_cannot_be_accepted_is_refused_with_the_reason(begin, output, row, facts, reason):
    decisions = begin()
    with pytest.raises(ReviewError, match=reason):
        decide(decisions, row, **facts)
    assert not output.exists()


def test_one_bad_row_of_several_decides_none(begin, output):
    decisions = begin()
    with pytest.raises(ReviewError):
        decide(decisions, 0, 1)
    assert [item.row.review for item in decisions.items] == [None] * 4
    assert not output.exists()


def test_a_text_that_could_not_be_read_becomes_an_element_by_hand(begin, output):
    decisions = begin()
    facts = {"group": "0019", "element": "xx03", "creator": "ACME", "vr": "IS", "name": "Count"}
    (item,) = decide(decisions, 2, **facts)
    assert item.row.tag == "(0019,xx03)"
    assert len(read_source(output).statements) == 1
    assert begin().items[2].row.review == "accepted"


def test_another_program_at_the_file_is_noticed(begin, output):
    decisions, other = begin(), begin()
    decide(other, 0)
    with pytest.raises(SaveError, match="changed by another program"):
        decide(decisions, 3)
    assert decisions.items[3].row.review is None
    assert len(saved(output)) == 1


def test_rows_of_another_run_stay_in_the_file(begin, output):
    decide(begin(WIDTH), 0)
    decide(begin(GAIN), 0)
    assert [line["source"] for line in saved(output)] == ["two.pdf", "one.pdf"]


def test_a_file_that_is_no_review_is_not_overwritten(begin, output):
    output.write_text(json.dumps(GAIN.as_dict()) + "\n")
    with pytest.raises(RowsError, match="not the file of a review"):
        begin()


def test_doubtful_are_unsure_rows_and_those_that_the_dictionary_contradicts(begin):
    gain, curve, text, width = begin().items
    assert (gain.doubtful, curve.doubtful, text.doubtful) == (False, True, True)
    assert width.comparison.standing == "disagreeing" and width.doubtful


def test_creators_that_may_be_meant(begin):
    row = Row("one.pdf", 3, group=0x0043, offset=0x1D, vr="SS", name="Level", confidence=0.5)
    decisions = begin(row, GAIN)
    creators = decisions.creators(decisions.items[1])
    assert "ACME" in creators  # of the document
    assert "GEMS_PARM_01" in decisions.creators(next(i for i in decisions.items if i.read == row))
