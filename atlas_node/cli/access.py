"""``atlas-node access``: hashes of passwords and tokens for the viewer, and its audit trail.

Nothing here is written anywhere: what it prints goes into the configuration by hand.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import Annotated

import typer

from atlas_node.cli.options import ConfigOption, LinesOption
from atlas_node.cli.table import print_table

app = typer.Typer(no_args_is_help=True)

_SHORTEST = 8


@app.command()
def password() -> None:
    """Ask for a password and print its hash, for web.users[].password_hash.

    From a pipe, the first line is the password.
    """
    from atlas_node.web.passwords import hash_password

    if sys.stdin.isatty():
        chosen = typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        chosen = sys.stdin.readline().rstrip("\r\n")
    if len(chosen) < _SHORTEST:
        raise typer.BadParameter(f"a password has {_SHORTEST} characters or more")
    typer.echo(hash_password(chosen))


@app.command()
def token() -> None:
    """Make a token for a program: its hash for web.tokens[].token_hash, and itself, once."""
    from atlas_node.web.passwords import hash_token, new_token

    made = new_token()
    typer.echo(f"token       {made}")
    typer.echo(f"token_hash  {hash_token(made)}")


@app.command()
def trail(
    config: ConfigOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="At most so many entries.")] = 50,
    as_json: LinesOption = False,
) -> None:
    """Show who changed what in the viewer, and who signed in; the newest at the bottom."""
    from atlas_node.config import load_config
    from atlas_node.web.audit import AuditTrail, audit_path

    entries = AuditTrail(audit_path(load_config(config))).newest(limit)[::-1]
    if as_json:
        for entry in entries:
            typer.echo(json.dumps(asdict(entry)))
    elif entries:
        print_table(
            ("Time", "Who", "By", "From", "What", "Of", "Detail"),
            ((it.at, it.who, it.how, it.address, it.action, it.subject, it.detail)
             for it in entries),
        )  # fmt: skip
    else:
        typer.echo("nobody has changed anything or signed in yet")
