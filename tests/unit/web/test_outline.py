from atlas_node.web.outline import outline


def lines(*paths_and_creators):
    elements = [{"path": path, "creator": creator} for path, creator in paths_and_creators]
    return [(line.kind, line.depth, line.title, line.group) for line in outline(elements)]


def test_a_block_is_named_once():
    assert lines(("(0019,100a)", "A"), ("(0019,100b)", "A"), ("(0019,110a)", "B")) == [
        ("block", 0, "A", "0019"),
        ("element", 0, "(0019,100a)", ""),
        ("element", 0, "(0019,100b)", ""),
        ("block", 0, "B", "0019"),
        ("element", 0, "(0019,110a)", ""),
    ]


def test_items_are_named_before_their_elements_even_below_public_sequences():
    assert lines(("(5200,9230)[1].(2005,140f)[0].(2005,1013)", "P")) == [
        ("item", 0, "(5200,9230)[1]", ""),
        ("item", 1, "(5200,9230)[1].(2005,140f)[0]", ""),
        ("block", 2, "P", "2005"),
        ("element", 2, "(2005,1013)", ""),
    ]


def test_a_block_goes_on_after_a_sequence_in_it():
    found = lines(("(0029,1010)", "A"), ("(0029,1010)[0].(0029,1011)", "A"), ("(0029,1012)", "A"))

    assert [(kind, depth) for kind, depth, _, _ in found] == [
        ("block", 0), ("element", 0), ("item", 0), ("block", 1), ("element", 1), ("element", 0),
    ]  # fmt: skip


def test_the_depth_ends_where_the_style_sheet_does():
    path = ".".join(["(0029,1010)[0]"] * 40) + ".(0029,1010)"

    assert max(depth for _, depth, _, _ in lines((path, "A"))) == 6
