import stat
import threading

import pytest

from atlas_dictionary import open_layers
from atlas_node.config import load_config
from atlas_node.web.site_dictionary import SiteDictionary, SiteDictionaryError, statement_of


def statement(creator="ACME 1.0", group="0099", element="xx01", vr="US", vm="1", name="Gate"):
    return statement_of(creator, group, element, vr, vm, name, "ada")


@pytest.fixture
def site(tmp_path):
    return SiteDictionary(tmp_path / "made" / "site.tsv")


def test_an_entry_is_what_the_dictionary_says_and_tells_who_made_it(site):
    assert site.add(statement()) is None

    entry = open_layers([site.path], {}).private("ACME 1.0", 0x0099, 0x1001)
    assert (entry.vr, entry.vm, entry.name) == ("US", "1", "Gate")
    assert entry.sources[0].id == "site"
    assert entry.sources[0].detail.startswith("site, by ada, 20")
    assert site.find("acme  1.0", "(0099,xx01)").provenance == entry.sources[0].detail


def test_it_wins_over_the_built_in_dictionary(site):
    site.add(statement("SIEMENS MR HEADER", "0019", "100c", "DS"))

    dictionary = open_layers([site.path], {})
    assert dictionary.private("SIEMENS MR HEADER", 0x0019, 0x100C).vr == "DS"
    assert dictionary.private("SIEMENS MR HEADER", 0x0019, 0x100A).vr == "US"


def test_an_entry_of_the_same_element_is_replaced_whatever_the_case(site):
    site.add(statement())
    site.add(statement(element="xx02", vr="DS"))

    replaced = site.add(statement(creator="acme 1.0", vr="SS"))

    assert replaced.vr == "US"
    assert [(it.key, it.vr) for it in site.entries()] == [
        ("(0099,xx02)", "DS"), ("(0099,xx01)", "SS"),
    ]  # fmt: skip


def test_an_entry_is_taken_out_again(site):
    site.add(statement())

    assert site.remove("ACME 1.0", "(0099,xx02)") is None
    assert site.remove("ACME 1.0", "(0099,xx01)").vr == "US"
    assert site.entries() == ()
    assert open_layers([site.path], {}).private("ACME 1.0", 0x0099, 0x1001) is None


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"creator": " "}, "creator: a private element is known by its private creator"),
        ({"creator": "A" * 65}, "creator: expected at most 64"),
        ({"creator": "A\x1b[31m"}, "creator: expected"),
        ({"group": "0098"}, "element: .*even group"),
        ({"group": "009x"}, "element: expected one element of an odd group"),
        ({"element": "10xx"}, "element: expected one element"),
        ({"element": "1"}, "element: element '1' is not four"),
        ({"vr": ""}, "vr: expected one VR"),
        ({"vr": "UN"}, "vr: expected one VR"),
        ({"vr": "US or SS"}, "vr: expected one VR"),
        ({"vr": "XX"}, "vr: expected one VR"),
        ({"vm": "many"}, "vm: expected a VM"),
        ({"name": "a\tb\x00"}, "name: expected"),
        ({"name": "x" * 201}, "name: expected at most 200"),
    ],
)
def test_what_cannot_be_an_entry_is_refused_with_its_field(given, message):
    with pytest.raises(ValueError, match=message):
        statement(**given)


def test_names_cannot_break_the_table(site):
    hostile = '#"quoted"\\t,;=cmd()|<script>alert(1)</script>'
    site.add(statement(creator=r"A\x41 #", name=hostile))
    site.add(statement(name="# id: other"))

    assert {it.name for it in site.entries()} == {hostile, "# id: other"}
    assert site.find(r"A\x41 #", "(0099,xx01)").name == hostile


def test_a_file_that_cannot_be_read_is_left_alone(site):
    site.path.parent.mkdir()
    site.path.write_text("not a table\n")

    with pytest.raises(SiteDictionaryError, match=r"line 1.*mend it by hand"):
        site.add(statement())

    assert site.path.read_text() == "not a table\n"
    assert [it.name for it in site.path.parent.iterdir()] == ["site.tsv"]


def test_a_folder_that_cannot_be_used_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    site = SiteDictionary(tmp_path / "file" / "site.tsv")

    with pytest.raises(SiteDictionaryError, match=r"dictionary\.site another place"):
        site.add(statement())


def test_entries_made_at_once_are_all_kept(site):
    def add(number):
        SiteDictionary(site.path).add(statement(element=f"xx{number:02x}"))

    threads = [threading.Thread(target=add, args=(number,)) for number in range(1, 13)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(site.entries()) == 12
    assert stat.S_ISREG(site.path.stat().st_mode)


def test_the_file_is_beside_the_spool_or_where_the_configuration_says(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("spool: {path: data/spool}\n")
    config = load_config(path, {})
    assert config.site_dictionary == tmp_path / "data" / "site.tsv"
    assert config.dictionaries == ()

    path.write_text("dictionary: {paths: [a.tsv], site: mine.tsv}\n")
    config = load_config(path, {"ATLAS_DICTPATH": "/b.dic"})
    SiteDictionary(config.site_dictionary).add(statement())
    assert [it.name for it in config.dictionaries] == ["a.tsv", "b.dic", "mine.tsv"]
