"""The `atlas-node` command: parses, calls the library, prints.

Errors become one line on stderr and an exit code here and nowhere else: 0 success, 1 failure,
2 wrong use. A command that fails after it has printed its own findings raises `typer.Exit(1)`.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from atlas_dictionary import DictionaryError
from atlas_node import __version__
from atlas_node.cli.access import app as access_app
from atlas_node.cli.annotate import annotate
from atlas_node.cli.check import check
from atlas_node.cli.commitment import app as commitment_app
from atlas_node.cli.index import app as index_app
from atlas_node.cli.log import log
from atlas_node.cli.queue import app as queue_app
from atlas_node.cli.serve import serve
from atlas_node.cli.web import web
from atlas_node.errors import AtlasError

app = typer.Typer(
    help="A DICOM network node that makes vendors' private data readable.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(serve)
app.command()(check)
app.command()(annotate)
app.command()(log)
app.add_typer(queue_app, name="queue", help="Deliveries: list, show, retry, drop.")
app.add_typer(commitment_app, name="commitment", help="Storage commitment that is open.")
app.add_typer(index_app, name="index", help="The index of private attributes: backfill, status.")
app.command()(web)
app.add_typer(access_app, name="access", help="Who may open the viewer: password, token, trail.")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"atlas-node {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; the entry point of the `atlas-node` script."""
    try:
        app()
    except (AtlasError, DictionaryError) as error:
        # One line for each fault of a configuration, each with its file and line.
        for line in str(error).splitlines():
            typer.echo(f"atlas-node: {line}", err=True)
        sys.exit(1)
    except BrokenPipeError:
        # The reader of a pipe (`| head`) went away: nothing is left to say to it.
        sys.stderr.close()
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)
