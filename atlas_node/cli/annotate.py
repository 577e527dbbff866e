"""``atlas-node annotate``: the node's engine on a file or a tree of files."""

from __future__ import annotations

import json
import sys
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from atlas_node.model import Policy


def annotate(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A DICOM file, or a tree of them.")],
    target: Annotated[
        Path, typer.Option("-o", "--output", metavar="OUT", help="File or tree to write.")
    ],
    policy: Annotated[
        Policy,
        typer.Option(
            help="observe: change nothing; decode: give UN elements their VR; "
            "describe: also add the definitions of PS3.3 C.12.1.1.7."
        ),
    ] = Policy.DECODE,
    report: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write one JSON object a file there; - is stdout."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --report -.")] = False,
    explicit: Annotated[
        bool,
        typer.Option(
            "--explicit",
            help="Write files in implicit VR, which has no place for a VR, in explicit VR.",
        ),
    ] = False,
    dictionary: Annotated[
        list[Path] | None,
        typer.Option(help="More dictionary files, in load order; a later one wins."),
    ] = None,
) -> None:
    """Give the private UN elements of files their VR, and report every private element.

    A file that is no DICOM, or that cannot be annotated, is copied unchanged and reported with an
    error; the rest goes on, and the exit status is 1 at the end. OUT may be the file IN itself: it
    is replaced when all of it is written. A file in implicit VR is reported on and copied
    unchanged; with --explicit it is written in explicit VR little endian, in which what was not
    decoded is UN.
    """
    from rich.console import Console
    from rich.progress import track

    from atlas_dictionary import open_layers
    from atlas_node.annotate import Annotator
    from atlas_node.encoding.transfer_syntax import IMPLICIT_VR_LITTLE_ENDIAN
    from atlas_node.files import FileError, annotate_tree, pairs_of

    if as_json and report not in (None, "-"):
        raise typer.BadParameter("--json writes to stdout; leave --report out, or --json")
    if as_json:
        report = "-"
    pairs = pairs_of(source, target)
    annotator = Annotator(open_layers(dictionary or []))
    errors, without_place, totals = 0, 0, Counter[str]()
    console = Console(stderr=True)
    with ExitStack() as stack:
        lines = sys.stdout
        if report not in (None, "-"):
            try:
                lines = stack.enter_context(Path(report).open("w", encoding="utf-8"))
            except OSError as error:
                raise FileError(f"{report}: {error.strerror}") from error
        reports = annotate_tree(
            annotator, pairs, policy, records=report is not None, explicit=explicit
        )
        for one in track(
            reports,
            "annotating",
            total=len(pairs),
            console=console,
            transient=True,
            disable=len(pairs) < 2 or not console.is_terminal,
        ):
            totals.update(one.counts)
            implicit = one.transfer_syntax == IMPLICIT_VR_LITTLE_ENDIAN
            without_place += implicit and not one.changed and policy is not Policy.OBSERVE
            if report is not None:
                lines.write(json.dumps(one.to_json(), ensure_ascii=False) + "\n")
            if one.error is not None:
                errors += 1
                typer.echo(f"atlas-node: {one.file}: {one.error}", err=True)
    if report != "-":
        typer.echo(_summary(len(pairs), errors, totals))
        if without_place and not explicit:
            typer.echo(
                f"{_files(without_place)} in implicit VR, which has no place for a VR: copied "
                "unchanged; --explicit writes explicit VR"
            )
    if errors:
        raise typer.Exit(1)


def _summary(files: int, errors: int, totals: Counter[str]) -> str:
    parts = ", ".join(
        f"{totals[status]} {status}"
        for status in ("decoded", "already", "unknown", "refused", "ambiguous")
    )
    failed = f"; {errors} copied unchanged" if errors else ""
    return f"{_files(files)}: {totals['private']} private elements, {parts}{failed}"


def _files(count: int) -> str:
    return f"{count} file{'s' * (count != 1)}"
