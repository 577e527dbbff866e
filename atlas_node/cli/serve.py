"""``atlas-node serve``: run the node until it is told to stop."""

from __future__ import annotations

from contextlib import closing

import typer

from atlas_node.cli.options import ConfigOption


def serve(config: ConfigOption = None) -> None:
    """Run the node: receive, annotate, log and deliver.

    SIGTERM and Ctrl-C drain and stop it, SIGHUP reads dictionary, routes, destinations and peers
    again. What is not delivered stays in the spool until the next start.
    """
    from atlas_node.node.processes import SUPERVISORS_SIGNALS, allow_files, warm_up
    from atlas_node.node.signals import SignalQueue

    # Importing takes a while; an order that comes meanwhile is carried out after it.
    with closing(SignalQueue(*SUPERVISORS_SIGNALS)) as signals:
        from atlas_node.config import load_config

        settings = load_config(config)
        allow_files()
        warm_up()
        from atlas_node.node.supervisor import Supervisor

        Supervisor(settings, config, signals).run(typer.echo)
