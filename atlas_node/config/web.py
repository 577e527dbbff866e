"""The settings of the viewer: where it listens, who may sign in, and for how long.

`Config` has them as its section `web`, for the node's viewer and for `atlas-node web`.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, SecretStr

from atlas_node.config.section import Section
from atlas_node.config.types import (
    ConfigPath,
    Host,
    Name,
    Origin,
    PasswordHash,
    Port,
    Seconds,
    Switch,
    TokenHash,
)

WebRole = Literal["viewer", "operator"]


class Auth(Section):
    """One operator of the viewer, with a password that is written as it is."""

    user: str = Field(min_length=1, description="User name.")
    password: SecretStr = Field(min_length=1, repr=False, description="Password.")


class WebUser(Section):
    """A person who may sign in to the viewer."""

    name: Name = Field(description="User name.")
    role: WebRole = Field(
        default="viewer", description="viewer: may look; operator: may also change something."
    )
    password_hash: PasswordHash = Field(
        repr=False, description="What `atlas-node access password` makes of the password."
    )


class WebToken(Section):
    """A program that may use the viewer's API."""

    name: Name = Field(description="Name of the program, for the audit trail.")
    role: WebRole = Field(
        default="viewer", description="viewer: may look; operator: may also change something."
    )
    token_hash: TokenHash = Field(
        repr=False, description="What `atlas-node access token` prints beside a new token."
    )


class WebSession(Section):
    """How long somebody stays signed in."""

    idle: Seconds = Field(
        default=3600,
        description="Seconds without use (requests that an open page makes by itself are none) "
        "after which a session ends.",
    )
    longest: Seconds = Field(
        default=43200, description="Seconds after which a session ends in any case."
    )


class WebTls(Section):
    """HTTPS, served by the viewer itself."""

    certificate: ConfigPath = Field(description="Certificate chain, PEM.")
    key: ConfigPath = Field(description="Private key of the certificate, PEM.")


class WebSettings(Section):
    """The viewer and its HTTP API."""

    enabled: Switch = Field(default=True, description="Serve the viewer together with the node.")
    host: Host = Field(
        default="127.0.0.1",
        description="Address to listen on; where other machines can reach it, set web.users or "
        "web.auth.",
    )
    port: Port = Field(default=8080, description="TCP port to listen on.")
    tls: WebTls | None = Field(default=None, description="Serve HTTPS; none: plain HTTP.")
    origin: Origin | None = Field(
        default=None,
        description="What browsers call the viewer when a proxy stands before it, such as "
        "https://atlas.example.org; none: the Host of each request.",
    )
    auth: Auth | None = Field(
        default=None,
        description="One operator, whose password is given as it is; for a password that comes "
        "from the environment.",
    )
    users: tuple[WebUser, ...] = Field(
        default=(), description="Who may sign in; no users, auth or tokens: whoever reaches it."
    )
    tokens: tuple[WebToken, ...] = Field(
        default=(), description="Programs that may use the API, by `Authorization: Bearer`."
    )
    session: WebSession = Field(
        default=WebSession(), description="How long somebody stays signed in."
    )
    audit: ConfigPath | None = Field(
        default=None,
        description="File that every change and every sign-in is added to; none: audit.jsonl "
        "beside the folder of the spool.",
    )

    @property
    def open_to_all(self) -> bool:
        """Whether nobody need sign in."""
        return not (self.auth or self.users or self.tokens)
