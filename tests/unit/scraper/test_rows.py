import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atlas_scraper.emit import json_line
from atlas_scraper.rows import Row, RowsError, read_rows

LINE = {
    "group": "0019", "element": "xx0a", "creator": "ACME 1.0", "vr": "US", "vm": "1",
    "name": "Gate count", "description": None, "source": "acme.pdf", "page": 7, "table": 2,
    "confidence": 0.98, "reasons": ["no heading"], "box": [1, 2, 3, 4],
}  # fmt: skip
REJECT = {
    "source": "acme.pdf", "page": 7, "table": None, "reason": "several tags in one line",
    "text": "(0009,xx01) to (0009,xx04)", "box": [1, 2, 3, 4],
}  # fmt: skip

facts = st.none() | st.text(min_size=1)
rows = st.builds(
    Row,
    source=st.text(min_size=1),
    page=st.integers(1, 9999),
    table=st.none() | st.integers(1, 99),
    box=st.none() | st.tuples(*[st.floats(-1e4, 1e4)] * 4),
    group=st.integers(0, 0x7FFF).map(lambda n: 2 * n + 1),
    offset=st.integers(0, 0xFF),
    creator=facts,
    vr=facts,
    vm=facts,
    name=facts,
    description=facts,
    confidence=st.floats(0, 1),
    reasons=st.lists(st.text()).map(tuple),
    text=st.text(),
    review=st.sampled_from([None, "accepted", "rejected"]),
)


@settings(deadline=None, max_examples=50)
@given(written=st.lists(rows))
def test_what_was_written_is_read_again(tmp_path_factory, written):
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    path.write_text("".join(json_line(row.as_dict()) + "\n" for row in written), "utf-8")
    assert list(read_rows(path)) == written


def test_a_line_of_elements_and_a_line_of_rejects(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text(f"{json.dumps(LINE)}\n\n{json.dumps(REJECT)}\n")
    element, reject = read_rows(path)
    assert (element.tag, element.creator, element.box) == ("(0019,xx0a)", "ACME 1.0", (1, 2, 3, 4))
    assert (reject.tag, reject.text) == ("", "(0009,xx01) to (0009,xx04)")
    assert reject.reasons == ("several tags in one line",)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"group": "0018"}, "no private element"),
        ({"element": "xxxx"}, "no private element"),
        ({"element": "xx0g"}, "hexadecimal"),
        ({"creator": 7}, "creator is no text"),
        ({"page": 0}, "names no source and page"),
        ({"source": None}, "names no source and page"),
        ({"confidence": 2}, "from 0 to 1"),
        ({"confidence": float("nan")}, "from 0 to 1"),
        ({"box": [1, 2, 3]}, "four numbers"),
        ({"box": [1, 2, 3, float("inf")]}, "four numbers"),
        ({"box": [1, 2, 3, 10**400]}, "too large"),
        ({"reasons": "x"}, "reasons"),
        ({"review": "perhaps"}, "review"),
        ({"group": None}, "neither an element"),
    ],
)
def test_what_is_no_row_is_refused_with_file_and_line(tmp_path, change, reason):
    path = tmp_path / "rows.jsonl"
    path.write_text(f"{json.dumps(LINE)}\n{json.dumps(LINE | change)}\n")
    with pytest.raises(RowsError, match=reason) as caught:
        list(read_rows(path))
    assert f"{path}, line 2: " in str(caught.value)


@pytest.mark.parametrize("line", [b"{", b"[]", b"\xff", b"[" * 100_000, b"\x00"])
def test_what_is_no_json_is_refused(tmp_path, line):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(line)
    with pytest.raises(RowsError, match=r"line 1: not "):
        list(read_rows(path))


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(RowsError, match=r"gone\.jsonl: cannot be read"):
        list(read_rows(tmp_path / "gone.jsonl"))
