"""``atlas-node serve``: run the node until it is told to stop."""

from __future__ import annotations

from contextlib import closing
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
    from atlas_node.node.processes import SUPERVISORS_SIGNALS, warm_up
    from atlas_node.node.signals import SignalQueue

    # Importing takes a while; an order that comes meanwhile is carried out after it.
    with closing(SignalQueue(*SUPERVISORS_SIGNALS)) as signals:
        from atlas_node.config import load_config

        settings = load_config(config)
        warm_up()
        from atlas_node.node.supervisor import Supervisor

        Supervisor(settings, config, signals).run(typer.echo)
