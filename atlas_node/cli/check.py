"""``atlas-node check``: whether the node would run, and whether its peers answer."""

from __future__ import annotations

import json
import socket
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from atlas_dictionary import DictionaryError
from atlas_node.cli.options import ConfigOption, DocumentOption
from atlas_node.errors import AtlasError

if TYPE_CHECKING:
    from atlas_node.config import Config, Tls


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked.

    Attributes
    ----------
    part : str
        ``configuration``, ``spool``, ``dictionary``, ``index``, ``log``, ``routes``,
        ``listener``, ``viewer``, ``peer``, ``destination`` or ``upstream``.
    name : str
        Of the destination or upstream, AE title of the listener or peer, or tag of the attribute
        to index; empty otherwise.
    address : str
        Path, URL, private creator, host and port, or AE title, host and port.
    ok : bool
    detail : str
        What was found, or what is wrong.
    seconds : float
        How long it took.
    """

    part: str
    name: str
    address: str
    ok: bool
    detail: str
    seconds: float


def check(config: ConfigOption = None, as_json: DocumentOption = False) -> None:
    """Validate the configuration, open all that the node opens, and C-ECHO every peer.

    The exit status is 1 when anything fails. The node may be running meanwhile.
    """
    from atlas_node.config import load_config

    settings = load_config(config)
    findings = list(findings_of(settings, config))
    ok = all(finding.ok for finding in findings)
    if as_json:
        typer.echo(json.dumps({"ok": ok, "checks": [asdict(it) for it in findings]}, indent=2))
    else:
        _print_table(findings)
    if not ok:
        raise typer.Exit(1)


def findings_of(config: Config, path: Path | None) -> Iterator[Finding]:
    """Check each part of a node and yield what is found."""
    from atlas_dictionary import open_layers
    from atlas_node.dimse import Peer, echo
    from atlas_node.log import LogStore
    from atlas_node.spool import probe_spool

    running = False

    def spool() -> str:
        nonlocal running
        running = probe_spool(config.spool.path)
        return "a node is running on it" if running else "can be written"

    def dictionary() -> str:
        open_layers(config.dictionaries, {})
        layers = len(config.dictionaries)
        return f"built-in and {layers} more" if layers else "built-in"

    def log() -> str:
        LogStore.open(config.log.url, config.log.values).close()
        return "can be written"

    yield _tried("configuration", "", str(path or "config.yaml"), lambda: "valid")
    yield _tried("spool", "", str(config.spool.path), spool)
    yield _tried("dictionary", "", ", ".join(map(str, config.dictionaries)), dictionary)
    yield from _index(config)
    yield _tried("log", "", _without_password(config.log.url), log)
    if not config.routes:
        why = "none: objects would be kept undelivered; add a route, if only `- {to: [log]}`"
        yield Finding("routes", "", "", False, why, 0.0)
    yield from _listeners(config, running)
    peers = [("destination", Peer.of(it, config.node)) for it in config.destinations]
    peers += [("upstream", Peer.of(it, config.node)) for it in config.upstreams]

    def called(part_and_peer: tuple[str, Peer]) -> Finding:
        part, peer = part_and_peer

        def answer() -> str:
            echo(peer, config.node)
            return "answers C-ECHO"

        return _tried(part, peer.name, str(peer), answer)

    with ThreadPoolExecutor(max_workers=8) as pool:
        yield from pool.map(called, peers)


def _listeners(config: Config, running: bool) -> Iterator[Finding]:
    """Yield whether node and viewer could listen, and whether scanners can be told of commitment.

    `running`: a node is running on the spool; what is in use is taken to be in use by it.
    """
    from atlas_node.dimse import listen
    from atlas_node.dimse.tls import client_context, server_context
    from atlas_node.web.server import check_files
    from atlas_node.web.server import listen as listen_for_browsers

    def used(bind: Callable[[], socket.socket], with_tls: bool) -> str:
        try:
            bind().close()
            found = "the port is free"
        except AtlasError:
            if not running:
                raise
            found = "the port is in use, and a node is running on the spool"
        return f"{found}; the TLS files can be used" if with_tls else found

    def listener() -> str:
        if config.node.tls is not None:
            server_context(config.node.tls)
        return used(lambda: listen(config.node), config.node.tls is not None)

    def viewer() -> str:
        check_files(config.web)
        return used(lambda: listen_for_browsers(config.web), config.web.tls is not None)

    node, web = config.node, config.web
    yield _tried("listener", node.ae_title, f"{node.host}:{node.port}", listener)
    if web.enabled:
        yield _tried("viewer", "", f"{web.host}:{web.port}", viewer)
    for peer in config.peers:
        if peer.report_to is not None and (tls := peer.report_to.tls) is not None:

            def reported(tls: Tls = tls) -> str:
                client_context(tls)
                return "the TLS files can be used"

            yield _tried("peer", peer.ae_title, f"port {peer.report_to.port}", reported)


def _index(config: Config) -> Iterator[Finding]:
    """Yield the keys of ``query.index`` that cannot be searched."""
    if not config.query.index:
        return
    from atlas_dictionary import open_layers
    from atlas_node.query import PrivateAttributes
    from atlas_node.query.configured import faults
    from atlas_node.route.indexing import indexed_keys

    try:
        attributes = PrivateAttributes(open_layers(config.dictionaries, {}))
    except DictionaryError:
        # Said of the dictionary already.
        return
    for key, fault in faults(indexed_keys(config.query.index), attributes):
        yield Finding("index", key.key, key.creator, False, fault, 0.0)


def _tried(part: str, name: str, address: str, attempt: Callable[[], str]) -> Finding:
    begun = time.perf_counter()
    try:
        detail, ok = attempt(), True
    except (AtlasError, DictionaryError) as error:
        detail, ok = str(error).removeprefix(f"{address}: "), False
    return Finding(part, name, address, ok, detail, round(time.perf_counter() - begun, 4))


def _without_password(url: str) -> str:
    from sqlalchemy import make_url

    return make_url(url).render_as_string(hide_password=True)


def _print_table(findings: list[Finding]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("", "Part", "Name", "Address", "Result", "ms"):
        table.add_column(heading, overflow="fold", justify="right" if heading == "ms" else "left")
    for it in findings:
        table.add_row(
            Text("ok", "green") if it.ok else Text("FAILED", "bold red"),
            it.part,
            Text(it.name),
            Text(it.address),
            Text(it.detail),
            f"{it.seconds * 1000:.0f}",
        )
    # A pipe has no width: no line is folded there.
    Console(width=None if sys.stdout.isatty() else 1000).print(table)
