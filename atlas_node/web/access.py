"""Who a visitor is: by session cookie, bearer token or basic authentication, or by this machine.

`guard` asks for each request, `login` when somebody signs in. The rule: what is secret is compared
in constant time, a password costs the same time whether there is such a user or not, and both are
limited by `attempts`.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from anyio import to_thread

from atlas_node.config import WebRole, WebSettings
from atlas_node.web.attempts import Attempts
from atlas_node.web.passwords import hash_token, hash_without_password, normal, password_fits
from atlas_node.web.sessions import Sessions

_PASSWORDS_AT_ONCE: Final = 2
_BUSY_SECONDS: Final = 2.0
_LONGEST_CREDENTIAL: Final = 1024
_REMEMBERED: Final = 64
_SCHEMES: Final = ("basic", "bearer")


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whoever a request comes from.

    Attributes
    ----------
    name : str
        Of the user or token; "local" where nobody signs in.
    role : "viewer" or "operator"
    how : str
        By what it is known. ``local``: by this machine, for nobody need sign in.
    csrf : str
        What a change must give; empty for a token, which no browser sends by itself.
    """

    name: str
    role: WebRole
    how: Literal["local", "session", "token", "basic"]
    csrf: str

    @property
    def may_change(self) -> bool:
        """Whether it may change something."""
        return self.role == "operator"


class TooManyAttemptsError(Exception):
    """Passwords or tokens were tried too often.

    Parameters
    ----------
    wait : float
        Seconds until the next attempt.
    """

    def __init__(self, wait: float) -> None:
        super().__init__(f"too many attempts, wait {wait:.0f} s")
        self.wait = max(1, round(wait))


class Access:
    """The users, tokens and sessions of a viewer.

    Parameters
    ----------
    settings : WebSettings
    """

    def __init__(self, settings: WebSettings) -> None:
        self.open_to_all = settings.open_to_all
        self.sessions = Sessions(settings.session.idle, settings.session.longest)
        self.secure = bool(settings.tls or (settings.origin or "").startswith("https:"))
        # A port of its own: cookies are shared by all ports of a host (RFC 6265 8.5).
        name = f"atlas_{settings.port}"
        self.cookie = f"__Host-{name}" if self.secure else name
        self._key = secrets.token_bytes(32)
        self._users = {user.name: user for user in settings.users}
        self._auth = settings.auth
        self._tokens = {token.token_hash.get_secret_value(): token for token in settings.tokens}
        hashes = [user.password_hash.get_secret_value() for user in settings.users]
        self._nobody = hash_without_password(like=hashes[0]) if hashes else None
        self._by_name = Attempts(5, 12.0)
        self._by_address = Attempts(30, 2.0)
        self._noted = Attempts(1, 60.0)
        self._hashing = threading.BoundedSemaphore(_PASSWORDS_AT_ONCE)
        self._remembered: dict[bytes, Visitor] = {}

    async def visitor(
        self,
        cookies: Mapping[str, str],
        authorization: str,
        address: str,
        *,
        in_use: bool = True,
    ) -> Visitor | None:
        """Return who sent a request, None when nobody that is known.

        Parameters
        ----------
        cookies : mapping of str to str
        authorization : str
            The header (RFC 9110 11.6.2), empty when there is none.
        address : str
            Of the peer.
        in_use : bool
            A person asks; a session ends when none has for so long.

        Raises
        ------
        TooManyAttemptsError
        """
        if self.open_to_all:
            return Visitor("local", "operator", "local", self._csrf("local"))
        scheme, _, credentials = authorization.partition(" ")
        if scheme.lower() in _SCHEMES and len(credentials) <= _LONGEST_CREDENTIAL:
            if scheme.lower() == "bearer":
                return self._token_bearer(credentials.strip(), address)
            return await self._basic(credentials.strip(), address)
        session = self.sessions.find(cookies.get(self.cookie, ""), in_use=in_use)
        if session is None:
            return None
        return Visitor(session.name, session.role, "session", session.csrf)

    async def role_of(self, name: str, password: str, address: str) -> WebRole | None:
        """Return the role of a user, None when name and password do not fit.

        Raises
        ------
        TooManyAttemptsError
        """
        keys = self._take_attempt(address, name)
        if len(password) > _LONGEST_CREDENTIAL:
            return None
        role = await to_thread.run_sync(self._role_of, name, password)
        if role is not None:
            self._by_address.give_back(keys[0])
            self._by_name.give_back(keys[1])
        return role

    def knows(self, name: str) -> bool:
        """Whether there is a user of that name."""
        return name in self._users or (self._auth is not None and self._auth.user == name)

    def claimed(self, authorization: str) -> str:
        """Return whom credentials that are refused name, for the audit trail.

        A password may stand in the place of the name: who is not known is not written down.
        """
        scheme, _, credentials = authorization.partition(" ")
        if scheme.lower() == "bearer":
            return "unknown token"
        name = _name_and_password(credentials.strip())[0]
        return name if self.knows(name) else "unknown user"

    def refusal_is_to_be_noted(self, address: str, kind: str) -> bool:
        """Whether to write down that a peer was refused: once a minute, each kind by itself."""
        return not self._noted.take((_network(address), kind))

    def _take_attempt(self, address: str, name: str) -> tuple[str, tuple[str, str]]:
        network = _network(address)
        keys = network, (network, name[:64])
        wait = self._by_address.take(keys[0]) or self._by_name.take(keys[1])
        if wait:
            raise TooManyAttemptsError(wait)
        return keys

    def _role_of(self, name: str, password: str) -> WebRole | None:
        role: WebRole | None = None
        if self._auth is not None:
            known = hmac.compare_digest(normal(name), normal(self._auth.user))
            secret = normal(self._auth.password.get_secret_value())
            if hmac.compare_digest(normal(password), secret) and known:
                role = "operator"
        if self._nobody is not None:
            user = self._users.get(name)
            hashed = user.password_hash.get_secret_value() if user else self._nobody
            if not self._hashing.acquire(timeout=_BUSY_SECONDS):
                raise TooManyAttemptsError(_BUSY_SECONDS)
            try:
                if password_fits(password, hashed) and user:
                    role = user.role
            finally:
                self._hashing.release()
        return role

    def _token_bearer(self, token: str, address: str) -> Visitor | None:
        # Found by its hash: how long that takes tells nothing of the token.
        known = self._tokens.get(hash_token(token))
        if known is None:
            wait = self._by_address.take(_network(address))
            if wait:
                raise TooManyAttemptsError(wait)
            return None
        return Visitor(known.name, known.role, "token", "")

    async def _basic(self, credentials: str, address: str) -> Visitor | None:
        """Return the user of RFC 7617; one that was right is remembered, for it comes each time."""
        key = hmac.digest(self._key, credentials.encode("utf-8", "surrogatepass"), "sha256")
        if key in self._remembered:
            return self._remembered[key]
        name, password = _name_and_password(credentials)
        role = await self.role_of(name, password, address) if password is not None else None
        if role is None:
            return None
        visitor = Visitor(name, role, "basic", self._csrf(f"basic {name}"))
        if len(self._remembered) >= _REMEMBERED:
            self._remembered.clear()
        self._remembered[key] = visitor
        return visitor

    def _csrf(self, purpose: str) -> str:
        return hmac.digest(self._key, purpose.encode(), "sha256").hex()


def _name_and_password(credentials: str) -> tuple[str, str | None]:
    """Return what basic credentials hold (RFC 7617 2), without a password where they are none."""
    try:
        decoded = base64.b64decode(credentials[:_LONGEST_CREDENTIAL], validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return "", None
    name, colon, password = decoded.partition(":")
    return name, password if colon else None


def _network(address: str) -> str:
    """Return whom an address belongs to: in IPv6 a subscriber has a whole /64 (RFC 6177)."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.version == 6:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return address
