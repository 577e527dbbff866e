import re

import pytest

from atlas_dictionary import open_dictionary
from atlas_node.web.dictionary import PAGE_SIZE, entry_address
from atlas_node.web.entry_search import EntrySearch

MOSAIC = "/dictionary/SIEMENS%20MR%20HEADER/0019/xx0a"


@pytest.fixture(scope="module")
def search():
    dictionary = open_dictionary()
    return EntrySearch(lambda: dictionary)


@pytest.fixture
def viewer(store, browse, search, monkeypatch):
    # One for all tests: to make it ready takes a second.
    monkeypatch.setattr("atlas_node.web.dictionary.EntrySearch", lambda _dictionary: search)
    return browse(store)


def test_the_page_says_what_the_dictionary_is_made_of(viewer):
    page = viewer.get("/dictionary").text
    for text in ("17,659", "BSD-3-Clause", "https://github.com/pydicom/pydicom", "dicom3tools"):
        assert text in page


def test_a_search_lists_entries_with_their_addresses(viewer):
    page = viewer.get("/dictionary", params={"q": "images mosaic"}).text
    assert f'href="{MOSAIC}"' in page
    assert "Number of Images in Mosaic" in page


def test_typing_gets_the_results_alone_and_the_address_of_the_page(viewer):
    answer = viewer.get("/dictionary/results", params={"q": "b-value", "vr": "", "group": "0018"})
    assert answer.headers["hx-replace-url"] == "/dictionary?q=b-value&group=0018"
    assert "<html" not in answer.text
    assert 'id="results"' in answer.text


def test_what_fits_nothing_says_what_to_do(viewer):
    page = viewer.get("/dictionary", params={"q": "xyzzy"}).text
    assert "No entry fits" in page
    assert 'href="/coverage"' in page


def test_long_results_come_in_pages(viewer):
    first = viewer.get("/api/dictionary", params={"vr": "DS"}).json()
    assert len(first["entries"]) == PAGE_SIZE
    last = viewer.get("/api/dictionary", params={"vr": "DS", "page": first["last_page"]}).json()
    assert len(last["entries"]) == first["found"] - (first["last_page"] - 1) * PAGE_SIZE
    beyond = viewer.get("/api/dictionary", params={"vr": "DS", "page": 999}).json()
    assert beyond == last
    page = viewer.get("/dictionary", params={"vr": "DS", "page": 2}).text
    assert "vr=DS&amp;page=3" in page


@pytest.mark.parametrize(("name", "value"), [("group", "19"), ("page", "0"), ("only", "nice")])
def test_what_cannot_be_asked_is_refused(viewer, name, value):
    for path in ("/dictionary", "/api/dictionary"):
        answer = viewer.get(path, params={name: value})
        assert answer.status_code == 400
        assert name in answer.text


def test_an_entry_has_its_sources_with_licence_and_place(viewer):
    entry = viewer.get(f"/api{MOSAIC}").json()
    assert (entry["vr"], entry["vm"], entry["creator"]) == ("US", "1", "SIEMENS MR HEADER")
    sources = {it["id"]: it for it in entry["sources"]}
    assert sources["pydicom"]["licence"] == "MIT"
    assert sources["dicom3tools"]["stated"] == "US"
    assert any("written by the vendor" in it for it in sources["observed"]["evidence"])
    page = viewer.get(MOSAIC).text
    assert "Number of Images in Mosaic" in page
    assert "MR_VE11C" in page


def test_a_conformance_statement_is_given_with_its_page(viewer):
    page = viewer.get("/dictionary/GEMS_PARM_01/0043/xx10").text
    assert "ge_signa_r3.pdf p. 74" in page


def test_an_entry_on_which_sources_disagree_says_who_says_what(viewer):
    entry = viewer.get("/api/dictionary/GEMS_PARM_01/0043/xx80").json()
    assert entry["disagreement"] == "which VR the value has"
    assert {it["vr"] for it in entry["candidates"]} == {"DS", "LO"}
    conditions = [it["condition"] for it in entry["candidates"] if "condition" in it]
    assert {"manufacturer": "GE MEDICAL SYSTEMS*", "software": "*DV28.0*"} in conditions
    page = viewer.get("/dictionary/GEMS_PARM_01/0043/xx80").text
    assert "No single VR" in page
    assert "*DV28.0*" in page


def test_an_entry_says_where_the_log_has_it(viewer):
    entry = viewer.get(f"/api{MOSAIC}").json()
    assert entry["log"]["by_status"] == {"decoded": 1}
    [latest] = entry["log"]["latest"]
    assert (latest["object_id"], latest["value"]) == ("o1", [36])
    page = viewer.get(MOSAIC).text
    assert 'href="/objects/o1"' in page
    assert "/explore?creator=SIEMENS+MR+HEADER&amp;element=%280019%2Cxx0a%29" in page


def test_an_entry_leads_to_the_rest_of_its_block(viewer):
    entry = viewer.get(f"/api{MOSAIC}").json()
    neighbours = {it["element"]: it["name"] for it in entry["neighbours"]}
    assert neighbours["xx0c"] == "B Value"
    assert "xx0a" not in neighbours
    for it in entry["neighbours"][:5]:
        assert viewer.get(it["address"]).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/dictionary/siemens%20mr%20header/0019/100A", "/dictionary/SIEMENS%20MR%20HEADER/0019/xx0A"],
)
def test_an_entry_is_found_as_an_object_writes_it(viewer, path):
    assert viewer.get(f"/api{path}").json()["address"] == MOSAIC


def test_a_standard_element_has_a_page(viewer):
    entry = viewer.get("/api/dictionary/-/0010/0020").json()
    assert (entry["creator"], entry["keyword"], entry["neighbours"]) == (None, "PatientID", [])
    assert "an element of the DICOM standard" in viewer.get("/dictionary/-/0010/0020").text


def test_a_creator_with_every_sign_has_an_address(viewer):
    odd = [
        it["address"]
        for it in viewer.get("/api/dictionary", params={"q": "1.2.392"}).json()["entries"]
    ]
    odd += [entry_address(it, "0029", "xx10") for it in ("A/B", "ÄÖ", "a?b#c%", "..", "")]
    for address in odd[:5]:
        assert viewer.get(address).status_code == 200
    for address in odd[-5:]:
        assert viewer.get(address).status_code in (200, 404)


@pytest.mark.parametrize(
    "path", ["/X/0019/xx0a", "/-/0019/100a", "/SIEMENS%20MR%20HEADER/zzzz/xx0a", "/X/0019/10000a"]
)
def test_what_has_no_entry_is_said(viewer, path):
    answer = viewer.get(f"/dictionary{path}")
    assert answer.status_code == 404
    assert "The dictionary has no" in answer.text
    assert "error" in viewer.get(f"/api/dictionary{path}").json()


def test_a_hostile_question_is_escaped(viewer):
    text = '"><script>alert(1)</script>\x1b[31m'
    page = viewer.get("/dictionary", params={"q": text, "creator": text}).text
    assert "<script>alert" not in page
    assert "\x1b" not in page
    assert not re.search(r"value=\"[^\"]*<", page)


def test_a_dictionary_that_cannot_be_used_is_said(store, browse, make_config, tmp_path):
    config = make_config()
    (tmp_path / "broken.adict").write_bytes(b"no dictionary")
    paths = (tmp_path / "broken.adict",)
    config = config.model_copy(
        update={"dictionary": config.dictionary.model_copy(update={"paths": paths})}
    )
    answer = browse(store, config).get("/dictionary")
    assert answer.status_code == 503
    assert "broken.adict" in answer.text
