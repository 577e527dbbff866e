"""The process log: one line an event on stderr, for a person or for journald.

The supervisor and each worker configure it when they start. It names peers, AE titles and
identifiers of objects; values of data elements never go there.
"""

from __future__ import annotations

import logging
import time


def configure_logging(process: str) -> None:
    """Send log lines of this process to stderr, with its name."""
    formatter = logging.Formatter(
        f"%(asctime)s %(levelname)s {process} %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%SZ"
    )
    formatter.converter = time.gmtime
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
