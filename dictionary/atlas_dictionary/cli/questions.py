"""Commands of `atlas-dict` that ask a dictionary: lookup, search, info, conflicts."""

from __future__ import annotations

from typing import Annotated, NoReturn

import typer

from atlas_dictionary.cli.output import (
    AsJson,
    Layers,
    describe,
    in_one_line,
    layered,
    print_json,
)
from atlas_dictionary.conflicts import conflicts as find_conflicts
from atlas_dictionary.dictionary import Dictionary
from atlas_dictionary.entry import Entry
from atlas_dictionary.errors import DictionaryError
from atlas_dictionary.questions import (
    answer_keyword,
    answer_tag,
    parse_number,
    parse_tag,
    reserved_block,
)
from atlas_dictionary.terminal import printable


def lookup(
    group: Annotated[
        str,
        typer.Argument(
            help="Group in hexadecimal, such as 0019; or a whole tag, (0019,xx0a); or a keyword.",
            metavar="GROUP",
        ),
    ],
    element: Annotated[
        str | None,
        typer.Argument(help="Element in hexadecimal: xx0a, 100a, 0010.", metavar="ELEMENT"),
    ] = None,
    creator: Annotated[
        str | None,
        typer.Option(
            "--creator", "-c", help="Private creator; without it, all that define the element."
        ),
    ] = None,
    dictionary: Layers = None,
    as_json: AsJson = False,
) -> None:
    """Show what the dictionary knows of an element; exit 1 when that is nothing."""
    tag = parse_tag(group) if element is None else (group, element)
    block = None if tag is None else reserved_block(*tag)
    if tag is not None and block is not None:
        _nothing(
            f"({tag[0]},{tag[1]}) is a Private Creator element, LO: its value names the creator of"
            f" block {block:02x}; ask for xx{block:02x} for the element at that offset of a block",
            {"found": False} if as_json else None,
        )
    entries = _answers(layered(dictionary), group, tag, creator)
    if not entries:
        asked = f"{group} {element}" if element else group
        owner = f" of creator {creator!r}" if creator is not None else ""
        _nothing(f"no entry for {asked}{owner}", {"found": False} if as_json else None)
    if not as_json:
        typer.echo("\n\n".join(map(describe, entries)))
    elif creator is None and entries[0].creator is not None:
        # As many answers as creators: an array, whatever their number.
        print_json([entry.to_json() for entry in entries])
    else:
        print_json(entries[0].to_json())


def search(
    text: Annotated[
        str,
        typer.Argument(
            help="Words that keyword, name, description, creator or tag must have.", metavar="TEXT"
        ),
    ] = "",
    group: Annotated[
        str | None, typer.Option("--group", "-g", help="Group in hexadecimal, such as 0019.")
    ] = None,
    element: Annotated[
        str | None, typer.Option("--element", "-e", help="Element in hexadecimal: xx0a, 0010.")
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="All of the name or keyword; * for any characters.")
    ] = None,
    creator: Annotated[
        str | None, typer.Option("--creator", "-c", help="Private creator; * for any characters.")
    ] = None,
    vr: Annotated[str | None, typer.Option("--vr", help="VR, such as FD.")] = None,
    dictionary: Layers = None,
    as_json: AsJson = False,
) -> None:
    """List the entries that meet every condition, the best first; exit 1 when there are none."""
    if not any((text, group, element, name, creator, vr)):
        raise typer.BadParameter("nothing to search for: give words or an option")
    try:
        numbers = [None if n is None else parse_number(n) for n in (group, element)]
    except DictionaryError as error:
        raise typer.BadParameter(printable(str(error))) from None
    found = layered(dictionary).search(
        text, group=numbers[0], element=numbers[1], name=name, vr=vr, creator=creator
    )
    if not found:
        _nothing("no entry meets all of this", [] if as_json else None)
    if as_json:
        print_json([entry.to_json() for entry in found])
    else:
        typer.echo("\n".join(map(in_one_line, found)))


def info(dictionary: Layers = None, as_json: AsJson = False) -> None:
    """Count what the dictionary holds, and name its sources."""
    facts = layered(dictionary).info()
    if as_json:
        print_json(facts)
        return
    for name, value in facts.items():
        if name not in ("file", "sources", "layers", "build", "private_by_vr"):
            typer.echo(f"{name.replace('_', ' '):20} {_plain(value)}")
    for layer in facts.get("layers", [facts]):
        typer.echo(f"\n{printable(layer['file'])}")
        for source in layer["sources"]:
            words = (source["title"], source["version"], source["licence"], source["origin"])
            said = ", ".join(word for word in words if word)
            typer.echo(printable(f"  {source['id']}: {source['statements']} statements; {said}"))


def conflicts(dictionary: Layers = None, as_json: AsJson = False) -> None:
    """List the elements to which sources give VRs that exclude each other."""
    found = find_conflicts(layered(dictionary))
    if as_json:
        print_json([conflict.to_json() for conflict in found])
        return
    for conflict in found:
        said = "; ".join(f"{vr} says {', '.join(ids)}" for vr, ids in conflict.stated.items())
        typer.echo(f"{in_one_line(conflict.entry)}\n    {conflict.kind}: {printable(said)}")


def _answers(
    dictionary: Dictionary, keyword: str, tag: tuple[str, str] | None, creator: str | None
) -> list[Entry]:
    if tag is None and creator is not None:
        raise typer.BadParameter("--creator goes with a tag, not with a keyword")
    if tag is None:
        return answer_keyword(dictionary, keyword)
    try:
        return answer_tag(dictionary, *tag, creator)
    except DictionaryError as error:
        raise typer.BadParameter(printable(str(error))) from None


def _nothing(reason: str, document: object) -> NoReturn:
    """End with exit status 1, and with `document` where one was asked for."""
    if document is None:
        raise DictionaryError(reason)
    print_json(document)
    raise typer.Exit(1)


def _plain(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{printable(str(k))} {v}" for k, v in value.items())
    return printable(str(value))
