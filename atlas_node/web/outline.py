"""The private elements of an object as the lines of an outline: items, blocks, elements.

`object` builds it from the same data that the API returns, for the table of its page.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

DEEPEST = 6  # indentations that the style sheet has


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the outline.

    Attributes
    ----------
    kind : "item", "block" or "element"
        The item of a sequence, a private block (group and creator), or an element.
    depth : int
        0 to `DEEPEST`: in how many sequences it stands.
    inside : str
        Path of the item that it stands in; empty at the top. A script folds by it.
    title : str
        Of an item its path, of a block its creator, of an element its tag.
    group : str
        Of a block, such as ``0019``; empty otherwise.
    element : dict or None
        As in the report of ``atlas-node annotate``; None unless an element.
    """

    kind: Literal["item", "block", "element"]
    depth: int
    inside: str
    title: str
    group: str = ""
    element: dict[str, Any] | None = None


def outline(elements: Iterable[dict[str, Any]]) -> Iterator[Line]:
    """Yield the lines for elements in their order, each item and block once before its first."""
    items: set[str] = set()
    blocks: set[tuple[str, str, str]] = set()
    for element in elements:
        *above, tag = element["path"].split(".")
        for depth in range(len(above)):
            item = ".".join(above[: depth + 1])
            if item not in items:
                items.add(item)
                yield Line("item", min(depth, DEEPEST), ".".join(above[:depth]), item)
        depth, inside = min(len(above), DEEPEST), ".".join(above)
        block = (inside, tag[1:5], element["creator"])
        if block not in blocks:
            blocks.add(block)
            yield Line("block", depth, inside, element["creator"], group=tag[1:5])
        yield Line("element", depth, inside, tag, element=element)
