"""The command `atlas-scrape`: parses, calls the library, prints.

`atlas-scrape PDF...` reads documents; `compare` and `review` go on from there. Errors become one
line on stderr and an exit code here: 0 success, 1 failure, 2 wrong use. What comes from a document
is printed as plain text, never as markup, and without control characters.
"""

import sys

import typer
from typer.core import TyperGroup

from atlas_dictionary import DictionaryError
from atlas_dictionary.terminal import printable
from atlas_scraper.cli.comparing import compare
from atlas_scraper.cli.reviewing import review
from atlas_scraper.cli.scraping import scrape_documents
from atlas_scraper.pages import MissingLibraryError
from atlas_scraper.rows import RowsError
from atlas_scraper.state import StateError

_SCRAPE = "scrape"


class _ScrapeByDefault(TyperGroup):
    """Take what names no command for the arguments of `scrape`."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        if args and args[0] not in (*self.commands, "--help"):
            args = [_SCRAPE, *args]
        return list(super().parse_args(ctx, args))


app = typer.Typer(
    cls=_ScrapeByDefault,
    help="Private data elements out of DICOM conformance statements in PDF. The command may be"
    " left out: atlas-scrape PDF... -o FILE reads documents, atlas-scrape scrape --help says how.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    rich_markup_mode=None,
)
app.command(_SCRAPE)(scrape_documents)
app.command()(compare)
app.command()(review)

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line; the entry point of the `atlas-scrape` script."""
    try:
        app()
    except (DictionaryError, MissingLibraryError, RowsError, StateError) as error:
        typer.echo(f"atlas-scrape: {printable(str(error))}", err=True)
        sys.exit(1)
    except BrokenPipeError:
        # The reader of a pipe (`| head`) went away: nothing is left to say to it.
        sys.stderr.close()
        sys.exit(0)
    except KeyboardInterrupt:
        sys.exit(130)
