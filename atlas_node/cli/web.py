"""`atlas-node web`: the viewer alone, over an existing log, until it is told to stop."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def web(
    config: Annotated[
        Path | None,
        typer.Option("-c", "--config", help="Configuration file; by default config.yaml here."),
    ] = None,
) -> None:
    """Serve the viewer over an existing log, without the node; ends with SIGINT or SIGTERM."""
    from atlas_node.config import load_config
    from atlas_node.node.viewer import viewer_means
    from atlas_node.web import run_web

    settings = load_config(config)
    run_web(settings, typer.echo, viewer_means(settings))
