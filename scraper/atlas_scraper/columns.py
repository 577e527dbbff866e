"""Which column of a table holds what: read from its heading, in any order and language.

`scrape` asks for the columns of a ruled table or of a heading line; a table without a heading is
judged by its cells (`columns_by_content`), which names only what cells can prove. The title in
the document decides, never the vendor.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from atlas_scraper.representation import VM_PATTERN, VRS
from atlas_scraper.tags import tag_in_cell
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
    "data element tag|group element|group, element|grp elm|tag (hex)|etiqueta|étiquette|タグ|标签",
    Role.GROUP: "group|grp|gr|group no|group number|group id|gruppe|groupe|grupo|gruppo",
    Role.ELEMENT: "element|elem|elm|ele|el|element no|element number|element id|élément|elemento",
    Role.NAME: "name|attribute|attribute name|data element|data element name|element name|"
    "attribute description|tag name|field name|attributname|attribut|bezeichnung|elementname|"
    "nom|nom de l'attribut|nom de l'élément|nombre|nombre del atributo|atributo|nome|"
    "nome attributo|nome dell'attributo|属性名|名称|属性名称",
    Role.CREATOR: "creator|owner|private creator|private owner|private owner code|owner code|"
    "private creator id|private creator name|private creator identification|creator id|"
    "private creator code|owner id|private identification code|recognition code|eigentümer|"
    "propriétaire|propietario",
    Role.VR: "vr|value representation|value rep|data type|représentation|wertdarstellung|wdst",
    Role.VM: "vm|value multiplicity|multiplicity|mult|value mult|multiplizität|multiplicité",
    Role.TYPE: "type|typ|attribute type|usage|presence|presence of value|requirement|tipo|req",
    Role.VALUE: "value|values|attribute value|possible values|example|wert|valeur|valor|valore|"
    "default value|source|値",
    Role.DESCRIPTION: "description|definition|note|notes|comment|comments|remark|remarks|meaning|"
    "explanation|attribute note|beschreibung|bemerkung|bemerkungen|anmerkung|hinweis|remarque|"
    "remarques|commentaire|descripción|nota|notas|comentario|descrizione|note e commenti|"
    "説明|備考|说明|备注",
}
_ROLE_OF_TITLE = {
    compact(title): role for role, titles in _TITLES.items() for title in titles.split("|")
}
_BOTH_TITLES = frozenset({"vrvm", "vrandvm"})
# In words that no gap divides these are two titles, not one.
_TWO_TITLES = frozenset({"groupelement", "grpelm"})
_LONGEST_TITLE = 4
_MOST_TITLES = 12


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
    """

    roles: tuple[Role, ...]
    lefts: tuple[float, ...]
    headed: bool = True

    def at(self, cells: Sequence[str]) -> dict[Role, str]:
        """Give the cells of one row by role."""
        row: dict[Role, str] = {}
        for role, cell in zip(self.roles, cells, strict=False):
            row[role] = f"{row[role]} {cell}".strip() if role in row else cell
        return row

    def match(self, lefts: tuple[float, ...], tolerance: float = 12.0) -> bool:
        """Whether a table with these left edges can be this one, continued."""
        return len(lefts) == len(self.lefts) and all(
            abs(a - b) <= tolerance for a, b in zip(lefts, self.lefts, strict=True)
        )


def role_of(title: str) -> Role | None:
    """Give the role that a heading cell names, None when it names none that is known."""
    wanted = compact(title)
    if wanted in _BOTH_TITLES:
        return Role.VR
    return _ROLE_OF_TITLE.get(wanted)


def columns_of_heading(cells: Sequence[str], lefts: tuple[float, ...]) -> Columns | None:
    """Read a heading row; None when it is not one (no tag, or nothing beside the tag)."""
    roles = [role_of(cell) or Role.OTHER for cell in cells]
    return Columns(tuple(_settled(roles)), lefts) if _is_heading(roles) else None


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
    roles = [_role_of_cells([row[i] for row in rows if i < len(row)]) for i in range(width)]
    if roles.count(Role.TAG) != 1 or roles.count(Role.VR) > 1:
        return None
    free = [i for i, role in enumerate(roles) if role is Role.OTHER and _is_text(rows, i)]
    if free:
        roles[free[0]] = Role.NAME
    return Columns(tuple(roles), lefts, headed=False)


def with_vr_by_content(columns: Columns, rows: Sequence[Sequence[str]]) -> Columns:
    """Take a column under a title of no known meaning for the VR when its cells are VRs alone.

    "Type" and "Format" are such titles. Two cells at least must show it.
    """
    if Role.VR in columns.roles:
        return columns
    for index, role in enumerate(columns.roles):
        filled = [row[index].strip() for row in rows if index < len(row) and row[index].strip()]
        if role in (Role.TYPE, Role.OTHER) and len(filled) > 1 and set(filled) <= VRS:
            roles = (*columns.roles[:index], Role.VR, *columns.roles[index + 1 :])
            return replace(columns, roles=roles)
    return columns


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


def _settled(roles: list[Role]) -> list[Role]:
    """Resolve the titles that mean one thing beside some columns and another beside others."""
    if Role.GROUP in roles and Role.ELEMENT not in roles and Role.TAG in roles:
        roles[roles.index(Role.GROUP)] = Role.OTHER
    if Role.ELEMENT in roles and Role.TAG in roles and Role.GROUP not in roles:
        at = roles.index(Role.ELEMENT)
        roles[at] = Role.OTHER if Role.NAME in roles else Role.NAME
    if Role.NAME not in roles and Role.DESCRIPTION in roles:
        roles[roles.index(Role.DESCRIPTION)] = Role.NAME
    return [Role.OTHER if role in roles[:at] else role for at, role in enumerate(roles)]


def _role_of_cells(cells: list[str]) -> Role:
    filled = [cell.strip() for cell in cells if cell.strip()]
    if not filled:
        return Role.OTHER
    if sum(tag_in_cell(cell) is not None for cell in filled) >= 0.6 * len(filled):
        return Role.TAG
    if all(cell in VRS for cell in filled):
        return Role.VR
    if all(re.fullmatch(VM_PATTERN, cell) for cell in filled) and not set(filled) <= set("123"):
        return Role.VM
    return Role.OTHER


def _is_text(rows: Sequence[Sequence[str]], index: int) -> bool:
    letters = sum(any(c.isalpha() for c in row[index]) for row in rows if index < len(row))
    return letters >= 0.6 * len(rows)
