import pytest

from atlas_node.web.site import whole_number


@pytest.mark.parametrize(
    ("text", "number"), [("1", 1), (" 7 ", 7), ("007", 7), ("50", 50), ("", 9)]
)
def test_a_number_of_an_address_is_read(text, number):
    assert whole_number({"limit": text}, "limit", 9, 50) == number


@pytest.mark.parametrize(
    "text",
    [
        "0", "51", "-1", "+1", "1.5", "x", "\u0663", "0" * 19 + "51", "0" * 20 + "1",
        "0" * 19 + "1" * 5000, "9" * 5000,
    ],
)  # fmt: skip
def test_what_is_beyond_the_limit_however_it_is_written_is_refused(text):
    with pytest.raises(ValueError, match="limit: expected a whole number from 1 to 50"):
        whole_number({"limit": text}, "limit", 9, 50)
