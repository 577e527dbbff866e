"""The `atlas-dict` command: parses, calls the library, prints.

`main` is the entry point. Errors become one line on stderr and an exit code there and nowhere else:
0 success, 1 failure or nothing found, 2 wrong use. What comes from a dictionary or a user is
printed as plain text, never as markup, and without control characters.
"""

import sys

import typer

from atlas_dictionary.cli import making, questions
from atlas_dictionary.errors import DictionaryError
from atlas_dictionary.terminal import printable

app = typer.Typer(
    help="The dictionary of DICOM private and public data elements.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
for command in (
    questions.lookup,
    questions.search,
    questions.info,
    questions.conflicts,
    making.build,
    making.verify,
    making.diff,
    making.export,
):
    app.command()(command)
app.command("import")(making.import_source)

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line; the entry point of the `atlas-dict` script."""
    try:
        app()
    except DictionaryError as error:
        typer.echo(f"atlas-dict: {printable(str(error))}", err=True)
        sys.exit(1)
    except BrokenPipeError:
        # The reader of a pipe (`| head`) went away: nothing is left to say to it.
        sys.stderr.close()
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)
