"""`atlas-node web`: the viewer alone, over an existing log, until it is told to stop."""

from __future__ import annotations

import typer

from atlas_node.cli.options import ConfigOption


def web(config: ConfigOption = None) -> None:
    """Serve the viewer over an existing log, without the node; ends with SIGINT or SIGTERM."""
    from atlas_node.config import load_config
    from atlas_node.node.viewer import viewer_means
    from atlas_node.web import run_web

    settings = load_config(config)
    run_web(settings, typer.echo, viewer_means(settings))
