"""Which column of a table holds what: read from its heading, in any order and language.

`scrape` asks for the columns of a table. Titles say what a column holds where they are known, in
the words of several languages; what the cells themselves prove, a tag or a VR, outweighs a title
that is not. A table without a heading is judged by its cells alone. The document decides, never
the vendor.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from atlas_scraper.creator_names import is_creator
from atlas_scraper.grids import Grid
from atlas_scraper.representation import VM_PATTERN, read_vr
from atlas_scraper.tags import find_tags, is_certain_tag, is_element, tag_in_cell
from atlas_scraper.text import compact


class Role(StrEnum):
    """What a column holds."""

    TAG = "tag"
    GROUP = "group"
    ELEMENT = "element"
    NAME = "name"
    CREATOR = "creator"
    VR = "vr"
    VM = "vm"
    TYPE = "type"
    VALUE = "value"
    DESCRIPTION = "description"
    OTHER = "other"


_TITLES: dict[Role, str] = {
    Role.TAG: "tag|tags|tag no|tag number|tag id|attribute tag|dicom tag|element tag|private tag|"
    "data element tag|group element|group, element|grp elm|tag (hex)|tag #|attribute id|"
    "etiqueta|étiquette|balise|タグ|标签|データ要素タグ|tag-nr|tagnummer",
    Role.GROUP: "group|grp|gr|group no|group number|group id|gruppe|groupe|grupo|gruppo|グループ|"
    "グループ番号|组号|gruppennummer|group #|group hex",
    Role.ELEMENT: "element|elem|elm|ele|el|element no|element number|element id|élément|elemento|"
    "エレメント|要素番号|エレメント番号|元素号|elementnummer|element #|element offset|offset|elt",
    Role.NAME: "name|attribute|attribute name|data element|data element name|element name|"
    "attribute description|tag name|field name|dicom attribute|private attribute|keyword|"
    "attributname|attribut|bezeichnung|elementname|merkmal|"
    "nom|nom de l'attribut|nom de l'élément|nombre|nombre del atributo|atributo|nome|"
    "nome attributo|nome dell'attributo|nome do atributo|属性名|名称|属性名称|要素名|項目名",
    Role.CREATOR: "creator|owner|private creator|private owner|private owner code|owner code|"
    "private creator id|private creator name|private creator identification|creator id|"
    "private creator code|owner id|private identification code|recognition code|eigentümer|"
    "private identification|private group|private block|owner name|besitzer|ersteller|"
    "propriétaire|créateur|créateur privé|propietario|creador|creador privado|proprietario|"
    "creatore|privater ersteller|privater eigentümer|creatore privato|proprietario privato|"
    "プライベートクリエータ|作成者|私有创建者",
    Role.VR: "vr|value representation|value rep|data type|représentation|wertdarstellung|wdst|"
    "datentyp|type de données|tipo de dato|representación|値表現|vr type|format|repr|"
    "représentation de la valeur|representación del valor|rappresentazione",
    Role.VM: "vm|value multiplicity|multiplicity|mult|value mult|multiplizität|multiplicité|"
    "multiplicidad|molteplicità|mv|value multipl|multipl|値の数|値の多重度|cardinality|"
    "value number",
    Role.TYPE: "type|typ|attribute type|usage|presence|presence of value|requirement|tipo|req|"
    "presence of attribute|タイプ|类型|opt|mandatory|usage type",
    Role.VALUE: "value|values|attribute value|possible values|example|wert|valeur|valor|valore|"
    "default value|値|example value|sample value|contents|content|defined terms",
    Role.DESCRIPTION: "description|definition|note|notes|comment|comments|remark|remarks|meaning|"
    "explanation|attribute note|beschreibung|bemerkung|bemerkungen|anmerkung|hinweis|remarque|"
    "kommentar|kommentare|erläuterung|bedeutung|détails|explication|"
    "remarques|commentaire|commentaires|descripción|nota|notas|comentario|comentarios|"
    "descrizione|note e commenti|descrição|説明|備考|说明|备注|内容|意味",
}
_ROLE_OF_TITLE = {
    compact(title): role for role, titles in _TITLES.items() for title in titles.split("|")
}
# Words that say what a title means that is not known as a whole, the telling ones first.
_TELLING: tuple[tuple[frozenset[str], Role], ...] = (
    (frozenset({"creator", "owner"}), Role.CREATOR),
    (frozenset({"name", "names"}), Role.NAME),
    (frozenset({"vr", "representation"}), Role.VR),
    (frozenset({"vm", "multiplicity"}), Role.VM),
    (frozenset({"tag", "tags"}), Role.TAG),
    (frozenset({"presence", "type", "usage"}), Role.TYPE),
    (frozenset({"description", "comment", "comments", "note", "notes"}), Role.DESCRIPTION),
    (frozenset({"definition", "remark", "remarks", "meaning"}), Role.DESCRIPTION),
    (frozenset({"value", "values"}), Role.VALUE),
)
_BOTH_TITLES = frozenset({"vrvm", "vrandvm", "vrmult", "vrvmtype"})
# In words that no gap divides these are two titles, not one.
_TWO_TITLES = frozenset({"groupelement", "grpelm"})
_TITLE_LIKE = re.compile(r"[^\W\d_a-z][^\d=:;]*")
_LONGEST_TITLE = 4
_MOST_WORDS = 6
_MOST_TITLES = 14
# Shares of a column's filled cells that make it one of tags, or of VRs against its title.
_TAGS, _VRS = 0.6, 0.8
_LONGEST_CELL = 90
_SAME_COLUMN = 12.0


@dataclass(frozen=True, slots=True)
class Columns:
    """The roles of a table's columns, from left to right.

    Parameters
    ----------
    roles : tuple of Role
        One for each column.
    lefts : tuple of float
        Left edge of each column in points, to know the same table on the next page.
    headed : bool
        The roles come from a heading; otherwise from the cells.
    rights : tuple of float
        Right edge of each column of a table of texts.
    """

    roles: tuple[Role, ...]
    lefts: tuple[float, ...]
    headed: bool = True
    rights: tuple[float, ...] = ()

    @property
    def place_of_tags(self) -> tuple[float, float] | None:
        """The edges of the column of tags, or of those of groups and elements."""
        tags = [i for i, r in enumerate(self.roles) if r in (Role.TAG, Role.GROUP, Role.ELEMENT)]
        if not tags or not self.rights:
            return None
        return self.lefts[tags[0]], self.rights[tags[-1]]

    def at(self, cells: Sequence[str]) -> dict[Role, str]:
        """Give the cells of one row by role."""
        row: dict[Role, str] = {}
        for role, cell in zip(self.roles, cells, strict=False):
            row[role] = f"{row[role]} {cell}".strip() if role in row else cell
        return row

    def match(self, grid: Grid) -> bool:
        """Whether a table can be this one, continued: the same edges."""
        return len(grid.lefts) == len(self.lefts) and all(
            abs(a - b) <= _SAME_COLUMN for a, b in zip(grid.lefts, self.lefts, strict=True)
        )

    def over(self, grid: Grid) -> "Columns | None":
        """Give these columns for a table of texts, continued, whose own edges are a little off.

        Each column of the table takes the role of the column it stands under; None when two
        stand under one, or when its tags are not where they were.
        """
        if grid.ruled:
            return replace_lefts(self, grid.lefts) if self.match(grid) else None
        edges = [*self.lefts[1:], float("inf")]
        places = []
        for left, right in zip(grid.lefts, grid.rights, strict=True):
            under = [
                min(right, edge) - max(left, start - 4)
                for start, edge in zip(self.lefts, edges, strict=True)
            ]
            places.append(under.index(max(under)))
        if len(set(places)) < len(places):
            return None
        roles = tuple(self.roles[place] for place in places)
        found = Columns(roles, grid.lefts, self.headed, grid.rights)
        tags = _tag_column([row.texts for row in grid.rows])
        if Role.TAG in self.roles and (tags is None or found.roles[tags] is not Role.TAG):
            return None
        return found


def replace_lefts(columns: Columns, lefts: tuple[float, ...]) -> Columns:
    """Give the columns of the same table further on."""
    return Columns(columns.roles, lefts, columns.headed)


def role_of(title: str) -> Role | None:
    """Give the role that a heading cell names, None when it names none that is known."""
    for wanted in (
        title,
        re.sub(r"[(\[].*?[)\]]", " ", title),
        re.split(r"\s[-\u2013/]\s", title)[0],
    ):
        key = compact(wanted)
        if key in _BOTH_TITLES:
            return Role.VR
        if key in _ROLE_OF_TITLE:
            return _ROLE_OF_TITLE[key]
    words = re.findall(r"\w+", title.casefold())
    if not 1 <= len(words) <= _MOST_WORDS or not _TITLE_LIKE.fullmatch(title):
        return None
    for telling, role in _TELLING:
        if not telling.isdisjoint(words):
            return role
    return Role.TAG if {"group", "element"} <= set(words) else None


def is_title(text: str) -> bool:
    """Whether a text is a title that is known word by word."""
    return compact(text) in _ROLE_OF_TITLE


def count_of_titles(titles: Sequence[str]) -> int:
    """Count the different roles that texts above a table name; 0 when they are no heading."""
    roles = [role_of(title) for title in titles]
    return len({role for role in roles if role is not None})


def columns_of_heading(
    cells: Sequence[str], lefts: tuple[float, ...], rows: Sequence[Sequence[str]] = ()
) -> Columns | None:
    """Read a heading row.

    Parameters
    ----------
    cells : sequence of str
        The texts of the row.
    lefts : tuple of float
        The left edge of each column.
    rows : sequence of sequence of str
        The cells below it: they show which column holds the tags, and the VRs, where the titles
        do not say so.

    Returns
    -------
    Columns or None
        None when it is no heading: no tag, or nothing known beside it.
    """
    roles = [role_of(cell) or Role.OTHER for cell in cells]
    tags = _tag_column(rows)
    named = False
    if tags is None and not {Role.TAG, Role.ELEMENT} & set(roles):
        tags = _mixed_column(rows)
        # The name stands above the tag under its title: no other column holds names.
        named = tags is not None and tags < len(roles) and roles[tags] is Role.NAME
    if tags is not None and tags < len(roles) and Role.GROUP not in roles:
        if any(tag_in_cell(cell) for cell in cells):
            return None
        known = {role for role in roles if role is not Role.OTHER}
        roles = [
            Role.TAG if at == tags else Role.OTHER if role is Role.TAG else role
            for at, role in enumerate(roles)
        ]
        if not known:
            return None
    elif Role.ELEMENT in roles and not {Role.TAG, Role.GROUP} & set(roles):
        # The group may stand in the heading of the section.
        at = roles.index(Role.ELEMENT)
        below = [row[at] for row in rows if at < len(row) and row[at].strip()]
        if not below or not all(is_element(cell) for cell in below):
            return None
        return Columns(tuple(_with_vr(_settled(roles), rows)), lefts)
    if not _is_heading(roles):
        return None
    return Columns(tuple(_with_vr(_settled(roles, named=named), rows)), lefts)


def columns_of_line(segments: Sequence[tuple[str, float]]) -> Columns | None:
    """Read a heading line.

    Parameters
    ----------
    segments : sequence of (str, float)
        The parts of the line that gaps divide, and the left edge of each in points.
    """
    roles: list[Role] = []
    lefts: list[float] = []
    for text, left in segments:
        titles = [role] if (role := role_of(text)) else _titles_in(text.split())
        roles += titles or [Role.OTHER]
        lefts += [left] * (len(titles) or 1)
    if not _is_heading(roles) or len(roles) > _MOST_TITLES or roles.count(Role.OTHER) > 2:
        return None
    return Columns(tuple(_settled(roles)), tuple(lefts))


def columns_by_content(rows: Sequence[Sequence[str]], lefts: tuple[float, ...]) -> Columns | None:
    """Name the columns of a table without a heading by what their cells are.

    A column of 1, 2 and 3 alone may be types as well as multiplicities, and is left unnamed.
    """
    width = max((len(row) for row in rows), default=0)
    tagged = [row for row in rows if any(list(find_tags(cell)) for cell in row)]
    roles = [_role_of_cells(_column(tagged, i)) for i in range(width)]
    if Role.TAG not in roles and (mixed := _mixed_column(tagged)) is not None:
        roles[mixed] = Role.TAG
    if roles.count(Role.TAG) != 1 or roles.count(Role.VR) > 1:
        return None
    free = [i for i, role in enumerate(roles) if role is Role.OTHER and _is_text(rows, i)]
    if free:
        roles[free[0]] = Role.NAME
    return Columns(tuple(roles), lefts, headed=False)


def _column(rows: Sequence[Sequence[str]], index: int) -> list[str]:
    return [row[index].strip() for row in rows if index < len(row) and row[index].strip()]


def _tag_column(rows: Sequence[Sequence[str]]) -> int | None:
    """Give the column of tags that the cells show; None when none does, or more than one."""
    width = max((len(row) for row in rows), default=0)
    found = [i for i in range(width) if _role_of_cells(_column(rows, i)) is Role.TAG]
    return found[0] if len(found) == 1 else None


def _mixed_column(rows: Sequence[Sequence[str]]) -> int | None:
    """Give the column whose cells hold a tag beside a name; None when there is no one column."""
    width = max((len(row) for row in rows), default=0)
    found = []
    for index in range(width):
        cells = _column(rows, index)
        single = sum(
            len(list(find_tags(cell))) == 1 and len(cell) < _LONGEST_CELL for cell in cells
        )
        if cells and single >= _TAGS * len(cells):
            found.append(index)
    return found[0] if len(found) == 1 else None


def _with_vr(roles: list[Role], rows: Sequence[Sequence[str]]) -> list[Role]:
    """Take the one column whose cells are VRs for the VR where no title says so.

    "Type" and "Format" are such titles. Two cells at least must show it.
    """
    shown = [at for at, _ in enumerate(roles) if _are_vrs(_column(rows, at))]
    named = roles.index(Role.VR) if Role.VR in roles else None
    if len(shown) != 1 or named == shown[0] or roles[shown[0]] is Role.TAG:
        return roles
    if named is not None:
        cells = _column(rows, named)
        if any(read_vr(cell)[0] for cell in cells):
            return roles
        roles[named] = Role.OTHER
    roles[shown[0]] = Role.VR
    return roles


def _are_vrs(cells: Sequence[str]) -> bool:
    return len(cells) > 1 and sum(read_vr(c)[0] is not None for c in cells) >= _VRS * len(cells)


def _titles_in(words: list[str]) -> list[Role]:
    """Divide words that no gap divides into known titles; [] when any word is left over."""
    roles: list[Role] = []
    start = 0
    while start < len(words):
        for length in range(min(_LONGEST_TITLE, len(words) - start), 0, -1):
            title = compact("".join(words[start : start + length]))
            if (role := _ROLE_OF_TITLE.get(title)) and title not in _TWO_TITLES:
                roles.append(role)
                start += length
                break
        else:
            return []
    return roles


def _is_heading(roles: Sequence[Role]) -> bool:
    has_tag = Role.TAG in roles or (Role.GROUP in roles and Role.ELEMENT in roles)
    return has_tag and len(set(roles) - {Role.OTHER}) >= 2


def _settled(roles: list[Role], *, named: bool = False) -> list[Role]:
    """Resolve the titles that mean one thing beside some columns and another beside others."""
    if Role.GROUP in roles and Role.ELEMENT not in roles and Role.TAG in roles:
        roles[roles.index(Role.GROUP)] = Role.OTHER
    if Role.ELEMENT in roles and Role.TAG in roles and Role.GROUP not in roles:
        at = roles.index(Role.ELEMENT)
        roles[at] = Role.OTHER if Role.NAME in roles else Role.NAME
    if Role.NAME not in roles and Role.DESCRIPTION in roles and not named:
        roles[roles.index(Role.DESCRIPTION)] = Role.NAME
    return [Role.OTHER if role in roles[:at] else role for at, role in enumerate(roles)]


def _role_of_cells(cells: list[str]) -> Role:
    filled = [cell.strip() for cell in cells if cell.strip()]
    if not filled:
        return Role.OTHER
    if sum(_is_tag(cell) for cell in filled) >= _TAGS * len(filled):
        return Role.TAG
    if sum(read_vr(cell)[0] is not None for cell in filled) >= _VRS * len(filled):
        return Role.VR
    if all(re.fullmatch(VM_PATTERN, cell) for cell in filled) and not set(filled) <= set("123"):
        return Role.VM
    return Role.OTHER


def _is_tag(cell: str) -> bool:
    """Whether a cell is a tag, with no more than its creator below it."""
    if is_certain_tag(cell):
        return True
    found = list(find_tags(cell))
    return len(found) == 1 and found[0].start < 2 and is_creator(cell[found[0].end :].strip())


def _is_text(rows: Sequence[Sequence[str]], index: int) -> bool:
    letters = sum(any(c.isalpha() for c in row[index]) for row in rows if index < len(row))
    return letters >= 0.6 * len(rows)
