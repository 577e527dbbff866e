"""What a layout hands on: the texts of one row, and why a row could not be read."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from atlas_scraper.columns import Role
from atlas_scraper.representation import VM_PATTERN, VR_PATTERN, split_vr_vm, vr_vm_in_note
from atlas_scraper.tags import Tag

_VR_FIRST = re.compile(rf"(?P<vr>{VR_PATTERN})\s+(?P<vm>{VM_PATTERN})\s+(?P<name>[^\W\d].*)")
_NESTING = re.compile(r"^[>\u203a\u00bb\s]+")


@dataclass(frozen=True, slots=True)
class Fields:
    """The texts of one row; an empty one was not in the document.

    Parameters
    ----------
    tag : Tag
        The tag, public or private.
    name, creator, vr, vm, value, description : str
        The cells, VR and VM also where a note gives them.
    usage : str
        A cell that says how the element is used, where a creator row may name its creator.
    depth : int
        Nesting in sequences: the number of > before the name.
    headed : bool
        A heading said which cell is what.
    """

    tag: Tag
    name: str = ""
    creator: str = ""
    vr: str = ""
    vm: str = ""
    value: str = ""
    description: str = ""
    usage: str = ""
    depth: int = 0
    headed: bool = True


def vr_before_name(cells: Mapping[Role, str]) -> Mapping[Role, str]:
    """Divide a cell "FD 1 b factor", of columns that no gap divides, where none holds a VR.

    A lone 1, 2 or 3 may be the type of PS3.5 7.4 as well as the VM, and is left out.
    """
    found = _VR_FIRST.fullmatch(cells.get(Role.NAME, "")) if Role.VR not in cells else None
    if found is None:
        return cells
    vm = "" if found["vm"] in {"1", "2", "3"} else found["vm"]
    return {**cells, Role.VR: found["vr"], Role.VM: vm, Role.NAME: found["name"]}


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A row that looks like a private element and cannot be read, and the reason."""

    reason: str


def fields(tag: Tag, cells: Mapping[Role, str], *, headed: bool = True) -> Fields:
    """Gather the cells of a row around its tag."""
    name = cells.get(Role.NAME, "").strip()
    nesting = _NESTING.match(name)
    vr, vm = cells.get(Role.VR, "").strip(), cells.get(Role.VM, "").strip()
    both = split_vr_vm(vr)
    if both[0]:
        vr, vm = both[0], vm or both[1]
    texts = {}
    for role in (Role.DESCRIPTION, Role.VALUE, Role.TYPE, Role.OTHER):
        noted = vr_vm_in_note(cells.get(role, "").strip())
        texts[role] = noted.rest
        vr, vm = vr or noted.vr, vm or noted.vm
    return Fields(
        tag=tag,
        name=name[nesting.end() :] if nesting else name,
        creator=cells.get(Role.CREATOR, "").strip(),
        vr=vr,
        vm=vm,
        value=texts[Role.VALUE],
        description=texts[Role.DESCRIPTION],
        usage=texts[Role.OTHER] or texts[Role.TYPE],
        depth=len(re.sub(r"\s", "", nesting[0])) if nesting else 0,
        headed=headed,
    )
