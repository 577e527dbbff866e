import html
import re

import pytest

from tests.unit.web.conftest import element


@pytest.fixture
def client(empty_store, browse, make_object):
    """Two series of five objects each from two scanners, and one object of a third."""
    for series, maker in enumerate(("SIEMENS", "GE"), 1):
        empty_store.record([
            make_object(
                f"s{series}{number}",
                [
                    element("(0019,100c)", key="(0019,xx0c)", vr="IS", name="B Value [s/mm2]",
                            value=[series * 100 * number]),
                    element("(0019,100b)", key="(0019,xx0b)", vr="FL", name="Slice",
                            value=[10.5 - number]),
                    element("(0019,100d)", key="(0019,xx0d)", vr="CS", name="Directionality",
                            value=["NONE" if number % 2 else "DIRECTIONAL", "M"]),
                ],
                manufacturer=maker, model="", series_instance_uid=f"1.9.{series}",
            )
            for number in range(5)
        ])  # fmt: skip
    empty_store.record([make_object("o9")])
    return browse(empty_store)


def links(page: str) -> list[str]:
    return [html.unescape(href) for href in re.findall(r'href="([^"]+)"', page)]


def test_an_empty_log_says_what_to_do_next(empty_store, browse):
    client = browse(empty_store)

    for address in ("/explore", "/explore/compare"):
        assert "The live page" in client.get(address).text
    assert client.get("/api/explore").json()["log_empty"] is True


def test_conditions_are_links_that_are_added_and_taken_out(client):
    page = client.get("/explore?manufacturer=GE").text

    assert "/explore?manufacturer=GE&vr=IS" in links(page)
    assert "/explore" in links(page)
    assert "/explore?manufacturer=SIEMENS" in links(page), "another value can take its place"
    assert 'aria-current="true"' in page
    found = client.get("/api/explore?manufacturer=GE&vr=IS").json()
    assert (found["objects"], found["elements"]) == (5, 5)
    assert found["rows"][0]["name"] == "B Value [s/mm2]"


def test_an_empty_value_is_a_condition_too(client):
    found = client.get("/api/explore?model=").json()

    assert found["selection"] == {"model": ""}
    assert found["objects"] == 11
    assert "not given" in client.get("/explore?model=").text


def test_the_form_leaves_an_empty_time_out_of_the_address(client):
    answer = client.get("/explore?model=&since=")

    assert (answer.status_code, answer.headers["location"]) == (303, "/explore?model=")


@pytest.mark.parametrize(
    "address",
    ["/explore?status=odd", "/explore?group=x", "/explore?limit=0", "/explore/values",
     "/explore/values?element=(0019,xx)", "/explore/compare?show=odd", "/coverage?status=decoded",
     "/coverage/entry?creator=A&element=zz", "/coverage/entry?element=(0019,xx01)"],
)  # fmt: skip
def test_what_cannot_be_understood_is_said(client, address):
    answer = client.get(address)

    assert answer.status_code == 400
    assert "Not understood" in answer.text


def test_one_element_is_plotted_over_time_and_links_to_its_series(client):
    page = client.get("/explore/values?creator=SIEMENS+MR+HEADER&element=0019,xx0c").text

    assert page.count("<circle") == 2
    assert "in s/mm2" in page
    assert any("series=1.9.1" in link for link in links(page))


def test_a_series_is_plotted_object_by_object(client):
    address = "/explore/values?creator=SIEMENS+MR+HEADER&element=(0019,xx0c)&series=1.9.2"
    page = client.get(address).text
    found = client.get(f"/api{address}").json()

    assert [(it["number"], it["value"]) for it in found["points"]] == [
        (number + 1, [200 * number]) for number in range(5)
    ]
    assert page.count("<circle") == 5
    assert "<polyline" in page
    assert "/objects/s24" in links(page)
    assert "400 · (0019,100c) IS" in page


def test_a_series_is_plotted_by_another_element(client):
    address = "/explore/values?creator=SIEMENS+MR+HEADER&element=(0019,xx0c)&series=1.9.2"
    by = "&by=(0019,xx0b)+SIEMENS+MR+HEADER"

    found = client.get(f"/api{address}{by}").json()
    assert [it["by"] for it in found["points"]] == [10.5, 9.5, 8.5, 7.5, 6.5]
    page = client.get(f"{address}{by}").text
    assert "<polyline" not in page
    assert ">Slice</text>" in page


def test_text_is_plotted_as_categories_and_each_value_has_its_colour(client):
    page = client.get(
        "/explore/values?creator=SIEMENS+MR+HEADER&element=(0019,xx0d)&series=1.9.1"
    ).text

    for label in ("DIRECTIONAL", "NONE", "M"):
        assert f">{label}</text>" in page
    assert page.count('class="mark s2"') == 5


def test_a_series_that_is_not_there_is_said(client):
    page = client.get("/explore/values?creator=X&element=(0019,xx0c)&series=7.7").text

    assert "The log has no series 7.7" in page


def test_an_element_without_values_says_why(store, browse, make_config):
    settings = make_config(log=", values: none")
    address = "/explore/values?creator=SIEMENS+CSA+HEADER&element=(0029,xx10)"

    assert "a sequence or an empty element has none" in browse(store).get(address).text
    assert "log.values: none" in browse(store, settings).get(address).text


def test_two_series_are_compared(client):
    page = client.get("/explore/compare?a=1.9.1&b=1.9.2").text
    found = client.get("/api/explore/compare?a=1.9.1&b=1.9.2&show=all").json()

    assert found["counts"] == {"differs": 0, "varies": 1, "only_a": 0, "only_b": 0, "equal": 2}
    assert "No element differs but for those that vary" in page
    varying = client.get("/explore/compare?a=1.9.1&b=1.9.2&show=varies").text
    assert "0 … 400" in varying
    assert "5 values in 5 objects" in varying


def test_series_to_compare_are_chosen_from_a_list(client):
    page = client.get("/explore/compare?a=1.9.1&b=8.8").text

    assert "B: the log has no series 8.8" in page
    assert "/explore/compare?a=1.9.1&b=1.9.2" in links(page)


def test_hostile_values_stay_text(empty_store, browse, make_object):
    text = '"><script>alert(1)</script>\x1b[31m\u202e' + "x" * 300
    empty_store.record([make_object(text=text, series_instance_uid="1.2")])
    client = browse(empty_store)
    found = client.get("/api/explore").json()
    row = found["rows"][0]
    for address in (
        "/explore", "/explore/compare?a=1.2&b=1.2&show=all", "/coverage",
        str(client.base_url.join("/explore/values").copy_merge_params(
            {"creator": row["creator"], "element": row["key"], "series": "1.2"})),
        str(client.base_url.join("/explore").copy_merge_params(
            {"creator": row["creator"], "name": row["name"], "manufacturer": text})),
    ):  # fmt: skip
        answer = client.get(address)
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text
        assert "\x1b" not in answer.text
        assert "\u202e" not in answer.text
