"""TLS contexts for DICOM associations (PS3.15 annex B), from the configuration."""

from __future__ import annotations

import ssl

from atlas_node.config import Tls
from atlas_node.errors import ConfigurationError


def server_context(tls: Tls) -> ssl.SSLContext:
    """Return the context of a listener.

    Raises
    ------
    ConfigurationError
        When a certificate or key cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if tls.verify_peer:
        context.verify_mode = ssl.CERT_REQUIRED
    _load(context, tls, ssl.Purpose.CLIENT_AUTH)
    return context


def client_context(tls: Tls) -> ssl.SSLContext:
    """Return the context for connecting to a peer.

    Raises
    ------
    ConfigurationError
        When a certificate or key cannot be used.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if not tls.verify_peer:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    _load(context, tls, ssl.Purpose.SERVER_AUTH)
    return context


def _load(context: ssl.SSLContext, tls: Tls, purpose: ssl.Purpose) -> None:
    try:
        for path in (tls.certificate, tls.key, tls.ca):
            if path is not None:
                path.open("rb").close()
    except OSError as error:
        raise ConfigurationError(f"tls: cannot use {path}: {error.strerror}") from error
    files, wanted = f"{tls.certificate} with {tls.key}", "certificate and key, not encrypted"
    try:
        if tls.certificate is not None:
            # Without a password OpenSSL would ask for that of an encrypted key on the terminal.
            context.load_cert_chain(tls.certificate, tls.key, password="")
        files, wanted = str(tls.ca), "certificates"
        # Those of the system, or those that are named: never both.
        if tls.ca is not None:
            context.load_verify_locations(tls.ca)
        elif tls.verify_peer:
            context.load_default_certs(purpose)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"tls: cannot use {files}: {error}; expected {wanted}, in PEM"
        ) from error
