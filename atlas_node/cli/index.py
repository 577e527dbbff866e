"""``atlas-node index``: the index of private attributes: filled from what is there, and forgotten.

`backfill` and `forget` may run beside the node; each transaction of theirs is short.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from atlas_node.annotate import Annotator
    from atlas_node.config import Config
    from atlas_node.query import AttributeIndex, IndexedKey
    from atlas_node.route.indexing import Indexer

app = typer.Typer(no_args_is_help=True)

ConfigOption = Annotated[
    Path | None,
    typer.Option("-c", "--config", help="Configuration file; by default config.yaml here."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]

_Step = Callable[[], tuple[int, int]]
"""Reads objects; returns how many there were, and how many had indexed attributes."""


@app.command()
def backfill(
    config: ConfigOption = None,
    upstream: Annotated[
        str | None, typer.Option(help="Retrieve all studies of this upstream (C-GET).")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Read the DICOM files in this folder.")
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Also what an earlier backfill has read.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Add what an upstream or a folder has to the index of ``query.index``.

    It may be stopped and called again: what was read to its end is not read a second time, unless
    the keys of ``query.index`` are others by then. What cannot be read is named, the rest goes on,
    and the exit status is 1 at the end.
    """
    from rich.console import Console
    from rich.progress import track

    from atlas_node.config import load_config
    from atlas_node.errors import AtlasError, ConfigurationError
    from atlas_node.route import make_annotator
    from atlas_node.route.indexing import open_indexer

    if (upstream is None) == (folder is None):
        raise typer.BadParameter("give either --upstream or --folder")
    settings = load_config(config)
    indexer = open_indexer(settings)
    if indexer is None:
        raise ConfigurationError("query.index names no private attribute; nothing can be indexed")
    annotator = make_annotator(settings)
    if folder is not None:
        source = str(folder.resolve())
        steps = _files(folder, annotator, indexer)
    else:
        source, steps = (
            f"upstream {upstream}",
            _studies(settings, upstream or "", annotator, indexer),
        )
    console = Console(stderr=True)
    known = set() if again else indexer.index.swept(source, indexer.keys)
    todo = [(name, step) for name, step in steps if name not in known]
    objects = indexed = errors = 0
    for name, step in track(
        todo, "indexing", console=console, transient=True, disable=not console.is_terminal
    ):
        try:
            read, having = step()
        except AtlasError as error:
            errors += 1
            typer.echo(f"atlas-node: {error}", err=True)
            continue
        indexer.index.sweep(source, name, indexer.keys)
        objects, indexed = objects + read, indexed + having
    indexer.close()
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "source": source,
                    "objects": objects,
                    "indexed": indexed,
                    "skipped": len(known),
                    "errors": errors,
                }
            )
        )
    else:
        typer.echo(
            f"{objects} objects read, {indexed} with indexed attributes, "
            f"{len(known)} read before, {errors} failed"
        )
    if errors:
        raise typer.Exit(1)


@app.command()
def status(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show how many values and entities the index has of each attribute.

    Too long: entities whose values are not kept; a query by them does not know whether they match.
    No longer used: attributes that are not in ``query.index`` any more; see `index forget`.
    """
    from atlas_node.cli.table import print_table
    from atlas_node.config import load_config
    from atlas_node.query import AttributeIndex
    from atlas_node.route.indexing import indexed_keys

    settings = load_config(config)
    index = AttributeIndex(settings.log.url)
    configured = indexed_keys(settings.query.index)
    counts = index.counts([*configured, *(it for it in index.recorded() if it not in configured)])
    too_long = {key: index.too_long(key) for key in counts}
    index.close()
    if as_json:
        typer.echo(
            json.dumps(
                [
                    {
                        "creator": key.creator,
                        "key": key.key,
                        "level": key.level.value,
                        "values": values,
                        "entities": entities,
                        "too_long": too_long[key],
                        "used": key in configured,
                    }
                    for key, (values, entities) in counts.items()
                ]
            )
        )
    elif counts:
        print_table(
            ("Creator", "Key", "Level", "Values", "Entities", "Too long", ""),
            (
                (
                    key.creator,
                    key.key,
                    key.level.value,
                    str(values),
                    str(entities),
                    str(too_long[key]),
                    "" if key in configured else "no longer used",
                )
                for key, (values, entities) in counts.items()
            ),
        )
    else:
        typer.echo("query.index names no private attribute")


@app.command()
def forget(
    config: ConfigOption = None,
    study: Annotated[str | None, typer.Option(help="Study Instance UID.")] = None,
    series: Annotated[str | None, typer.Option(help="Series Instance UID.")] = None,
    instance: Annotated[str | None, typer.Option(help="SOP Instance UID.")] = None,
    creator: Annotated[
        str | None, typer.Option(help="Private creator of an attribute, with --tag.")
    ] = None,
    tag: Annotated[
        str | None, typer.Option(help='Such as "(0019,xx0c)"; no longer in query.index.')
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove a study, series or image from the index, or an attribute that is no longer indexed.

    What is still in an archive comes back with the next `index backfill`. The values that a study
    or series has of its images as a whole stay when one of the images is forgotten.
    """
    from atlas_node.config import load_config
    from atlas_node.query import AttributeIndex, Level
    from atlas_node.route.indexing import indexed_keys

    uids = [
        (level, uid)
        for level, uid in ((Level.STUDY, study), (Level.SERIES, series), (Level.IMAGE, instance))
        if uid is not None
    ]
    if len(uids) + (tag is not None) != 1 or (creator is None) != (tag is None):
        raise typer.BadParameter(
            "say which: --study, --series or --instance with a UID, or --creator and --tag"
        )
    settings = load_config(config)
    index = AttributeIndex(settings.log.url)
    if uids:
        [(level, uid)] = uids
        count = index.under(level, uid)
        if count and not yes:
            its = {Level.STUDY: "study", Level.SERIES: "series", Level.IMAGE: "image"}[level]
            typer.confirm(f"forget {_counted(count)} of the {its} {uid!a}?", abort=True, err=True)
        count = index.forget(level, uid)
    else:
        configured = indexed_keys(settings.query.index)
        keys = _no_longer_used(index, configured, creator or "", tag or "")
        count = sum(index.counts([key])[key][1] + index.too_long(key) for key in keys)
        if not yes:
            what = f"{creator} {tag}"
            typer.confirm(f"forget {what!a} of {_counted(count)}?", abort=True, err=True)
        for key in keys:
            index.forget_key(key, configured)
    index.close()
    typer.echo(json.dumps({"entities": count}) if as_json else f"{_counted(count)} forgotten")


def _counted(count: int) -> str:
    return f"{count} {'entity' if count == 1 else 'entities'}"


def _no_longer_used(
    index: AttributeIndex, configured: Sequence[IndexedKey], creator: str, tag: str
) -> list[IndexedKey]:
    """Return the keys of an attribute that the index has and the configuration has not."""
    from atlas_node.errors import ConfigurationError
    from atlas_node.query.private_keys import folded_creator

    known = index.recorded()
    meant = [
        it
        for it in known
        if folded_creator(it.creator) == folded_creator(creator) and it.key == tag.lower()
    ]
    unused = [it for it in known if it not in configured]
    if found := [it for it in meant if it in unused]:
        return found
    if meant:
        raise ConfigurationError(
            f"{meant[0].creator} {meant[0].key} is in query.index: remove it there, let the node "
            "read its configuration again (SIGHUP), and forget it then"
        )
    others = ", ".join(f"{it.creator} {it.key}" for it in unused) or "there are none"
    raise ConfigurationError(
        f"nothing is indexed for {creator!a} {tag!a}; no longer in query.index are: {others}"
    )


def _files(folder: Path, annotator: Annotator, indexer: Indexer) -> Iterable[tuple[str, _Step]]:
    from atlas_node.files import FileError, read_data_set
    from atlas_node.model import Policy

    if not folder.is_dir():
        raise FileError(f"{folder}: no such folder")

    def step(path: Path) -> _Step:
        def read() -> tuple[int, int]:
            with read_data_set(path) as (data, transfer_syntax_uid):
                annotation = annotator.annotate(data, transfer_syntax_uid, Policy.OBSERVE)
                if annotation.error is not None:
                    raise FileError(f"{path}: {annotation.error}")
                return 1, indexer.record([(annotation.identity, list(annotation.facts()))])

        return read

    for path in sorted(it for it in folder.rglob("*") if it.is_file()):
        yield str(path.relative_to(folder)), step(path)


def _studies(
    settings: Config, name: str, annotator: Annotator, indexer: Indexer
) -> Iterator[tuple[str, _Step]]:
    from atlas_node.dimse.peer import Caller, Peer
    from atlas_node.dimse.sweep import Sweep
    from atlas_node.errors import ConfigurationError
    from atlas_node.model import Policy

    upstream = next((it for it in settings.upstreams if it.name == name), None)
    if upstream is None:
        known = ", ".join(it.name for it in settings.upstreams) or "there are none"
        raise ConfigurationError(f"no upstream named {name!r}; the upstreams are: {known}")
    sweep = Sweep(Caller(Peer.of(upstream, settings.node), settings.node))

    def step(study: str, sop_classes: list[str]) -> _Step:
        def retrieve() -> tuple[int, int]:
            having = 0

            def take(data: memoryview, transfer_syntax_uid: str) -> None:
                nonlocal having
                annotation = annotator.annotate(data, transfer_syntax_uid, Policy.OBSERVE)
                having += indexer.record([(annotation.identity, list(annotation.facts()))])

            return sweep.retrieve(study, sop_classes, take), having

        return retrieve

    for study, sop_classes in sweep.studies():
        yield study, step(study, sop_classes)
