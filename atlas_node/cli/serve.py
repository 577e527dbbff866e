"""``atlas-node serve``: run the node until it is told to stop."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def serve(
    config: Annotated[
        Path | None,
        typer.Option("-c", "--config", help="Configuration file; by default config.yaml here."),
    ] = None,
) -> None:
    """Run the node: receive, annotate, log and deliver.

    SIGTERM and Ctrl-C drain and stop it, SIGHUP reads dictionary, routes, destinations and peers
    again. What is not delivered stays in the spool until the next start.
    """
    from atlas_node.config import load_config
    from atlas_node.node.supervisor import Supervisor

    Supervisor(load_config(config), config).run(typer.echo)
