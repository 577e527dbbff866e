"""The options that several commands have, said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ConfigOption = Annotated[
    Path | None,
    typer.Option("-c", "--config", help="Configuration file; by default config.yaml here."),
]
DocumentOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
LinesOption = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]
