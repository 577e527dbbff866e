from itertools import permutations

import pytest

from atlas_scraper.columns import Role, columns_by_content, columns_of_heading, columns_of_line


@pytest.mark.parametrize("order", list(permutations(["Attribute Name", "Tag", "VR", "VM"])))
def test_columns_in_any_order(order):
    columns = columns_of_heading(order, (0, 1, 2, 3))
    assert columns is not None
    row = columns.at([f"cell of {title}" for title in order])
    assert row[Role.TAG] == "cell of Tag"
    assert row[Role.NAME] == "cell of Attribute Name"
    assert row[Role.VR] == "cell of VR"


@pytest.mark.parametrize(
    ("titles", "roles"),
    [
        (["Nom de l'attribut", "Étiquette", "VR", "Remarques"], "name tag vr description"),
        (["Bezeichnung", "Gruppe", "Element", "VR"], "name group element vr"),
        (["属性名", "タグ", "VR", "VM", "備考"], "name tag vr vm description"),
        (["Tag", "Private Owner Code", "Name", "VR", "VM"], "tag creator name vr vm"),
        (["Description", "Type", "Tag", "Value"], "name type tag value"),
        (["Description", "Type", "Tag", "Usage"], "name type tag other"),
        (["Group, Element", "Element Name", "Description"], "tag name description"),
    ],
)
def test_titles_in_the_words_and_languages_of_the_field(titles, roles):
    columns = columns_of_heading(titles, tuple(range(len(titles))))
    assert columns is not None
    assert " ".join(columns.roles) == roles


@pytest.mark.parametrize("titles", [["Name", "UID"], ["Tag", "Colour"], ["Group", "Name"], []])
def test_rows_that_are_no_heading(titles):
    assert columns_of_heading(titles, tuple(range(len(titles)))) is None


def test_titles_that_no_gap_divides():
    columns = columns_of_line([(";Grp Elm VR VM Type Definition", 72.0)])
    assert columns is not None
    assert " ".join(columns.roles) == "group element vr vm type name"


def test_a_sentence_is_no_heading():
    assert columns_of_line([("The tag and the VR of the attribute are listed", 72.0)]) is None


def test_cells_without_a_heading_name_only_what_they_prove():
    rows = [["Gain", "(0019,100A)", "DS", "1-n"], ["Mode", "(0019,100B)", "SS", "1"]]
    columns = columns_by_content(rows, (0, 1, 2, 3))
    assert columns is not None
    assert " ".join(columns.roles) == "name tag vr vm"


def test_a_column_of_ones_and_threes_may_be_types():
    rows = [["Gain", "(0019,100A)", "DS", "1"], ["Mode", "(0019,100B)", "SS", "3"]]
    columns = columns_by_content(rows, (0, 1, 2, 3))
    assert columns is not None
    assert Role.VM not in columns.roles
