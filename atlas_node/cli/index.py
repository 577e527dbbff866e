"""``atlas-node index``: the index of private attributes: filled from what is there, and forgotten.

`backfill` and `forget` may run beside the node; each transaction of theirs is short.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from atlas_node.cli.options import ConfigOption, DocumentOption

if TYPE_CHECKING:
    from atlas_node.annotate import Annotator
    from atlas_node.config import Config
    from atlas_node.query import AttributeIndex, IndexedKey
    from atlas_node.route.indexing import Indexer

app = typer.Typer(no_args_is_help=True)


class _Read(NamedTuple):
    """How many objects were read, how many of them had indexed attributes, and what is missing."""

    objects: int
    indexed: int
    missing: str = ""


class _Step(NamedTuple):
    """A file or a study: how many objects it has as far as that is told, and what reads them."""

    name: str
    objects: int | None
    read: Callable[[], _Read]

    def is_in(self, known: Mapping[str, int | None]) -> bool:
        """Whether it was read before, and has not grown since as far as that is told."""
        return self.name in known and self.objects in (None, known[self.name])


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
    as_json: DocumentOption = False,
) -> None:
    """Add what an upstream or a folder has to the index of ``query.index``.

    It may be stopped and called again: what was read to its end is not read a second time, unless
    the keys of ``query.index`` are others by then, or the upstream tells another number of objects
    in the study. What cannot be read, or does not come, is named, the rest goes on, and the exit
    status is 1 at the end.
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
    missing = ""
    if folder is not None:
        source, steps = str(folder.resolve()), list(_files(folder, annotator, indexer))
    else:
        source = f"upstream {upstream}"
        steps, missing = _studies(settings, upstream or "", annotator, indexer)
    console = Console(stderr=True)
    known = {} if again else indexer.index.swept(source, indexer.keys)
    todo = [it for it in steps if not it.is_in(known)]
    objects = indexed = errors = 0
    if missing:
        errors += 1
        typer.echo(f"atlas-node: {missing}", err=True)
    for step in track(
        todo, "indexing", console=console, transient=True, disable=not console.is_terminal
    ):
        try:
            read = step.read()
        except AtlasError as error:
            read = _Read(0, 0, str(error))
        if read.missing:
            errors += 1
            typer.echo(f"atlas-node: {read.missing}", err=True)
        else:
            indexer.index.sweep(source, step.name, indexer.keys, step.objects)
        objects, indexed = objects + read.objects, indexed + read.indexed
    indexer.close()
    skipped = len(steps) - len(todo)
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "source": source,
                    "objects": objects,
                    "indexed": indexed,
                    "skipped": skipped,
                    "errors": errors,
                }
            )
        )
    else:
        typer.echo(
            f"{objects} objects read, {indexed} with indexed attributes, "
            f"{skipped} read before, {errors} failed"
        )
    if errors:
        raise typer.Exit(1)


@app.command()
def status(config: ConfigOption = None, as_json: DocumentOption = False) -> None:
    """Show how many values and entities the index has of each attribute.

    Not kept: entities whose values are not kept; a query by them does not know whether they match.
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
    not_kept = {key: index.not_kept(key) for key in counts}
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
                        "not_kept": not_kept[key],
                        "used": key in configured,
                    }
                    for key, (values, entities) in counts.items()
                ]
            )
        )
    elif counts:
        print_table(
            ("Creator", "Key", "Level", "Values", "Entities", "Not kept", ""),
            (
                (
                    key.creator,
                    key.key,
                    key.level.value,
                    str(values),
                    str(entities),
                    str(not_kept[key]),
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
    as_json: DocumentOption = False,
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
        count = sum(index.counts([key])[key][1] + index.not_kept(key) for key in keys)
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


def _files(folder: Path, annotator: Annotator, indexer: Indexer) -> Iterator[_Step]:
    from atlas_node.files import FileError, read_data_set
    from atlas_node.model import Policy

    if not folder.is_dir():
        raise FileError(f"{folder}: no such folder")

    def step(path: Path) -> _Step:
        def read() -> _Read:
            with read_data_set(path) as (data, transfer_syntax_uid):
                annotation = annotator.annotate(data, transfer_syntax_uid, Policy.OBSERVE)
                if annotation.error is not None:
                    raise FileError(f"{path}: {annotation.error}")
                found = (annotation.identity, list(annotation.facts()))
                return _Read(1, indexer.record([found]))

        return _Step(str(path.relative_to(folder)), None, read)

    for path in sorted(it for it in folder.rglob("*") if it.is_file()):
        yield step(path)


def _studies(
    settings: Config, name: str, annotator: Annotator, indexer: Indexer
) -> tuple[list[_Step], str]:
    """Return the studies of an upstream, and why that are not all of them."""
    from atlas_node.dimse.peer import Caller, Peer
    from atlas_node.dimse.sweep import Study, Sweep
    from atlas_node.errors import ConfigurationError
    from atlas_node.model import Policy

    upstream = next((it for it in settings.upstreams if it.name == name), None)
    if upstream is None:
        known = ", ".join(it.name for it in settings.upstreams) or "there are none"
        raise ConfigurationError(f"no upstream named {name!r}; the upstreams are: {known}")
    sweep = Sweep(Caller(Peer.of(upstream, settings.node), settings.node))

    def step(study: Study) -> _Step:
        def retrieve() -> _Read:
            having = 0
            unread: list[str] = []

            def take(data: memoryview, transfer_syntax_uid: str) -> None:
                nonlocal having
                annotation = annotator.annotate(data, transfer_syntax_uid, Policy.OBSERVE)
                facts = list(annotation.facts()) if annotation.error is None else None
                if annotation.error is not None:
                    unread.append(annotation.error)
                having += indexer.record([(annotation.identity, facts)])

            retrieved = sweep.retrieve(study, take)
            missing = retrieved.missing
            if unread:
                what = f"study {study.uid!a}: {len(unread)} of its objects not read: {unread[0]}"
                missing = "; ".join(filter(None, (missing, what)))
            return _Read(retrieved.objects, having, missing)

        return _Step(study.uid, study.objects, retrieve)

    listing = sweep.studies()
    return [step(study) for study in listing.studies], listing.missing
